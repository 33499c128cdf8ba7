"use strict";
// Files go to the server one by one, two at a time; then it is asked what became of them.

const facts = JSON.parse($("#upload-facts").textContent);
const say = (key, values = {}) => facts.words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const AT_ONCE = 2;
const LOOK_MS = 1000;
const waiting = [];
const entries = [];
let sending = 0;

class Entry {
  constructor(file, path) {
    this.file = file;
    this.given = new FormData($("#given")); // of now: what is typed later is of other files
    this.what = element("span", { className: "what" }, say("up_waiting"));
    this.bar = element("progress", { max: 100, value: 0 });
    this.bar.setAttribute("aria-label", path);
    this.said = element("div", { className: "said" });
    this.line = element("li", {}, element("span", {}, path), this.what, this.bar, this.said);
    this.state = "waiting"; // then sending, reading, done, refused, lost
    $("#files").append(this.line);
  }

  show(state, text, said = "", bad = false) {
    this.state = state;
    this.what.replaceChildren(text);
    this.said.replaceChildren(said);
    this.said.classList.toggle("bad", bad);
    this.bar.hidden = state !== "sending";
    summarise();
  }

  send() {
    const form = new FormData();
    if (this.given.get("patient_id")) form.append("patient_id", this.given.get("patient_id"));
    if (this.given.get("taken")) form.append("taken", this.given.get("taken").replaceAll("-", ""));
    form.append("file", this.file, "radiograph"); // the name stays here: it may be a patient's
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/readings");
    request.setRequestHeader("X-CSRF-Token", csrf());
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      const percent = event.lengthComputable ? Math.floor((100 * event.loaded) / event.total) : 0;
      this.bar.value = percent;
      this.show("sending", percent < 100 ? say("up_sending", { percent }) : say("up_checking"));
    };
    this.show("sending", say("up_sending", { percent: 0 }));
    return new Promise((resolve) => {
      request.onload = () => resolve(this.answered(request));
      request.onerror = request.ontimeout = () => resolve(this.lost());
      request.send(form);
    });
  }

  lost() {
    const again = element("button", { type: "button" }, say("try_again"));
    again.addEventListener("click", () => enqueue(this));
    this.show("lost", say("up_refused"), "", true);
    this.said.replaceChildren(`${say("up_lost")} `, again);
  }

  async answered(request) {
    const answer = request.response ?? {};
    if (request.status === 200 || request.status === 202) return this.follow(answer);
    if (request.status === 503 || request.status === 429) {
      const seconds = Math.min(60, Number(request.getResponseHeader("Retry-After")) || 10);
      this.show("waiting", say("up_waiting"), say("up_not_now", { why: answer.detail ?? "", seconds }));
      setTimeout(() => enqueue(this), 1000 * seconds);
      return;
    }
    const why = answer.detail ?? (request.status === 401 ? say("signed_out") : String(request.status));
    this.show("refused", say("up_refused"), why, true);
  }

  /** Look after a job until all its radiographs are read. */
  follow(job) {
    this.showJob(job);
    if (job.state !== "running") return;
    setTimeout(async () => {
      try {
        const answer = await fetch(`/v1/jobs/${job.id}`);
        this.follow(answer.ok ? await answer.json() : job);
      } catch {
        this.follow(job);
      }
    }, LOOK_MS);
  }

  showJob(job) {
    const accepted = job.parts.filter((part) => part.instance);
    const refused = job.parts.filter((part) => part.state === "not-accepted");
    const said = [];
    const several = job.parts.length > 1; // of an archive; a part is "1/its path there"
    const inside = (part) => part.name.slice(part.name.indexOf("/") + 1);
    if (several) said.push(element("div", {}, say("up_part", { accepted: accepted.length, all: job.parts.length })));
    for (const part of refused.slice(0, 20)) said.push(element("div", {}, `${inside(part)}: ${part.why}`));
    for (const part of accepted.filter((one) => one.why).slice(0, 20)) said.push(element("div", {}, several ? `${inside(part)}: ${part.why}` : part.why));
    const studies = [...new Map(accepted.filter((part) => part.study).map((part) => [part.study, part]))];
    if (facts.mayView) {
      for (const [study, part] of studies.slice(0, 10)) said.push(element("a", { href: `/studies/${study}` }, several ? inside(part) : say("up_open")), " ");
      if (studies.length > 10) said.push(element("a", { href: "/" }, say("up_more", { n: studies.length - 10 })));
    }
    const states = new Map();
    for (const { state } of accepted) {
      const word = facts.words[`state_${state === "reading" ? "waiting" : state}`] ?? state;
      states.set(word, (states.get(word) ?? 0) + 1);
    }
    const told = [...states].map(([word, n]) => (several ? `${word} ${n}` : word)).join(", ");
    const text = told ? `${say("up_accepted")} · ${told}` : say("up_refused");
    const made = element("span", {}, ...said);
    this.show(job.state === "running" ? "reading" : "done", text, made, refused.length > 0);
    this.bar.hidden = !several || job.state !== "running";
    this.bar.value = (100 * job.finished) / job.files;
  }
}

function summarise() {
  const count = (...states) => entries.filter((one) => states.includes(one.state)).length;
  const refused = count("refused", "lost");
  $("#summary").textContent = say("up_summary", { done: count("done", "refused"), all: entries.length, refused });
  $("#clear").hidden = !count("done");
}

function enqueue(entry) {
  waiting.push(entry);
  pump();
}

async function pump() {
  if (sending >= AT_ONCE || !waiting.length) return;
  sending++;
  await waiting.shift().send();
  sending--;
  pump();
}

function take(files) {
  for (const { file, path } of files) {
    const entry = new Entry(file, path);
    entries.push(entry);
    enqueue(entry);
  }
  pump();
}

/** All files of what was dropped, folders too. */
async function dropped(items) {
  const found = [];
  const walk = async (one, path) => {
    if (one.isFile) {
      found.push({ file: await new Promise((resolve, reject) => one.file(resolve, reject)), path: path + one.name });
    } else {
      const reader = one.createReader();
      for (;;) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) break;
        for (const inner of some) await walk(inner, `${path}${one.name}/`);
      }
    }
  };
  for (const one of items) await walk(one, "");
  return found;
}

const picked = (files) => take([...files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
for (const [button, input] of [["#choose", "#pick"], ["#choose-folder", "#pick-folder"]]) {
  $(button).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", () => {
    picked($(input).files);
    $(input).value = "";
  });
}
$("#given").addEventListener("submit", (event) => event.preventDefault());
$("#clear").addEventListener("click", () => {
  for (const entry of entries.filter((one) => one.state === "done")) {
    entry.line.remove();
    entries.splice(entries.indexOf(entry), 1);
  }
  summarise();
});
let depth = 0;
const drop = $("#drop");
addEventListener("dragenter", () => { depth++; drop.classList.add("over-it"); });
addEventListener("dragleave", () => { if (--depth <= 0) drop.classList.remove("over-it"); });
addEventListener("dragover", (event) => event.preventDefault()); // anywhere: a miss must not open the file
addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  drop.classList.remove("over-it");
  const items = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (items.length) take(await dropped(items));
  else picked(event.dataTransfer.files);
});
addEventListener("beforeunload", (event) => {
  if (entries.some((one) => one.state === "waiting" || one.state === "sending")) event.preventDefault();
});
