"use strict";
// An earlier radiograph beside this one: both move and change together, and one can be laid on the other.

const visits = { prior: null, now: null, laid: null, words: {}, opacity: 0 };

/** The place of the stage's middle on a picture, in shares of its sides from its own middle. */
const middleOf = ({ x, y, zoom }) => [-x / zoom, -y / zoom];

/** Points of one picture to points of the other, both in shares from the middles. */
function across(matrix, [x, y], from, to) {
  const [[a, b, tx], [c, d, ty]] = matrix;
  const px = (x + 0.5) * from.width;
  const py = (y + 0.5) * from.height;
  return [(a * px + b * py + tx) / to.width - 0.5, (c * px + d * py + ty) / to.height - 0.5];
}

function inverted([[a, b, tx], [c, d, ty]]) {
  const det = a * d - b * c;
  return [[d / det, -b / det, (b * ty - d * tx) / det], [-c / det, a / det, (c * tx - a * ty) / det]];
}

/** Let one viewer show the same part of the chest, in the same grey levels, as another. */
function follow(leader, other) {
  const { window, level, invert, zoom } = leader.state;
  const change = { window, level, invert, zoom, x: leader.state.x, y: leader.state.y };
  const crosses = leader === visits.prior || other === visits.prior;
  if (crosses && visits.laid && zoom > 1) {
    const matrix = leader === visits.prior ? visits.laid.matrix : inverted(visits.laid.matrix);
    const scale = Math.sqrt(Math.abs(matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0]));
    const shown = (viewer) => viewer.fitted[0] / viewer.picture.width;
    const [x, y] = across(matrix, middleOf(leader.state), leader.picture, other.picture);
    change.zoom = Math.max(1, Math.min(8, (zoom * shown(leader)) / (scale * shown(other))));
    change.x = -x * change.zoom;
    change.y = -y * change.zoom;
  }
  other.set(change, { quiet: true });
  if (other !== visits.now && other !== visits.prior && typeof showState === "function") showState(other.state);
}

/** The earlier picture, in its grey levels, over this one. */
function drawOverlay() {
  const { now, prior, laid } = visits;
  if (!laid || !now.grey || !prior.grey) return;
  const pen = now.overlay.getContext("2d");
  const [[a, b, x], [c, d, y]] = laid.matrix;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, now.overlay.width, now.overlay.height);
  pen.setTransform(a, c, b, d, x, y);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(prior.picture, 0, 0);
}

function showOverlay(share) {
  visits.opacity = share;
  visits.now.overlay.style.opacity = share;
  $("#visits-overlay").value = Math.round(100 * share);
  $("#visits-overlay-out").value = `${Math.round(100 * share)} %`;
  $("#visits-flip").setAttribute("aria-pressed", share === 1);
  if (share) requestAnimationFrame(drawOverlay);
}

function flip() {
  if (visits.laid) showOverlay(visits.opacity === 1 ? 0 : 1);
}

async function lay(panes) {
  const told = $("#visits-laid");
  const { words: said } = visits;
  told.textContent = said.visits_laying;
  try {
    const answer = await fetch(panes.dataset.laid);
    if (!answer.ok) throw new Error(answer.status);
    const found = await answer.json();
    if (!panes.isConnected) return;
    if (found.reasons) {
      told.textContent = `${said.visits_not_laid} ${found.reasons.join(" ")}`;
      return;
    }
    visits.laid = found;
    const how = said[found.refined ? "visits_laid" : "visits_outlines"];
    told.textContent = [how.replace("{lungs}", found.lungs.toFixed(2)), ...found.notes].join(" ");
    for (const id of ["#visits-flip", "#visits-overlay"]) $(id).disabled = false;
  } catch {
    if (panes.isConnected) told.textContent = said.visits_no_answer;
  }
}

/** The viewers that go together: both panes, and the large one of the page. */
function together() {
  const large = typeof viewer === "undefined" ? null : viewer;
  return [visits.now, visits.prior, large].filter((one) => one?.grey && one.stage.isConnected);
}

function startPanes(panes) {
  visits.words = JSON.parse(panes.dataset.words);
  visits.laid = null;
  visits.prior = new RadiographViewer($("#prior-stage"));
  visits.now = new RadiographViewer($("#now-stage"));
  $("#visits-flip").addEventListener("click", flip);
  $("#visits-overlay").addEventListener("input", (event) => showOverlay(event.target.value / 100));
  $("#visits-reset").addEventListener("click", () => visits.now.reset());
  Promise.all([visits.prior.ready, visits.now.ready]).then(([prior, now]) => {
    if (prior && now) lay(panes);
    else $("#visits-laid").textContent = visits.words.visits_no_answer;
  });
}

/** Two large pictures are loaded once somebody comes to look at them. */
function startWhenSeen(panes) {
  const watch = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    watch.disconnect();
    startPanes(panes);
  }, { rootMargin: "100px" });
  watch.observe(panes);
}

document.addEventListener("htmx:load", (event) => {
  const panes = event.detail.elt.matches?.(".panes") ? event.detail.elt : $(".panes", event.detail.elt);
  if (panes && !panes.dataset.started) {
    panes.dataset.started = "yes";
    startWhenSeen(panes);
  }
});
document.addEventListener("viewer:change", (event) => {
  const leader = event.detail.viewer;
  if (!visits.now || !$("#visits-linked")?.checked) return;
  for (const other of together()) if (other !== leader) follow(leader, other);
  if (visits.opacity) requestAnimationFrame(() => requestAnimationFrame(drawOverlay));
});
addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "f" || event.ctrlKey || event.metaKey || event.altKey) return;
  const panes = $(".panes");
  if (!panes || event.target.closest("input:not([type=range]), textarea, select, dialog")) return;
  event.preventDefault();
  panes.scrollIntoView({ block: "nearest" }); // it may be below; once seen, it is loaded
  flip();
});
