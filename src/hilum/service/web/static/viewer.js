"use strict";
// A radiograph on a canvas: window and level on 16 bits, zoom, pan, a heatmap and boxes over it.
//
// <div class="stage" data-picture="/readings/…/display.png" tabindex="0" role="img" aria-label="…"></div>
//
//   const viewer = new RadiographViewer(stage);
//   viewer.ready                      a promise; true where the picture came
//   viewer.state                      {window, level, invert, zoom, x, y, opacity}
//   viewer.set({zoom: 2})             changes some of it; the stage tells with "viewer:change",
//   viewer.set(state, {quiet: true})  which bubbles and has the state and the viewer as its detail;
//                                     quiet where it follows another, so that they do not go in circles
//   viewer.drawHeat(grid)             {w, h, to, values: Uint8Array, scale}, or null
//   viewer.boxes = [{corners, colour, name, score, outside}]; viewer.pointed = 3; viewer.drawBoxes()
//   viewer.overlay                    a canvas over picture and heatmap, of the picture's size, to draw into
//
// window and level: shares of all grey levels. x and y: how far the picture's middle lies from the
// stage's, in shares of the picture's width and height at zoom 1, so that they mean the same on
// stages of any size.

class RadiographViewer {
  constructor(stage) {
    this.stage = stage;
    this.boxes = [];
    this.pointed = -1;
    this.showBoxes = true;
    this.moving = false;
    this.aspect = 1;
    this.frame = null;
    this.state = RadiographViewer.start();
    this.layers = element("div", { className: "layers" });
    this.picture = element("canvas", { className: "v-picture" });
    this.heat = element("canvas", { className: "v-heat" });
    this.overlay = element("canvas", { className: "v-overlay" });
    this.lines = element("canvas", { className: "v-boxes" });
    this.layers.append(this.picture, this.heat, this.overlay);
    stage.append(this.layers, this.lines);
    this.#listen();
    this.ready = this.load(stage.dataset.picture);
  }

  static start() {
    return { window: 1, level: 0.5, invert: false, zoom: 1, x: 0, y: 0, opacity: 0.6 };
  }

  /** Load a picture whose red and green are the high and low byte of a grey level. */
  async load(address) {
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(answer.status);
      const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
      const { width, height } = bitmap;
      for (const canvas of [this.picture, this.heat, this.overlay]) Object.assign(canvas, { width, height });
      const pen = this.picture.getContext("2d", { willReadFrequently: true });
      pen.drawImage(bitmap, 0, 0);
      const { data } = pen.getImageData(0, 0, width, height);
      this.grey = new Uint16Array(width * height);
      for (let i = 0; i < this.grey.length; i++) this.grey[i] = (data[4 * i] << 8) | data[4 * i + 1];
      this.image = pen.createImageData(width, height);
      this.aspect = width / height;
      this.#paint();
      this.place();
      this.stage.dataset.ready = "yes";
      return true;
    } catch {
      this.stage.dataset.ready = "lost";
      return false;
    }
  }

  set(change, { quiet = false } = {}) {
    const { window: w, level: l, invert: i } = this.state;
    Object.assign(this.state, change);
    this.state.window = Math.max(0.02, Math.min(2, this.state.window));
    this.state.level = Math.max(0, Math.min(1, this.state.level));
    this.state.zoom = Math.max(1, Math.min(8, this.state.zoom));
    if (w !== this.state.window || l !== this.state.level || i !== this.state.invert) this.#repaint();
    this.place();
    if (!quiet) {
      this.stage.dispatchEvent(new CustomEvent("viewer:change", { bubbles: true, detail: { viewer: this, state: { ...this.state } } }));
    }
  }

  reset() {
    this.set(RadiographViewer.start());
  }

  // ---- grey levels ----

  #repaint() {
    this.painting ??= requestAnimationFrame(() => {
      this.painting = null;
      this.#paint();
    });
  }

  #paint() {
    if (!this.grey) return;
    const { window: width, level, invert } = this.state;
    const table = new Uint32Array(65536);
    for (let i = 0; i < 65536; i++) {
      let value = Math.max(0, Math.min(255, Math.round(255 * ((i / 65535 - level) / width + 0.5))));
      if (invert) value = 255 - value;
      table[i] = (0xff000000 | (value << 16) | (value << 8) | value) >>> 0;
    }
    const out = new Uint32Array(this.image.data.buffer);
    for (let i = 0; i < out.length; i++) out[i] = table[this.grey[i]];
    this.picture.getContext("2d").putImageData(this.image, 0, 0);
  }

  // ---- zoom and pan ----

  /** Width and height of the picture on the stage at zoom 1. */
  get fitted() {
    const { clientWidth: w, clientHeight: h } = this.stage;
    const width = Math.min(w, h * this.aspect);
    return [width, width / this.aspect];
  }

  /** Lay the picture into the stage: as large as fits, then zoomed and moved. */
  place() {
    const { clientWidth: w, clientHeight: h } = this.stage;
    const [width, height] = this.fitted;
    if (!width) return;
    const { state } = this;
    const most = (size, room) => (Math.max(0, (size * state.zoom - room) / 2) + (state.zoom > 1 ? 40 : 0)) / size;
    state.x = Math.max(-most(width, w), Math.min(most(width, w), state.x));
    state.y = Math.max(-most(height, h), Math.min(most(height, h), state.y));
    const left = (w - width * state.zoom) / 2 + state.x * width;
    const top = (h - height * state.zoom) / 2 + state.y * height;
    Object.assign(this.layers.style, { width: `${width}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px) scale(${state.zoom})` });
    this.heat.style.opacity = state.opacity;
    this.frame = { left, top, width: width * state.zoom, height: height * state.zoom };
    this.drawBoxes();
  }

  /** Zoom so that the point (x, y), in pixels from the middle of the stage, stays where it is. */
  zoomTo(zoom, x = 0, y = 0) {
    const to = Math.max(1, Math.min(8, zoom));
    const [width, height] = this.fitted;
    const factor = to / this.state.zoom;
    this.set({ zoom: to, x: (x - (x - this.state.x * width) * factor) / width, y: (y - (y - this.state.y * height) * factor) / height });
  }

  panBy(dx, dy) {
    const [width, height] = this.fitted;
    this.set({ x: this.state.x + dx / width, y: this.state.y + dy / height });
  }

  #listen() {
    const { stage } = this;
    const pointers = new Map();
    const fromMiddle = (event) => {
      const box = stage.getBoundingClientRect();
      return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    };
    stage.addEventListener("pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, fromMiddle(event));
    });
    stage.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const now = fromMiddle(event);
      const [dx, dy] = [now[0] - last[0], now[1] - last[1]];
      if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
        const gap = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
        this.panBy(dx / 2, dy / 2);
        this.zoomTo((this.state.zoom * gap(now)) / gap(last), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      } else if (this.moving || event.shiftKey || event.buttons > 1) {
        this.panBy(dx, dy);
      } else {
        this.set({ window: this.state.window + dx / 300, level: this.state.level + dy / 400 });
      }
      pointers.set(event.pointerId, now);
    });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("dblclick", () => this.reset());
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomTo(this.state.zoom * Math.exp(-event.deltaY / 400), ...fromMiddle(event));
    }, { passive: false });
    new ResizeObserver(() => this.place()).observe(stage);
  }

  // ---- heatmap: hilum.report.pictures says how evidence is scaled ----

  drawHeat(grid, ramp, by) {
    const pen = this.heat.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.heat.width, this.heat.height);
    if (!grid || !this.heat.width) return;
    const big = enlarge(grid.values, grid.w, grid.h, by);
    const small = element("canvas", { width: grid.w * by, height: grid.h * by });
    const image = new ImageData(small.width, small.height);
    big.forEach((value, i) => image.data.set(rampColour(Math.max(0, Math.min(1, (value * grid.scale) / 255)), ramp), 4 * i));
    small.getContext("2d").putImageData(image, 0, 0);
    const [a, b, tx, c, d, ty] = grid.to;
    const { width: W, height: H } = this.heat;
    pen.imageSmoothingQuality = "high";
    pen.setTransform(a * W, c * H, b * W, d * H, tx * W, ty * H);
    pen.drawImage(small, 0, 0, grid.w, grid.h);
  }

  // ---- boxes: on a canvas of the stage's own size, so that lines stay thin at any zoom ----

  drawBoxes() {
    const canvas = this.lines;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(this.stage.clientWidth * ratio);
    canvas.height = Math.round(this.stage.clientHeight * ratio);
    if (!this.showBoxes || !this.frame || !this.grey) return;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const order = this.boxes.map((box, at) => ({ ...box, at })).filter((box) => !box.hidden);
    for (const box of [...order].reverse()) this.#outline(pen, box); // the surest on top
    const taken = [];
    for (const box of order) if (this.pointed < 0 ? box.at < 20 : box.at === this.pointed) this.#label(pen, box, taken);
  }

  #onStage([left, top, right, bottom]) {
    const { frame } = this;
    return [frame.left + left * frame.width, frame.top + top * frame.height, (right - left) * frame.width, (bottom - top) * frame.height];
  }

  #outline(pen, box) {
    const strong = this.pointed === box.at;
    pen.globalAlpha = this.pointed < 0 || strong ? 1 : 0.35;
    pen.setLineDash(box.outside ? [9, 5] : []);
    for (const [ink, width] of [["#000", strong ? 7 : 5], [box.colour, strong ? 4 : 3]]) {
      pen.strokeStyle = ink;
      pen.lineWidth = width;
      pen.strokeRect(...this.#onStage(box.corners));
    }
    pen.globalAlpha = 1;
  }

  /**
   * The finding beside a box, where no other words stand. Its score stands in the list of boxes, which
   * says what it is: here it would be taken for the probability.
   */
  #label(pen, box, taken) {
    const text = box.name;
    pen.font = "600 13px system-ui, sans-serif";
    const [wide, high] = [pen.measureText(text).width + 10, 20];
    const [left, top, , tall] = this.#onStage(box.corners);
    const { clientWidth: w, clientHeight: h } = this.stage;
    const x = Math.max(0, Math.min(left - 1, w - wide));
    const meets = (y) => taken.some(([a, b, c]) => x < a + c && a < x + wide && y < b + high && b < y + high);
    const places = [top - high - 3, top + tall + 3, top + 3, ...Array.from({ length: 12 }, (_, i) => top + 3 + (i + 1) * high)];
    const y = places.find((one) => one >= 0 && one + high <= h && !meets(one)) ?? Math.max(0, Math.min(top, h - high));
    taken.push([x, y, wide]);
    pen.fillStyle = "#000c";
    pen.fillRect(x, y, wide, high);
    pen.fillStyle = box.colour;
    pen.fillText(text, x + 5, y + 15);
  }
}
