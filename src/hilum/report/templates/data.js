"use strict";
// What was read: columns for the table, details for the viewer, and the words of the page.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const run = JSON.parse($("#run").textContent);
const pictures = $("#pictures") ? JSON.parse($("#pictures").textContent) : null;
const findings = run.findings;
const F = findings.length;

const rows = {
  n: 0, // rows that have arrived; all of run.counts.read in the end
  names: [],
  packed: new Uint16Array(run.counts.read * F), // probability in 1/32767 above the decision's bit
  flags: [], // codes of warnings
  states: new Map(), // a letter a finding, where not all are told and decided: hilum.report.told
  stems: new Map(), // file names of pictures that differ from the image's name
  boxes: new Map(), // [finding, boxes, score of the surest], where they were looked for
  best: new Uint16Array(run.counts.read), // the finding that lies highest above its operating point
  present: new Uint16Array(run.counts.read), // number of present findings
};
const refused = [];
const details = new Map(); // chunk → rows
const waiting = new Map(); // chunk → promise
let language = "en";

function t(key, values = {}) {
  return run.words[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
const plainName = (finding) => (language === "zh" ? finding.zh : finding.name);
const nameOf = (at) => plainName(findings[at]) + findings[at].suffix;
const count = (n) => n.toLocaleString(language === "zh" ? "zh-TW" : "en");
const percent = (p) => (p > 0 && p < 0.001 ? "< 0.1 %" : `${(100 * p).toFixed(1)} %`);
const probability = (row, at) => (rows.packed[row * F + at] >> 1) / 32767;
const isPresent = (row, at) => (rows.packed[row * F + at] & 1) === 1;
const stateOf = (row, at) => rows.states.get(row)?.[at] ?? ".";
const isTold = (row, at) => ".a".includes(stateOf(row, at));
/** Whether an empty list of findings may be believed. */
const isWhole = (row) => !/[aru]/.test(rows.states.get(row) ?? "");
const stemOf = (row) => rows.stems.get(row) ?? rows.names[row].replaceAll("/", "__");
const pictureOf = (stem) => (pictures ? pictures[stem] : `previews/${encodeURIComponent(stem)}.jpg`);

function bytes(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

/** How far a finding lies above its operating point, in log-odds; present ones before absent ones. */
function lead(row, at) {
  if (!isTold(row, at)) return -1e6 - at; // last, in their order
  const p = Math.min(Math.max(probability(row, at), 1e-9), 1 - 1e-9);
  const op = findings[at].op;
  const odds = Math.log(p / (1 - p)) - Math.log(op / (1 - op));
  return odds + (isPresent(row, at) ? 100 : 0); // probabilities are rounded, decisions are not
}

/** Takes one part of the data; scripts in report-data/ call it. */
function hilumPart(part) {
  if (part.kind === "detail") {
    details.set(part.chunk, part.rows);
  } else if (part.kind === "refused") {
    refused.push(...part.rows);
  } else {
    const data = new DataView(bytes(part.p).buffer);
    part.names.forEach((name, i) => {
      const row = part.start + i;
      rows.names[row] = name;
      rows.flags[row] = part.flags[i].map((code) => part.codes[code]);
      if (part.stems[i]) rows.stems.set(row, part.stems[i]);
      if (part.states[i]) rows.states.set(row, part.states[i]);
      if (part.boxes[i]) rows.boxes.set(row, part.boxes[i]);
      let best = -Infinity;
      for (let at = 0; at < F; at++) {
        rows.packed[row * F + at] = data.getUint16((i * F + at) * 2, true);
        rows.present[row] += isPresent(row, at);
        const ahead = lead(row, at);
        if (ahead > best) [best, rows.best[row]] = [ahead, at];
      }
    });
    rows.n += part.names.length;
  }
}

function loadScript(file) {
  return new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = file;
    script.onload = () => resolve(script.remove());
    script.onerror = () => {
      $("#trouble").textContent = t("lost", { file });
      $("#trouble").hidden = false;
      resolve();
    };
    document.head.append(script);
  });
}

/** Details of a row; null where their file is lost. */
async function detailOf(row) {
  const chunk = Math.floor(row / run.detailRows);
  if (!details.has(chunk)) {
    if (!waiting.has(chunk)) {
      const file = `report-data/detail-${String(chunk).padStart(4, "0")}.js`;
      waiting.set(chunk, loadScript(file));
    }
    await waiting.get(chunk);
    waiting.delete(chunk);
  }
  return details.get(chunk)?.[row % run.detailRows] ?? null;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const STATES = { n: "not_asked", r: "stage_refused", u: "stage_undecided", s: "told_later", a: "no_decision" };

/** A finding that is not told: no bar, no number, and why. */
function blank(row, at) {
  const why = element("span", { className: "why" }, t(STATES[stateOf(row, at)]));
  return element("span", { className: "f untold" }, element("span", { className: "fn" }, nameOf(at)), why);
}

/** One finding with its probability, bar and operating point. */
function bar(row, at) {
  if (!isTold(row, at)) return blank(row, at);
  const p = probability(row, at);
  const finding = findings[at];
  const track = element("span", { className: "track" });
  const fill = element("span", { className: "fill" });
  fill.style.width = `${100 * p}%`;
  const tick = element("span", { className: "tick", title: `${t("op")} ${percent(finding.op)}` });
  tick.style.left = `${100 * finding.op}%`;
  track.append(fill, tick);
  const name = element("span", { className: "fn", title: finding.appearance }, nameOf(at));
  if (!finding.calibrated) name.append(" ", element("span", { className: "badge" }, t("uncalibrated")));
  if (stateOf(row, at) === "a") name.append(" ", element("span", { className: "badge" }, t("no_decision")));
  const box = element("span", { className: "f" }, name, element("span", { className: "p" }, percent(p)), track);
  box.classList.toggle("present", isPresent(row, at));
  box.classList.toggle("uncalibrated", !finding.calibrated);
  return box;
}
