"use strict";
// The study's page: what the buttons and keys do to the radiograph.

const facts = $("#reading-facts") ? JSON.parse($("#reading-facts").textContent) : null;
const stage = $("#stage");
const viewer = stage ? new RadiographViewer(stage) : null;
const say = (key) => facts.words[key];
const shown = { finding: null, grids: null };

function bytes(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

// ---- the picture ----

function showState({ window, level, zoom, opacity, invert }) {
  for (const [id, value] of Object.entries({ window, level, zoom, opacity })) {
    const range = $(`#${id}`);
    if (!range) continue;
    range.value = Math.round(100 * value);
    $(`#${id}-out`).value = `${Math.round(100 * value)} %`;
  }
  $("#invert").checked = invert;
}

function setMove(move) {
  viewer.moving = move;
  $("#m-move").setAttribute("aria-pressed", move);
  $("#m-window").setAttribute("aria-pressed", !move);
  stage.classList.toggle("moving", move);
}

function wirePicture() {
  stage.addEventListener("viewer:change", () => showState(viewer.state));
  for (const id of ["window", "level", "opacity"]) {
    $(`#${id}`)?.addEventListener("input", (event) => viewer.set({ [id]: event.target.value / 100 }));
  }
  $("#zoom").addEventListener("input", (event) => viewer.zoomTo(event.target.value / 100));
  $("#invert").addEventListener("input", (event) => viewer.set({ invert: event.target.checked }));
  $("#v-reset").addEventListener("click", () => viewer.reset());
  $("#m-window").addEventListener("click", () => setMove(false));
  $("#m-move").addEventListener("click", () => setMove(true));
  showState(viewer.state);
  viewer.ready.then((came) => { $("#v-lost").hidden = came; });
}

// ---- findings and their heatmaps ----

function drawHeat() {
  const hint = $("#v-heat-hint");
  const key = shown.finding;
  const { grids } = shown;
  const group = key && grids?.find((one) => key in one.maps);
  const peak = group ? group.maps[key][0] : 0;
  hint.textContent = !grids ? "" : !grids.length || (key && !group) ? say("no_heatmap") : key && !peak ? say("no_evidence") : say("pick_heatmap");
  if (!peak) return viewer.drawHeat(null);
  const { p, op } = facts.findings[key];
  const scale = (peak / Math.max(peak, 1)) * Math.min(1, p / op);
  viewer.drawHeat({ w: group.w, h: group.h, to: group.to, values: bytes(group.maps[key][1]), scale }, facts.ramp, facts.enlarge);
}

const findingButtons = () => $$("#v-findings button");

function pick(key) {
  shown.finding = key;
  for (const button of findingButtons()) {
    const on = button.dataset.finding === key;
    button.setAttribute("aria-pressed", on);
    if (on && document.activeElement?.closest("#v-findings, #stage")) button.scrollIntoView({ block: "nearest" });
  }
  drawHeat();
}

function pickNext(by) {
  const keys = findingButtons().map((button) => button.dataset.finding);
  const at = keys.indexOf(shown.finding);
  if (keys.length) pick(keys[(at + by + keys.length + (at < 0 && by < 0 ? 1 : 0)) % keys.length]);
}

function wireFindings() {
  for (const button of findingButtons()) {
    button.addEventListener("click", () => pick(shown.finding === button.dataset.finding ? null : button.dataset.finding));
  }
}

async function loadGrids() {
  const answer = await fetch(`/readings/${facts.reading}/grids.json`);
  const found = answer.ok ? await answer.json() : { grids: [], boxes: [] };
  await viewer.ready;
  shown.grids = found.grids;
  viewer.boxes = facts.boxes.map((box, at) => ({ ...box, corners: found.boxes[at] })).filter((box) => box.corners);
  viewer.drawBoxes();
  pick($("#v-findings .present")?.closest("button").dataset.finding ?? null); // nothing is lit where nothing is present
}

// ---- boxes ----

function toggleBoxes() {
  const check = $("#boxes-on");
  if (!check) return;
  check.checked = !check.checked;
  viewer.showBoxes = check.checked;
  viewer.drawBoxes();
}

function wireBoxes() {
  $("#boxes-on")?.addEventListener("input", (event) => {
    viewer.showBoxes = event.target.checked;
    viewer.drawBoxes();
  });
  for (const check of $$("[data-kind]")) {
    check.addEventListener("input", () => {
      for (const box of viewer.boxes) if (box.finding === check.dataset.kind) box.hidden = !check.checked;
      viewer.drawBoxes();
    });
  }
  for (const line of $$("#v-boxlist .box")) {
    const point = (at) => () => { viewer.pointed = at; viewer.drawBoxes(); };
    for (const event of ["pointerenter", "focus"]) line.addEventListener(event, point(Number(line.dataset.at)));
    for (const event of ["pointerleave", "blur"]) line.addEventListener(event, point(-1));
  }
}

// ---- keys ----

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const go = (selector) => () => $(selector)?.click();
  const onStage = viewer && {
    ArrowUp: () => pickNext(-1), ArrowDown: () => pickNext(1),
  };
  const keys = {
    n: go("#next-study"), r: go("#mark-reviewed"), u: go("#to-worklist"), ArrowLeft: go("#previous-image"), ArrowRight: go("#next-image"),
    "?": () => $("#keys").showModal(),
    ...(viewer && {
      i: () => viewer.set({ invert: !viewer.state.invert }),
      h: () => viewer.set({ opacity: viewer.state.opacity > 0 ? 0 : RadiographViewer.start().opacity }),
      b: toggleBoxes, 0: () => viewer.reset(),
      "+": () => viewer.zoomTo(viewer.state.zoom * 1.25), "-": () => viewer.zoomTo(viewer.state.zoom / 1.25),
      ...(facts && event.target.closest("#stage, #v-findings") ? onStage : {}),
    }),
  };
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

if (viewer) wirePicture();
if (viewer && facts) {
  wireFindings();
  wireBoxes();
  loadGrids();
}
addEventListener("keydown", press);
$("#keys-open").addEventListener("click", () => $("#keys").showModal());
$("#keys-close").addEventListener("click", () => $("#keys").close());
