// From values to colours: one stretch for whatever is shown side by side.
"use strict";

window.Stretch = (() => {
  const ASINH = 10; // how far beyond its linear part the scale reaches
  const OVERLAY = [213, 94, 0]; // vermilion: neither cividis nor grey has it

  // Colours as hex words -> 256 pixels as the canvas stores them.
  function table(words) {
    const anchors = words.map((w) => [1, 3, 5].map((i) => parseInt(w.slice(i, i + 2), 16)));
    const pixels = new Uint32Array(256);
    for (let i = 0; i < 256; i += 1) {
      const at = (i / 255) * (anchors.length - 1);
      const k = Math.min(Math.floor(at), anchors.length - 2);
      pixels[i] = rgba(anchors[k].map((c, n) => Math.round(c + (at - k) * (anchors[k + 1][n] - c))));
    }
    return pixels;
  }

  const rgba = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

  // Where a value lies between low and high, 0 to 1, clipped.
  function place(kind, low, high, isSymmetric) {
    const clip = (t) => Math.min(1, Math.max(0, t));
    if (kind !== "asinh") return (v) => clip((v - low) / (high - low));
    const whole = Math.asinh(ASINH);
    if (!isSymmetric) return (v) => clip(Math.asinh((ASINH * (v - low)) / (high - low)) / whole);
    const middle = (low + high) / 2;
    return (v) => clip(0.5 + Math.asinh((ASINH * (v - middle)) / (high - middle)) / (2 * whole));
  }

  // Values of a mode from the candidate's tile and the current one's; over 0 is none.
  function combine(mode, a, b) {
    if (mode === "candidate") return a.values;
    if (mode === "current") return b.values;
    const out = new Float32Array(a.values.length);
    for (let i = 0; i < out.length; i += 1) {
      out[i] = mode === "difference" ? a.values[i] - b.values[i] : ratio(a.values[i], b.values[i]);
    }
    return out;
  }

  const ratio = (a, b) => (b === 0 ? NaN : a / b);

  // Paint a tile upright: row 0 of the image is at the bottom. NaN stays clear.
  function paint(values, nx, ny, { at, colours, masks }) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [nx, ny];
    const context = canvas.getContext("2d");
    const picture = context.createImageData(nx, ny);
    const pixels = new Uint32Array(picture.data.buffer);
    const overlay = rgba(OVERLAY);
    for (let y = 0; y < ny; y += 1) {
      let to = (ny - 1 - y) * nx;
      for (let from = y * nx; from < (y + 1) * nx; from += 1, to += 1) {
        const value = values[from];
        if (masks.some((mask) => mask[from])) pixels[to] = overlay;
        else if (Number.isFinite(value)) pixels[to] = colours[Math.round(255 * at(value))];
      }
    }
    context.putImageData(picture, 0, 0);
    return canvas;
  }

  // Half a range around a centre that holds 99.5 % of the values. Ratios over pixels near
  // zero have no bounds: no more than five times the scatter of the inner half is shown.
  function halfRange(lists, centre, { isRatio = false } = {}) {
    const far = [];
    for (const values of lists) {
      const step = Math.max(1, Math.floor((values.length * lists.length) / 20_000));
      for (let i = 0; i < values.length; i += step) {
        const off = Math.abs(values[i] - centre);
        if (Number.isFinite(off)) far.push(off);
      }
    }
    const sorted = Float64Array.from(far).sort();
    if (!sorted.length) return 0;
    const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
    return isRatio && at(0.5) > 0 ? Math.min(at(0.995), 5 * 1.4826 * at(0.5)) : at(0.995);
  }

  return { table, place, combine, ratio, paint, halfRange };
})();
