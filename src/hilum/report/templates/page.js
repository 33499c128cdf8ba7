// Ties the parts together.

function translate() {
  document.documentElement.lang = language === "zh" ? "zh-Hant" : "en";
  $$("[data-t]").forEach((place) => (place.textContent = t(place.dataset.t)));
  $$("[data-f]").forEach((place) => {
    const at = findings.findIndex((f) => f.key === place.dataset.f);
    const any = findings.find((f) => f.finding === place.dataset.f);
    if (at >= 0) place.textContent = nameOf(at);
    else if (any) place.textContent = plainName(any);
  });
  $$("[data-title]").forEach((place) => {
    place.title = t(place.dataset.title);
    place.setAttribute("aria-label", place.title);
  });
  $("#language").textContent = language === "zh" ? "English" : "繁體中文";
  $("#language").lang = language === "zh" ? "en" : "zh-Hant";
  $$("[data-k]").forEach((place) => {
    const kind = boxed.findIndex((one) => one.key === place.dataset.k);
    if (kind >= 0) place.textContent = boxName(kind);
  });
  $$("[data-b]").forEach((place) => (place.textContent = boxName(Number(place.dataset.b))));
  applyFilters();
  applyRefused();
}

function showTimes() {
  $$("time").forEach((place) => (place.textContent = new Date(place.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })));
}

function listen() {
  $("#language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    translate();
  });
  $("#theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  for (const form of $$("form")) form.addEventListener("submit", (event) => event.preventDefault());
  const again = () => { table.page = 0; applyFilters(); };
  $("#filters")?.addEventListener("input", again);
  $("#filters")?.addEventListener("reset", () => setTimeout(again));
  $("#r-filters")?.addEventListener("input", () => { refusals.page = 0; applyRefused(); });
  $$("[data-sort]").forEach((button) => button.addEventListener("click", () => sortBy(button)));
  $("#v-prev").addEventListener("click", () => step(-1));
  $("#v-next").addEventListener("click", () => step(1));
  $("#v-close").addEventListener("click", () => viewer.close());
  $("#v-reset").addEventListener("click", resetView);
  $("#m-window").addEventListener("click", () => setMove(false));
  $("#m-move").addEventListener("click", () => setMove(true));
  for (const id of ["window", "level", "opacity", "invert"]) $(`#${id}`).addEventListener("input", applyGrey);
  $("#boxes-on")?.addEventListener("input", drawBoxes);
  $("#zoom").addEventListener("input", () => zoomTo($("#zoom").value / 100));
  viewer.addEventListener("keydown", press);
  viewer.addEventListener("close", () => (view.row = -1));
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, fromMiddle(event));
  });
  stage.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", resetView);
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(view.zoom * Math.exp(-event.deltaY / 400), ...fromMiddle(event));
  }, { passive: false });
  new ResizeObserver(place).observe(stage);
}

async function start() {
  for (const part of $$("script.part")) hilumPart(JSON.parse(part.textContent));
  if (/^zh\b/i.test(navigator.language)) language = "zh";
  listen();
  showTimes();
  applyGrey();
  translate();
  for (const file of run.files) {
    await loadScript(file);
    applyFilters();
    applyRefused();
  }
  document.documentElement.dataset.ready = "yes";
}

start();
