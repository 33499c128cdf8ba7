// The viewer: a radiograph with window and level, zoom, and the evidence for any finding over it.

const view = { row: -1, finding: -1, detail: null, zoom: 1, x: 0, y: 0, move: false, aspect: 1, frame: null };
const viewer = $("#viewer");
const stage = $("#stage");

function openViewer(row) {
  if (!viewer.open) viewer.showModal();
  stage.focus();
  showRow(row);
}

function step(by) {
  const at = table.shown.indexOf(view.row);
  const next = table.shown[at + by];
  if (next !== undefined) showRow(next);
}

async function showRow(row) {
  const name = rows.names[row];
  Object.assign(view, { row, detail: null, finding: F ? rows.best[row] : -1 });
  const at = table.shown.indexOf(row);
  $("#v-name").textContent = name;
  $("#v-name").title = name;
  $("#v-place").textContent = at < 0 ? "" : `${count(at + 1)} / ${count(table.shown.length)}`;
  $("#v-prev").disabled = at <= 0;
  $("#v-next").disabled = at < 0 || at === table.shown.length - 1;
  stage.setAttribute("aria-label", t("alt", { name }));
  fit();
  drawFindings();
  drawNotes();
  drawHeat();
  listBoxes();
  drawPicture(row);
  const detail = await detailOf(row);
  if (view.row !== row) return; // the reader has gone on
  view.detail = detail;
  drawNotes();
  drawHeat();
  listBoxes();
  drawBoxes();
}

function drawPicture(row) {
  const canvas = $("#v-picture");
  canvas.width = canvas.height = 0; // never the radiograph before under the name of this one
  const image = new Image();
  const show = (lost) => {
    if (view.row !== row) return;
    $("#v-lost").hidden = !lost;
    if (lost) return;
    view.aspect = image.naturalWidth / image.naturalHeight;
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    place();
    drawHeat();
  };
  image.onload = () => show(false);
  image.onerror = () => show(true);
  image.src = pictureOf(stemOf(row));
}

// ---- window, level, zoom ----

function applyGrey() {
  const width = Number($("#window").value) / 100;
  const level = Number($("#level").value) / 100;
  let slope = 1 / width;
  let intercept = 0.5 - level / width;
  if ($("#invert").checked) [slope, intercept] = [-slope, 1 - intercept];
  $$("#grey feComponentTransfer > *").forEach((channel) => {
    channel.setAttribute("slope", slope);
    channel.setAttribute("intercept", intercept);
  });
  $("#window-out").value = `${$("#window").value} %`;
  $("#level-out").value = `${$("#level").value} %`;
  $("#opacity-out").value = `${$("#opacity").value} %`;
  $("#v-heat").style.opacity = $("#opacity").value / 100;
}

function fit() {
  Object.assign(view, { zoom: 1, x: 0, y: 0 });
  place();
}

function resetView() {
  $("#window").value = 100;
  $("#level").value = 50;
  $("#opacity").value = 100;
  $("#invert").checked = false;
  applyGrey();
  fit();
}

/** Lay the picture into the stage: as large as fits, then zoomed and moved. */
function place() {
  const { clientWidth: w, clientHeight: h } = stage;
  const width = Math.min(w, h * view.aspect);
  const height = width / view.aspect;
  const slack = (size, room) => Math.max(0, (size * view.zoom - room) / 2 + (view.zoom > 1 ? 40 : 0));
  view.x = Math.max(-slack(width, w), Math.min(slack(width, w), view.x));
  view.y = Math.max(-slack(height, h), Math.min(slack(height, h), view.y));
  const layers = $("#layers").style;
  layers.width = `${width}px`;
  layers.height = `${height}px`;
  const left = (w - width * view.zoom) / 2 + view.x;
  const top = (h - height * view.zoom) / 2 + view.y;
  layers.transform = `translate(${left}px, ${top}px) scale(${view.zoom})`;
  view.frame = { left, top, width: width * view.zoom, height: height * view.zoom };
  drawBoxes();
  $("#zoom").value = Math.round(100 * view.zoom);
  $("#zoom-out").value = `${Math.round(100 * view.zoom)} %`;
}

/** Zoom so that the point (x, y), measured from the middle of the stage, stays where it is. */
function zoomTo(zoom, x = 0, y = 0) {
  const to = Math.max(1, Math.min(8, zoom));
  view.x = x - (x - view.x) * (to / view.zoom);
  view.y = y - (y - view.y) * (to / view.zoom);
  view.zoom = to;
  place();
}

const pointers = new Map();

function fromMiddle(event) {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
}

function drag(event) {
  const last = pointers.get(event.pointerId);
  if (!last) return;
  const now = fromMiddle(event);
  const [dx, dy] = [now[0] - last[0], now[1] - last[1]];
  if (pointers.size === 2) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const gap = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
    view.x += dx / 2;
    view.y += dy / 2;
    zoomTo((view.zoom * gap(now)) / gap(last), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  } else if (view.move || event.shiftKey || event.buttons > 1) {
    view.x += dx;
    view.y += dy;
    place();
  } else {
    $("#window").value = Number($("#window").value) + dx / 3;
    $("#level").value = Number($("#level").value) + dy / 4;
    applyGrey();
  }
  pointers.set(event.pointerId, now);
}

function setMove(move) {
  view.move = move;
  $("#m-move").setAttribute("aria-pressed", move);
  $("#m-window").setAttribute("aria-pressed", !move);
  stage.classList.toggle("moving", move);
}

// ---- heatmap ----

const colours = Array.from({ length: 256 }, (_, i) => rampColour(i / 255, run.ramp));

/** How the evidence is scaled: hilum.report.pictures says why. */
function drawHeat() {
  const canvas = $("#v-heat");
  const picture = $("#v-picture");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const hint = $("#v-heat-hint");
  if (!view.detail) return void (hint.textContent = "");
  if (!view.detail.grids.length) return void (hint.textContent = t("no_heatmap"));
  hint.textContent = t("pick_heatmap");
  if (view.finding < 0) return;
  const { finding: key, op } = findings[view.finding];
  const group = isTold(view.row, view.finding) && view.detail.grids.find((g) => key in g.maps);
  if (!group) return void (hint.textContent = t("no_heatmap"));
  const [peak, data] = group.maps[key];
  if (!peak) return void (hint.textContent = t("no_evidence"));
  if (!canvas.width) return;
  const scale = (peak / Math.max(peak, 1)) * Math.min(1, probability(view.row, view.finding) / op);
  const by = run.enlarge;
  const big = enlarge(bytes(data), group.w, group.h, by);
  const small = element("canvas", { width: group.w * by, height: group.h * by });
  const image = new ImageData(small.width, small.height);
  big.forEach((value, i) => {
    const index = Math.max(0, Math.min(255, Math.round(value * scale)));
    image.data.set(colours[index], 4 * i);
  });
  small.getContext("2d").putImageData(image, 0, 0);
  const [a, b, tx, c, d, ty] = group.to;
  const pen = canvas.getContext("2d");
  const { width: W, height: H } = canvas;
  pen.imageSmoothingQuality = "high";
  pen.setTransform(a * W, c * H, b * W, d * H, tx * W, ty * H);
  pen.drawImage(small, 0, 0, group.w, group.h);
}

function drawFindings() {
  const order = findings.map((_, at) => at);
  order.sort((x, y) => lead(view.row, y) - lead(view.row, x));
  const n = rows.present[view.row];
  if (!F) return void $("#v-verdict").replaceChildren(t("boxes_alone"));
  const present = n ? `${t("present")}: ${order.slice(0, n).map(nameOf).join(" · ")}` : isWhole(view.row) ? t("none_above") : t("not_whole");
  $("#v-verdict").replaceChildren(present, ...leftOpen(view.row));
  $("#v-findings").replaceChildren(...order.map((at) => {
    const button = element("button", { type: "button" }, bar(view.row, at));
    button.dataset.at = at;
    button.setAttribute("aria-pressed", at === view.finding);
    button.addEventListener("click", () => pick(view.finding === at ? -1 : at));
    return button;
  }));
}

function pick(at) {
  view.finding = at;
  for (const button of $("#v-findings").children) {
    const on = Number(button.dataset.at) === at;
    button.setAttribute("aria-pressed", on);
    if (on) button.scrollIntoView({ block: "nearest" });
  }
  drawHeat();
}

function pickNext(by) {
  if (!F) return;
  const order = [...$("#v-findings").children].map((button) => Number(button.dataset.at));
  pick(order[(order.indexOf(view.finding) + by + order.length) % order.length] ?? order[0]);
}

function drawNotes() {
  const place = $("#v-notes");
  const detail = view.detail;
  if (!detail) return place.replaceChildren();
  const made = [];
  const list = (title, notes, className) => {
    if (!notes.length) return;
    made.push(element("h3", {}, t(title)));
    made.push(element("ul", { className }, ...notes.map(([, message]) => element("li", {}, message))));
  };
  if (detail.stages.length) {
    const told = detail.stages.map(([stage, outcome, why, distance]) => {
      const far = distance === null ? "" : ` · ${t("distance")} ${distance.toFixed(2)}`;
      const line = `${t(`outcome_${outcome.replace("-", "_")}`)}${why ? `: ${why}` : ""}${far}`;
      return element("li", {}, element("b", {}, stage), ` – ${line}`);
    });
    made.push(element("h3", {}, t("stages")), element("ul", {}, ...told));
  }
  list("warnings", detail.warnings, "warnings");
  list("notes", detail.notes, "");
  const facts = [[t("format"), detail.format], [t("size"), `${detail.shape[1]} × ${detail.shape[0]} px`]];
  const [distance, limit] = detail.distance;
  if (distance !== null && !detail.stages.length) {
    const bound = limit === null ? "" : ` (${t("limit")} ${limit.toFixed(2)})`;
    facts.push([t("distance"), distance.toFixed(2) + bound]);
  }
  for (const [key, value] of Object.entries(detail.acquisition)) {
    facts.push([key.replaceAll("_", " "), Array.isArray(value) ? value.join(" × ") : String(value)]);
  }
  made.push(element("h3", {}, t("picture_facts")));
  made.push(element("dl", {}, ...facts.flatMap(([k, v]) => [element("dt", {}, k), element("dd", {}, v)])));
  place.replaceChildren(...made);
}

function press(event) {
  const typed = event.target.matches?.("input[type=range]");
  const keys = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1),
    ArrowUp: () => pickNext(-1), ArrowDown: () => pickNext(1),
    i: () => { $("#invert").checked = !$("#invert").checked; applyGrey(); },
    h: () => { $("#opacity").value = $("#opacity").value > 0 ? 0 : 100; applyGrey(); },
    b: toggleBoxes,
    0: resetView, "+": () => zoomTo(view.zoom * 1.25), "-": () => zoomTo(view.zoom / 1.25),
  };
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey || (typed && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  act();
}
