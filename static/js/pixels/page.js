// The page of pixels: controls, keys, pointers, read-out, and the state in its address.
"use strict";

(() => {
  const root = document.getElementById("pixels");
  const data = document.getElementById("pixels-config");
  if (!root || !data) return;
  const config = JSON.parse(data.textContent);
  const one = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  const canvas = one("canvas");
  const asked = new URLSearchParams(location.search);
  const KINDS = ["zscale", "linear", "asinh"];
  const MODES = ["candidate", "current", "blink", "difference", "ratio"];
  const BLINK_MS = 700; // under three flashes a second
  const unit = config.unit ? ` ${config.unit}` : "";
  const binning = config.candidate.index.binning;

  const number = (name) => (asked.has(name) && asked.get(name) !== "" && Number.isFinite(Number(asked.get(name))) ? Number(asked.get(name)) : null);
  const chosen = (name, list) => (list.includes(asked.get(name)) ? asked.get(name) : list[0]);
  const state = {
    mode: chosen("mode", MODES),
    kind: chosen("stretch", KINDS),
    colours: chosen("colours", ["cividis", "grey"]),
    phase: "candidate",
    ranges: {},
    amplifiers: asked.get("amplifiers") !== "0",
    defects: asked.get("defects") === "1" && config.defects.length > 0,
    mask: asked.get("mask") === "1",
    zoom: 0,
    x: 0,
    y: 0,
    cursor: null,
  };
  if (!config.compares) state.mode = state.mode === "current" && config.current ? "current" : "candidate";
  const rangeName = () => (["difference", "ratio"].includes(state.mode) ? state.mode : "image");
  if (number("low") !== null && number("high") !== null) state.ranges[rangeName()] = { low: number("low"), high: number("high") };

  all("[data-needs-script]").forEach((element) => { element.hidden = false; });
  const plate = new window.Plate(canvas, config, state, told);
  if (number("zoom")) {
    Object.assign(state, { zoom: number("zoom") * plate.ratio, x: (number("x") ?? 0) / binning, y: (number("y") ?? 0) / binning });
    plate.moved();
  }
  if (asked.has("at")) {
    const [x, y] = asked.get("at").split(",").map((part) => Math.floor(Number(part) / binning));
    if (Number.isFinite(x) && Number.isFinite(y)) {
      Object.assign(state, { cursor: [x, y], x: x + 0.5, y: y + 0.5, zoom: number("zoom") ? state.zoom : Math.max(plate.fitZoom, 4 * plate.ratio) });
      plate.moved();
    }
  } else if (asked.has("amplifier") && !number("zoom")) {
    const box = config.amplifiers.find(([name]) => name === asked.get("amplifier"));
    if (box) {
      const [, x0, y0, x1, y1] = box;
      Object.assign(state, { x: (x0 + x1) / 2, y: (y0 + y1) / 2, zoom: 0.9 * Math.min(plate.width / (x1 - x0), plate.height / (y1 - y0)) });
      plate.moved();
    }
  }

  // --- What the page says ------------------------------------------------------------

  const show = (value) => (Number.isNaN(value) || value === undefined ? "no value" : Number(value.toPrecision(7)).toString());

  function amplifierAt(x, y) {
    return config.amplifiers.find(([, x0, y0, x1, y1]) => x >= x0 && x < x1 && y >= y0 && y < y1)?.[0] || "";
  }

  function planesOf(mask) {
    return Object.entries(config.candidate.index.planes).filter(([, bit]) => mask & (1 << bit)).map(([name]) => name);
  }

  const isDefect = (x, y) => config.defects.some(([x0, y0, w, h]) => x >= x0 && x < x0 + w && y >= y0 && y < y0 + h);

  // In words; `exact` asks for the pixel itself where only means are here yet.
  function describe(x, y, exact) {
    const found = plate.read(x, y, { exact });
    const words = [binning > 1 ? `x ${x * binning}–${(x + 1) * binning - 1}, y ${y * binning}–${(y + 1) * binning - 1}` : `x ${x}, y ${y}`];
    const amplifier = amplifierAt(x, y);
    if (amplifier) words.push(amplifier);
    if (!found) return [...words, "reading"];
    const { candidate, current, factor } = found;
    words.push(`${config.current ? "candidate " : ""}${show(candidate.value)}${unit}`);
    if (current) {
      words.push(`current ${show(current.value)}${unit}`);
      if (config.compares) words.push(`difference ${show(candidate.value - current.value)}${unit}`, `ratio ${show(window.Stretch.ratio(candidate.value, current.value))}`);
    }
    const planes = planesOf(candidate.mask);
    if (planes.length) words.push(planes.join(" "));
    if (isDefect(x, y)) words.push("defect");
    if (factor > 1) words.push(`mean of ${factor} × ${factor} pixels`);
    return words;
  }

  let exactTimer = 0;
  let under = null; // the pixel that is read out
  let wantsExact = false; // its own tile is on its way
  function readOut(x, y, { aloud = false } = {}) {
    under = x >= 0 && y >= 0 && x < plate.nx && y < plate.ny ? [x, y] : null;
    clearTimeout(exactTimer);
    wantsExact = Boolean(under) && aloud;
    say(aloud);
    if (!under || aloud) return;
    exactTimer = setTimeout(() => {
      wantsExact = true;
      say();
    }, 140);
  }
  function say(aloud = state.cursor && document.activeElement === canvas) {
    const words = under ? describe(...under, wantsExact) : [];
    one(".pixel-value").textContent = words.join("  ·  ") || "Point at a pixel, or move with the arrow keys.";
    if (aloud) one(".aloud").textContent = words.join(", ");
    if (under && plate.read(...under, { exact: wantsExact })?.factor === 1) wantsExact = false;
    if (state.cursor) pin(...state.cursor);
  }

  function pin(x, y) {
    const link = one(".plate-note");
    if (!link) return;
    const address = new URL(link.dataset.address, location.href);
    address.searchParams.set("x", Math.floor((x + 0.5) * binning));
    address.searchParams.set("y", Math.floor((y + 0.5) * binning));
    link.href = address;
    link.hidden = false;
  }

  // --- Legend, controls and address ---------------------------------------------------

  function drawLegend() {
    const bar = one(".plate-legend canvas");
    const colours = plate.colours[plate.isCompared ? "diverging" : state.colours];
    const { low, high, kind } = plate.stretch;
    const at = window.Stretch.place(kind, low, high, plate.isCompared);
    const context = bar.getContext("2d");
    const picture = context.createImageData(bar.width, 1);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let i = 0; i < bar.width; i += 1) pixels[i] = colours[Math.round(255 * at(low + ((high - low) * i) / (bar.width - 1)))];
    for (let y = 0; y < bar.height; y += 1) context.putImageData(picture, 0, y);
    const of = { difference: "candidate − current", ratio: "candidate ÷ current" }[state.mode] || "level";
    one(".plate-legend .low").textContent = Number(low.toPrecision(4));
    one(".plate-legend .high").textContent = Number(high.toPrecision(4));
    one(".plate-legend .what").textContent = state.mode === "ratio" ? of : `${of}${config.unit ? ` (${config.unit})` : ""}`;
    for (const [name, value] of [["low", low], ["high", high]]) {
      const field = one(`[name=${name}]`);
      if (document.activeElement !== field) field.value = Number(value.toPrecision(6));
    }
  }

  let addressTimer = 0;
  function keepAddress() {
    clearTimeout(addressTimer);
    addressTimer = setTimeout(() => history.replaceState(null, "", `?${query()}`), 250);
  }

  function query({ from = location.search } = {}) {
    const words = new URLSearchParams(from);
    words.delete("amplifier"); // by now the zoom says it
    const put = (name, value, usual) => (value === usual ? words.delete(name) : words.set(name, value));
    put("mode", state.mode, MODES[0]);
    put("stretch", state.kind, KINDS[0]);
    put("colours", state.colours, "cividis");
    put("amplifiers", state.amplifiers ? "1" : "0", "1");
    put("defects", state.defects ? "1" : "0", "0");
    put("mask", state.mask ? "1" : "0", "0");
    const set = state.ranges[rangeName()];
    put("low", set && !set.isFound ? String(set.low) : "", "");
    put("high", set && !set.isFound ? String(set.high) : "", "");
    const isFitted = Math.abs(state.zoom - plate.fitZoom) < 1e-9;
    put("zoom", isFitted ? "" : (state.zoom / plate.ratio).toPrecision(4), "");
    put("x", isFitted ? "" : (state.x * binning).toFixed(1), "");
    put("y", isFitted ? "" : (state.y * binning).toFixed(1), "");
    put("at", state.cursor ? state.cursor.map((c) => c * binning).join(",") : "", "");
    return words;
  }

  function told() {
    if (!plate.stretch) return; // nothing is drawn yet
    drawLegend();
    placePins();
    if (wantsExact) say();
    all("[data-mode]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.mode === state.mode)));
    all("[data-toggle]").forEach((box) => { box.checked = state[box.dataset.toggle]; });
    one("[name=stretch]").value = state.kind;
    one("[name=colours]").value = state.colours;
    all(".unit").forEach((words) => { words.hidden = state.mode === "ratio"; });
    one("[name=colours]").disabled = plate.isCompared;
    const percent = (100 * state.zoom) / plate.ratio;
    one(".zoom-level").textContent = `${percent >= 100 ? Math.round(percent) : percent.toPrecision(2)} %${plate.level ? `, means of ${2 ** plate.level} × ${2 ** plate.level}` : ""}`;
    one(".ratio-doubt").hidden = state.mode !== "ratio" || !config.ratioDoubt;
    one(".phase").textContent = state.mode === "blink" ? `shown: ${state.phase}` : "";
    one(".trouble").hidden = !plate.problem;
    one(".trouble p").textContent = plate.problem;
    keepAddress();
  }

  function placePins() {
    all(".plate-pin").forEach((mark) => {
      const [left, top] = plate.toScreen((Number(mark.dataset.x) + 0.5) / binning, (Number(mark.dataset.y) + 0.5) / binning);
      mark.hidden = left < 0 || top < 0 || left > plate.width || top > plate.height;
      mark.style.left = `${left / plate.ratio}px`;
      mark.style.top = `${top / plate.ratio}px`;
    });
  }

  // --- What changes the state -----------------------------------------------------------

  let blinking = 0;
  function setMode(mode) {
    if (!config.current || (!config.compares && mode !== "candidate" && mode !== "current")) return;
    state.mode = mode;
    clearInterval(blinking);
    state.phase = "candidate";
    if (mode === "blink" && !matchMedia("(prefers-reduced-motion: reduce)").matches) blinking = setInterval(flip, BLINK_MS);
    plate.redraw();
  }
  function flip() {
    state.phase = state.phase === "candidate" ? "current" : "candidate";
    plate.redraw();
  }
  function toggleMode(mode) {
    // With reduced motion the picture changes only when it is told to.
    if (mode === "blink" && state.mode === "blink" && !blinking) flip();
    else setMode(state.mode === mode ? "candidate" : mode);
  }
  function setKind(kind) {
    state.kind = kind;
    state.ranges = {};
    plate.repaint();
  }
  function zoomBy(factor) {
    plate.zoomAt(factor, ...(state.cursor ? state.cursor.map((c) => c + 0.5) : [state.x, state.y]));
  }
  function moveCursor(dx, dy) {
    const [x, y] = state.cursor || [Math.floor(state.x), Math.floor(state.y)];
    const to = state.cursor ? [x + dx, y + dy] : [x, y];
    state.cursor = [Math.min(plate.nx - 1, Math.max(0, to[0])), Math.min(plate.ny - 1, Math.max(0, to[1]))];
    const [left, top] = plate.toScreen(...state.cursor);
    if (left < 0 || top < 0 || left > plate.width || top > plate.height) Object.assign(state, { x: state.cursor[0], y: state.cursor[1] });
    readOut(...state.cursor, { aloud: true });
    plate.moved();
  }
  const actions = {
    b: () => toggleMode("blink"),
    d: () => toggleMode("difference"),
    r: () => toggleMode("ratio"),
    s: () => setKind(KINDS[(KINDS.indexOf(state.kind) + 1) % KINDS.length]),
    "+": () => zoomBy(2),
    "=": () => zoomBy(2),
    "-": () => zoomBy(0.5),
    c: () => canvas.focus(),
    0: () => plate.fit(),
    1: () => zoomBy(plate.ratio / state.zoom),
  };
  let goes = 0; // `g` then a letter belongs to the portal's own keys
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "g") goes = Date.now();
    else if (Date.now() - goes < 1500) goes = 0;
    else if (actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    }
  });
  canvas.addEventListener("keydown", (event) => {
    const step = (event.shiftKey ? 10 : 1) * 2 ** plate.level;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moveCursor(...moves[event.key]);
  });

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.mode) setMode(button.dataset.mode);
    if (button?.dataset.key) actions[button.dataset.key]();
  });
  root.addEventListener("change", (event) => {
    const field = event.target;
    if (field.dataset.toggle) state[field.dataset.toggle] = field.checked;
    else if (field.name === "stretch") return setKind(field.value);
    else if (field.name === "colours") state.colours = field.value;
    else if (field.name === "low" || field.name === "high") {
      const [low, high] = [Number(one("[name=low]").value), Number(one("[name=high]").value)];
      if (!(high > low)) return undefined;
      state.ranges[rangeName()] = { low, high };
    } else return undefined;
    return plate.repaint();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.keeps-view");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    location.assign(`${link.pathname}?${query({ from: link.search })}`);
  });

  const form = document.getElementById("pixels-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.assign(`?${query({ from: new URLSearchParams(new FormData(form)) })}`);
  });

  // --- Pointers: drag, wheel, pinch -------------------------------------------------------

  const held = new Map();
  let travelled = 0;
  const corner = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [[ax, ay], [bx, by]] = [...held.values()];
    return { far: Math.hypot(ax - bx, ay - by), middle: [(ax + bx) / 2, (ay + by) / 2] };
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, corner(event));
    travelled = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = corner(event);
    const before = held.get(event.pointerId);
    if (!before) return readOut(...plate.toImage(...at).map(Math.floor));
    const old = held.size === 2 ? spread() : null;
    held.set(event.pointerId, at);
    const [dx, dy] = [at[0] - before[0], at[1] - before[1]];
    travelled += Math.hypot(dx, dy);
    const share = 1 / held.size;
    state.x -= (dx * share * plate.ratio) / state.zoom;
    state.y += (dy * share * plate.ratio) / state.zoom;
    if (old && old.far > 0) plate.zoomAt(spread().far / old.far, ...plate.toImage(...spread().middle));
    else plate.moved();
    return undefined;
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, (event) => {
      if (held.delete(event.pointerId) && kind === "pointerup" && travelled < 5) {
        const [x, y] = plate.toImage(...corner(event)).map(Math.floor);
        if (x >= 0 && y >= 0 && x < plate.nx && y < plate.ny) {
          state.cursor = [x, y];
          readOut(x, y);
          plate.redraw();
        }
      }
    });
  }
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    plate.zoomAt(2 ** (-event.deltaY / 240), ...plate.toImage(...corner(event)));
  }, { passive: false });

  if (state.mode === "blink") setMode("blink");
  if (state.cursor) readOut(...state.cursor, { aloud: true });
  told();
})();
