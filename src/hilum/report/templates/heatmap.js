// Heatmaps: a coarse grid enlarged, and the colours of its strengths; for every page that shows one.

/** Weights of cubic convolution (a = −0.75, as OpenCV's INTER_CUBIC). */
function cubic(x) {
  const a = -0.75;
  const d = Math.abs(x);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0;
}

function enlarge(grid, w, h, by) {
  const along = (source, n, lines, get) => {
    const out = new Float32Array(n * by * lines);
    for (let i = 0; i < n * by; i++) {
      const at = (i + 0.5) / by - 0.5;
      const from = Math.floor(at);
      for (let k = -1; k <= 2; k++) {
        const weight = cubic(at - from - k);
        const cell = Math.max(0, Math.min(n - 1, from + k));
        for (let line = 0; line < lines; line++) out[i * lines + line] += weight * get(source, cell, line);
      }
    }
    return out;
  };
  const across = along(grid, w, h, (s, x, y) => s[y * w + x]); // [w·by, h]
  return along(across, h, w * by, (s, y, x) => s[x * h + y]); // [h·by, w·by]
}

/** Red, green, blue and opacity of a strength in [0, 1]. */
function rampColour(strength, ramp) {
  const next = Math.max(1, ramp.findIndex(([stop]) => stop >= strength));
  const [s0, rgb0, a0] = ramp[next - 1];
  const [s1, rgb1, a1] = ramp[next];
  const f = (strength - s0) / (s1 - s0);
  return [...rgb0.map((c, i) => c + f * (rgb1[i] - c)), 255 * (a0 + f * (a1 - a0))];
}
