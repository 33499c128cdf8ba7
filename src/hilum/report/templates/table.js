// The two tables: filtered, sorted and shown a page at a time.

const PAGE = 50;
const table = { shown: [], page: 0, sort: "name", down: false };
const refusals = { shown: [], page: 0 };
const columnOf = (row) => (filters.column < 0 ? rows.best[row] : filters.column);
let filters = { text: "", present: "any", column: -1, least: 0, flagged: false, boxes: "any" };

function readFilters() {
  filters = {
    text: $("#f-text").value.trim().toLowerCase(),
    present: $("#f-present").value,
    column: Number($("#f-column").value),
    least: Number($("#f-least").value) / 100,
    flagged: $("#f-flagged").checked,
    boxes: $("#f-boxes")?.value ?? "any",
  };
  $("#f-least-out").value = `${Math.round(100 * filters.least)} %`;
  $("#table").classList.toggle("strongest", filters.column < 0);
  $("#column-name").textContent = filters.column < 0 ? t("strongest") : nameOf(filters.column);
}

function matchesText(row, text) {
  if (rows.names[row].toLowerCase().includes(text)) return true;
  if (rows.flags[row].some((code) => code.includes(text))) return true;
  return findings.some(
    (f, at) => isPresent(row, at) && (f.name.toLowerCase().includes(text) || f.zh.includes(text)),
  );
}

/** Whether the boxes of an image are wanted; where none were looked for, nothing is known. */
function matchesBoxes(found, wanted) {
  if (!found) return false;
  if (wanted === "some" || wanted === "none") return (found.length > 0) === (wanted === "some");
  return found.some(([kind]) => kind === Number(wanted));
}

function matches(row) {
  const { text, present, least, flagged, boxes } = filters;
  if (present === "some" && !rows.present[row]) return false;
  if (present === "none" && (rows.present[row] || !isWhole(row))) return false;
  if (!isNaN(present) && !isPresent(row, Number(present))) return false;
  if (boxes !== "any" && !matchesBoxes(rows.boxes.get(row), boxes)) return false;
  if (flagged && !rows.flags[row].length) return false;
  if (least && probability(row, columnOf(row)) < least) return false;
  return !text || matchesText(row, text);
}

function sortKey(row) {
  if (table.sort === "present") return rows.present[row];
  if (table.sort === "flags") return rows.flags[row].length;
  return isTold(row, columnOf(row)) ? probability(row, columnOf(row)) : -1;
}

function applyFilters() {
  if (!$("#table")) return;
  readFilters();
  table.shown = [];
  for (let row = 0; row < rows.names.length; row++) {
    if (rows.names[row] !== undefined && matches(row)) table.shown.push(row);
  }
  if (table.sort !== "name") {
    const sign = table.down ? -1 : 1;
    const keys = new Float64Array(rows.names.length);
    for (const row of table.shown) keys[row] = sortKey(row);
    table.shown.sort((a, b) => sign * (keys[a] - keys[b]) || a - b);
  } else if (table.down) {
    table.shown.reverse(); // rows come sorted by name
  }
  drawTable();
}

function drawTable() {
  const { shown } = table;
  table.page = Math.max(0, Math.min(table.page, Math.ceil(shown.length / PAGE) - 1));
  const status = t("shown", { shown: count(shown.length), all: count(run.counts.read) });
  const wait = rows.n < run.counts.read ? ` · ${t("loading", { done: count(rows.n), all: count(run.counts.read) })}` : "";
  $("#count").textContent = status + wait;
  const body = shown.slice(table.page * PAGE, (table.page + 1) * PAGE).map(drawRow);
  if (!body.length) body.push(emptyRow(5, wait ? t("loading", { done: rows.n, all: run.counts.read }) : t("no_match")));
  $("#rows").replaceChildren(...body);
  drawPager($("#pager"), table, shown.length, drawTable);
}

function emptyRow(span, text) {
  return element("tr", {}, element("td", { colSpan: span, className: "none" }, text));
}

function drawRow(row) {
  const name = rows.names[row];
  const image = element("img", { src: pictureOf(stemOf(row)), alt: t("alt", { name }), loading: "lazy", decoding: "async" });
  const thumb = element("button", { type: "button", className: "thumb", tabIndex: -1 }, image);
  const link = element("button", { type: "button", className: "name" }, name);
  const present = findings.map((_, at) => at).filter((at) => isPresent(row, at));
  present.sort((a, b) => lead(row, b) - lead(row, a));
  const found = present.map((at) => bar(row, at));
  if (F && !present.length && isWhole(row)) found.push(element("span", { className: "none" }, t("none_above")));
  found.push(...leftOpen(row), ...boxMarks(row));
  const codes = rows.flags[row].map((code) => element("span", { className: "code" }, code.replaceAll("-", " ")));
  const line = element("tr", {},
    element("td", {}, thumb), element("td", {}, link), element("td", {}, ...found),
    element("td", {}, ...(F ? [bar(row, columnOf(row))] : [])), element("td", {}, ...codes));
  line.addEventListener("click", () => openViewer(row));
  return line;
}

/** What nobody told of an image, in a line each: it must not look like a normal one. */
function leftOpen(row) {
  const letters = [...(rows.states.get(row) ?? "")];
  const those = (letter) => letters.flatMap((one, at) => (one === letter ? [nameOf(at)] : []));
  return ["r", "u", "a", "n"].filter((letter) => letters.includes(letter)).map((letter) => {
    const names = those(letter);
    const said = names.length > 3 ? t("n_findings", { n: count(names.length) }) : names.join(" · ");
    return element("span", { className: letter === "n" ? "none open" : "open bad" }, `${t(STATES[letter])}: ${said}`);
  });
}

function drawPager(place, state, total, redraw) {
  const pages = Math.ceil(total / PAGE);
  const button = (key, page, off) => {
    const made = element("button", { type: "button", disabled: off }, t(key));
    made.addEventListener("click", () => {
      state.page = page;
      redraw();
      place.closest("section").scrollIntoView();
    });
    return made;
  };
  if (pages < 2) return place.replaceChildren();
  const at = state.page;
  place.replaceChildren(
    button("first", 0, at === 0), button("previous", at - 1, at === 0),
    element("span", {}, t("page_of", { page: count(at + 1), pages: count(pages) })),
    button("next", at + 1, at === pages - 1), button("last", pages - 1, at === pages - 1));
}

function applyRefused() {
  if (!$("#r-table")) return;
  const text = $("#r-text").value.trim().toLowerCase();
  refusals.shown = refused.filter((r) => !text || JSON.stringify(r).toLowerCase().includes(text));
  drawRefused();
}

function drawRefused() {
  const { shown } = refusals;
  refusals.page = Math.max(0, Math.min(refusals.page, Math.ceil(shown.length / PAGE) - 1));
  $("#r-count").textContent = t("shown_refused", { shown: count(shown.length), all: count(run.counts.refused) });
  const body = shown.slice(refusals.page * PAGE, (refusals.page + 1) * PAGE).map((r) => {
    const stamp = element("div", { className: "stamp" });
    if (r.stem) stamp.append(element("img", { src: pictureOf(r.stem), alt: t("alt", { name: r.name }), loading: "lazy" }));
    stamp.append(element("span", {}, t("not_read")));
    const reasons = r.reasons.map(([code, message]) =>
      element("p", {}, element("span", { className: "code" }, code.replaceAll("-", " ")), message));
    return element("tr", {}, element("td", {}, stamp), element("td", {}, r.name),
      element("td", {}, t(r.stage)), element("td", {}, ...reasons));
  });
  if (!body.length) body.push(emptyRow(4, t("no_match")));
  $("#r-rows").replaceChildren(...body);
  drawPager($("#r-pager"), refusals, shown.length, drawRefused);
}

function sortBy(button) {
  const by = button.dataset.sort;
  table.down = table.sort === by ? !table.down : by !== "name"; // numbers begin with the greatest
  table.sort = by;
  table.page = 0;
  $$("#table th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
  button.closest("th").setAttribute("aria-sort", table.down ? "descending" : "ascending");
  applyFilters();
}
