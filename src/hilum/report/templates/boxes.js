// Boxes over the radiograph: on a canvas of the stage's own size, so that lines stay thin at any zoom.

const boxed = run.boxed; // findings that boxes were looked for, each with its colour
const unseen = new Set(); // those that the reader has switched off
const LISTED = 20;
let pointed = -1; // the box whose line in the list is pointed at

const boxName = (kind) => (language === "zh" ? boxed[kind].zh : boxed[kind].name);
const shownBoxes = () => (view.detail?.boxes ?? []).map((box, at) => ({ ...box, at })).filter((box) => !unseen.has(box.kind));

/** Whether a box of a kind could be found on an image: those of heatmaps are drawn of present findings alone. */
const isSought = (row, kind) => boxed[kind].drawn || findings.some((f, at) => f.finding === boxed[kind].key && isPresent(row, at));
/** Names of the present findings of an image that are none of these kinds. */
function notSought(row, kinds) {
  const keys = new Set(kinds.map((kind) => boxed[kind].key));
  return findings.map((_, at) => at).filter((at) => isPresent(row, at) && !keys.has(findings[at].finding)).map(nameOf).join(t("comma"));
}

/** Draw what is switched on; `frame` is where the radiograph lies on the stage. */
function drawBoxes() {
  const canvas = $("#v-boxes");
  if (!canvas) return;
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(stage.clientWidth * ratio);
  canvas.height = Math.round(stage.clientHeight * ratio);
  if (!$("#v-picture").width || !$("#boxes-on").checked || !view.frame) return;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const boxes = shownBoxes();
  boxes.reverse(); // the surest on top
  for (const box of boxes) outlineBox(pen, box);
  const taken = [];
  for (const box of boxes.reverse()) {
    if (pointed < 0 ? box.at < LISTED : box.at === pointed) writeName(pen, box, taken);
  }
}

function onStage([left, top, right, bottom]) {
  const { frame } = view;
  return [frame.left + left * frame.width, frame.top + top * frame.height, (right - left) * frame.width, (bottom - top) * frame.height];
}

function outlineBox(pen, box) {
  const strong = pointed === box.at;
  pen.globalAlpha = pointed < 0 || strong ? 1 : 0.35;
  pen.setLineDash(box.outside ? [9, 5] : []);
  for (const [ink, width] of [["#000", strong ? 7 : 5], [boxed[box.kind].colour, strong ? 4 : 3]]) {
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.strokeRect(...onStage(box.corners));
  }
  pen.globalAlpha = 1;
}

/** Finding and score beside a box, where no other words stand. */
function writeName(pen, box, taken) {
  const words = `${boxName(box.kind)} ${box.score.toFixed(2)}`;
  pen.font = "600 13px system-ui, sans-serif";
  const [wide, high] = [pen.measureText(words).width + 10, 20];
  const [left, top, , tall] = onStage(box.corners);
  const x = Math.max(0, Math.min(left - 1, stage.clientWidth - wide));
  const meets = (y) => taken.some(([a, b, c]) => x < a + c && a < x + wide && y < b + high && b < y + high);
  const fits = (y) => y >= 0 && y + high <= stage.clientHeight;
  const places = [top - high - 2, top + tall + 2, ...Array.from({ length: 12 }, (_, i) => top + 2 + i * high)].filter(fits);
  if (!places.length) return; // moved off the stage
  const y = places.find((one) => !meets(one)) ?? places[0];
  taken.push([x, y, wide]);
  pen.fillStyle = "rgb(0 0 0 / 75%)";
  pen.fillRect(x, y, wide, high);
  pen.fillStyle = boxed[box.kind].colour;
  pen.fillText(words, x + 5, y + 14.5);
}

/** One line for the list: score, zones, size, and how much of it lies in the lungs. */
function boxLine(box) {
  const parts = box.outside ? [] : [box.zones.map((zone) => (language === "zh" ? run.zones[zone] ?? zone : zone)).join(t("comma"))];
  if (box.share !== null) {
    const share = box.share > 0 && box.share < 0.005 ? "< 1" : (100 * box.share).toFixed(0);
    parts.push(t(box.outside ? "outside_lungs" : "in_lungs", { share }));
  } else parts.push(t("lungs_unknown"));
  const plane = { detector: "at_detector", unknown: "at_unknown" }[view.detail.acquisition.spacing_at];
  if (box.mm) parts.push(`${box.mm.map((mm) => mm.toFixed(0)).join(" × ")} mm${plane ? ` ${t(plane)}` : ""}`);
  if (box.stage) parts.push(box.stage);
  const line = element("button", { type: "button", className: "box" }, element("b", {}, box.score.toFixed(2)), ` ${parts.filter(Boolean).join(" · ")}`);
  line.dataset.at = box.at;
  const point = (at) => () => { pointed = at; drawBoxes(); };
  for (const event of ["pointerenter", "focus"]) line.addEventListener(event, point(box.at));
  for (const event of ["pointerleave", "blur"]) line.addEventListener(event, point(-1));
  return line;
}

function listBoxes() {
  const place = $("#v-boxlist");
  if (!place) return;
  pointed = -1;
  const detail = view.detail;
  if (!detail) return void place.replaceChildren();
  const order = boxed.map((_, kind) => kind).filter((kind) => detail.boxed.includes(kind));
  const made = order.map((kind) => {
    const mine = detail.boxes.map((box, at) => ({ ...box, at })).filter((box) => box.kind === kind);
    if (!mine.length) return null;
    const check = element("input", { type: "checkbox", checked: !unseen.has(kind) });
    check.addEventListener("input", () => {
      if (check.checked) unseen.delete(kind); else unseen.add(kind);
      drawBoxes();
    });
    const swatch = element("span", { className: "swatch" });
    swatch.style.borderColor = boxed[kind].colour;
    const told = mine.length > 1 ? ` × ${count(mine.length)}` : "";
    const lines = mine.slice(0, LISTED).map(boxLine);
    if (mine.length > LISTED) lines.push(element("p", { className: "hint" }, t("more_boxes", { n: count(mine.length - LISTED) })));
    return element("div", { className: "boxkind" }, element("label", {}, check, " ", swatch, ` ${boxName(kind)}${told}`), ...lines);
  }).filter(Boolean);
  const none = order.filter((kind) => isSought(view.row, kind) && !detail.boxes.some((box) => box.kind === kind));
  if (none.length) made.push(element("p", { className: "hint" }, t("box_none", { kinds: none.map(boxName).join(t("comma")) })));
  const others = order.length ? notSought(view.row, order) : "";
  if (others) made.push(element("p", { className: "hint" }, t("box_not_sought", { kinds: others })));
  if (order.length && !made.length) made.push(element("p", { className: "hint" }, t("box_of_none")));
  const origins = [...new Set(detail.boxes.map((box) => box.origin))];
  const hints = [...origins.map((origin) => t(`box_${origin}`)), ...(detail.boxes.length ? [t("boxes_hint")] : [])];
  if (!order.length) hints.push(t("boxes_not_asked"));
  place.replaceChildren(...made, element("p", { className: "hint" }, hints.join(" ")));
}

/** What was found on an image, for the table: a mark a finding. */
function boxMarks(row) {
  if (!boxed.length) return [];
  const found = rows.boxes.get(row);
  if (!found) return [element("div", {}, element("span", { className: "boxmark" }, t("boxes_not_asked")))];
  const kinds = boxed.map((_, kind) => kind);
  const others = notSought(row, kinds);
  const marks = found.map(([kind, n, surest]) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.borderColor = boxed[kind].colour;
    const many = n > 1 ? ` × ${count(n)}` : "";
    return element("span", { className: "boxmark", title: t("surest_box", { score: surest.toFixed(2) }) }, swatch, ` ${boxName(kind)}${many} · ${surest.toFixed(2)}`);
  });
  if (!marks.length && (!others || kinds.some((kind) => isSought(row, kind)))) marks.push(element("span", { className: "boxmark" }, t("no_box")));
  if (others) marks.push(element("span", { className: "boxmark" }, t("box_not_sought", { kinds: others })));
  return [element("div", {}, ...marks)];
}

function toggleBoxes() {
  if (!$("#boxes-on")) return;
  $("#boxes-on").checked = !$("#boxes-on").checked;
  drawBoxes();
}
