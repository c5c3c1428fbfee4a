// A canvas that shows a mode of two tile pyramids, at any zoom, with overlays.
"use strict";

window.Plate = class {
  static MAX_ZOOM = 48; // screen pixels a detector pixel

  // config: the page's; state: mode, stretch, overlays, x, y, zoom; told: after a change.
  constructor(canvas, config, state, told) {
    Object.assign(this, { canvas, config, state, told, painted: new Map(), waiting: 0 });
    this.context = canvas.getContext("2d");
    const come = () => this.redraw();
    this.pyramids = { candidate: new window.TilePyramid(config.candidate, come) };
    if (config.current) this.pyramids.current = new window.TilePyramid(config.current, come);
    [this.ny, this.nx] = config.candidate.index.shape;
    this.colours = {};
    for (const [name, words] of Object.entries(config.colours)) this.colours[name] = window.Stretch.table(words);
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  get problem() { return Object.values(this.pyramids).map((p) => p.problem).find(Boolean) || ""; }
  get isCompared() { return ["difference", "ratio"].includes(this.state.mode); }
  get shown() { return this.state.mode === "blink" ? this.state.phase : this.state.mode; }
  get fitZoom() { return Math.min(this.width / this.nx, this.height / this.ny); }

  // The binning nearest to the screen's pixels: a finer one would be four times the
  // tiles for what the screen averages away.
  get level() {
    const wanted = Math.round(Math.log2(1 / this.state.zoom));
    return Math.min(this.pyramids.candidate.top, Math.max(0, wanted));
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) return;
    const wasFitted = !this.state.zoom || Math.abs(this.state.zoom - this.fitZoom) < 1e-9;
    [this.canvas.width, this.canvas.height, this.ratio] = [width, height, ratio];
    [this.width, this.height] = [width, height];
    if (wasFitted) this.fit();
    else this.redraw();
  }

  fit() {
    Object.assign(this.state, { zoom: this.fitZoom, x: this.nx / 2, y: this.ny / 2 });
    this.moved();
  }

  // Keeps the zoom in bounds and the image in sight.
  moved() {
    const { state } = this;
    state.zoom = this.clampZoom(state.zoom);
    state.x = Math.min(this.nx, Math.max(0, state.x));
    state.y = Math.min(this.ny, Math.max(0, state.y));
    this.redraw();
  }

  clampZoom(zoom) {
    return Math.min(window.Plate.MAX_ZOOM * this.ratio, Math.max(this.fitZoom / 2, zoom));
  }

  // Zoom by a factor around a place of the image that stays where it is.
  zoomAt(factor, x, y) {
    const before = this.state.zoom;
    this.state.zoom = this.clampZoom(before * factor);
    const share = before / this.state.zoom;
    this.state.x = x + (this.state.x - x) * share;
    this.state.y = y + (this.state.y - y) * share;
    this.moved();
  }

  toScreen(x, y) {
    const { state } = this;
    return [this.width / 2 + (x - state.x) * state.zoom, this.height / 2 - (y - state.y) * state.zoom];
  }

  // From the page's pixels, counted from the canvas's corner, to the image's.
  toImage(left, top) {
    const { state, ratio } = this;
    return [state.x + (left * ratio - this.width / 2) / state.zoom, state.y - (top * ratio - this.height / 2) / state.zoom];
  }

  // Tiles of the pyramids that a mode needs, or undefined while one is missing.
  tilesOf(mode, level, row, column, options) {
    const names = ["difference", "ratio"].includes(mode) ? ["candidate", "current"] : [mode];
    const tiles = names.map((name) => this.pyramids[name]?.get(level, row, column, options));
    return tiles.every(Boolean) ? tiles : undefined;
  }

  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  repaint() {
    this.painted.clear();
    this.redraw();
  }

  draw() {
    if (!this.width) return;
    const { context, level } = this;
    context.clearRect(0, 0, this.width, this.height);
    context.imageSmoothingEnabled = false;
    this.waiting = 0;
    this.stretch = this.range(); // before anything is painted: it may forget what was
    const top = this.pyramids.candidate.top;
    this.drawLevel(top, { ask: true });
    // What is here already of the levels between stands in for what is not. Without
    // the range that will be kept only the coarsest is worth painting.
    const paint = this.hasRange || Boolean(this.problem);
    for (let between = top - 1; paint && between > level; between -= 1) this.drawLevel(between);
    if (level < top) this.drawLevel(level, { ask: true, paint });
    this.drawOverlays();
    this.canvas.dataset.ready = this.waiting && !this.problem ? "no" : "yes";
    this.told();
  }

  // Rows and columns of the tiles that are in sight.
  inSight(level) {
    const { rows, columns } = this.pyramids.candidate.shape(level);
    const side = this.config.candidate.index.tile * 2 ** level;
    const [x0, y1] = this.toImage(0, 0);
    const [x1, y0] = this.toImage(this.width / this.ratio, this.height / this.ratio);
    const places = [];
    for (let row = Math.max(0, Math.floor(y0 / side)); row < Math.min(rows, Math.ceil(y1 / side)); row += 1) {
      for (let column = Math.max(0, Math.floor(x0 / side)); column < Math.min(columns, Math.ceil(x1 / side)); column += 1) {
        places.push([row, column]);
      }
    }
    return places;
  }

  drawLevel(level, { ask = false, paint = true } = {}) {
    const side = this.config.candidate.index.tile * 2 ** level;
    for (const [row, column] of this.inSight(level)) {
      const tiles = this.tilesOf(this.shown, level, row, column, { ask });
      if (this.state.mode === "blink" && ask) this.tilesOf("difference", level, row, column);
      if (!tiles || !paint) {
        this.waiting += ask ? 1 : 0;
        continue;
      }
      const picture = this.picture(level, row, column, tiles);
      const factor = 2 ** level;
      const [left, bottom] = this.toScreen(column * side, row * side).map(Math.round);
      const [right, topEdge] = this.toScreen(column * side + tiles[0].nx * factor, row * side + tiles[0].ny * factor).map(Math.round);
      this.context.drawImage(picture, left, topEdge, right - left, bottom - topEdge);
    }
  }

  picture(level, row, column, tiles) {
    const mode = this.shown;
    const key = `${mode}/${level}/${row}/${column}`;
    let picture = this.painted.get(key);
    if (!picture) {
      const { low, high, kind } = this.stretch;
      picture = window.Stretch.paint(window.Stretch.combine(mode, ...(mode === "current" ? [null, tiles[0]] : tiles)), tiles[0].nx, tiles[0].ny, {
        at: window.Stretch.place(kind, low, high, this.isCompared),
        colours: this.colours[this.isCompared ? "diverging" : this.state.colours],
        masks: this.state.mask ? tiles.map((tile) => tile.mask) : [],
      });
      this.painted.set(key, picture);
      if (this.painted.size > window.TilePyramid.KEPT) this.painted.delete(this.painted.keys().next().value);
    }
    return picture;
  }

  // Whether the stretch is the one that stays: that of a comparison has to be found.
  get hasRange() { return !this.isCompared || Boolean(this.state.ranges[this.state.mode]); }

  // Low and high of the stretch: as set by hand, or found; one for all that is shown.
  range() {
    const { kind } = this.state;
    const set = this.state.ranges[this.isCompared ? this.state.mode : "image"];
    if (set) return { kind, ...set };
    if (this.isCompared) return { kind, ...this.comparedRange() };
    const { numbers } = this.config.candidate.index;
    let [low, high] = kind === "zscale" ? [numbers.z_low, numbers.z_high] : [numbers.low, numbers.high];
    if (low === null) [low, high] = [0, 1];
    return high > low ? { kind, low, high } : { kind, low: low - 0.5, high: low + 0.5 };
  }

  // Symmetric about no change, from what is in sight; found once, then kept. Until
  // all of it is here the coarsest tile stands in.
  comparedRange() {
    const { mode } = this.state;
    const centre = mode === "ratio" ? 1 : 0;
    const places = this.inSight(this.level).map((place) => [this.level, ...place]);
    const isWhole = places.length > 0 && places.every((place) => this.tilesOf(mode, ...place, { ask: false }));
    const found = (isWhole ? places : [[this.pyramids.candidate.top, 0, 0]])
      .map((place) => this.tilesOf(mode, ...place, { ask: false }))
      .filter(Boolean);
    const lists = found.map((tiles) => window.Stretch.combine(mode, ...tiles));
    const half = window.Stretch.halfRange(lists, centre, { isRatio: mode === "ratio" }) || (mode === "ratio" ? 0.01 : 1);
    const range = { low: centre - half, high: centre + half };
    if (isWhole) {
      this.state.ranges[mode] = { ...range, isFound: true };
      this.painted.clear();
    }
    return range;
  }

  drawOverlays() {
    const { context, state, config, ratio } = this;
    context.lineWidth = ratio;
    if (state.defects) {
      context.fillStyle = "rgb(213 94 0 / 55%)";
      context.strokeStyle = "rgb(213 94 0)";
      for (const [x, y, w, h] of config.defects) this.box(x, y, x + w, y + h, { fill: true, least: 2 * ratio });
    }
    if (state.amplifiers) {
      // Light with a dark edge: seen on every colour.
      for (const [colour, width] of [["rgb(0 0 0 / 30%)", 3], ["rgb(255 255 255 / 85%)", 1]]) {
        context.strokeStyle = colour;
        context.lineWidth = width * ratio;
        for (const [, x0, y0, x1, y1] of config.amplifiers) this.box(x0, y0, x1, y1);
      }
      context.font = `600 ${11 * ratio}px system-ui, sans-serif`;
      for (const [name, x0, y0, x1, y1] of config.amplifiers) {
        const [left, top] = this.toScreen(x0, y1).map(Math.round);
        const [right, bottom] = this.toScreen(x1, y0);
        const width = context.measureText(name).width;
        // A name that does not fit would cover the pixels, of its neighbours as well.
        if (right - left < width + 12 * ratio || bottom - top < 20 * ratio) continue;
        context.fillStyle = "rgb(0 0 0 / 60%)";
        context.fillRect(left + ratio, top + ratio, width + 8 * ratio, 16 * ratio);
        context.fillStyle = "#fff";
        context.fillText(name, left + 5 * ratio, top + 13 * ratio);
      }
    }
    if (state.cursor) {
      const [x, y] = state.cursor;
      for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
        context.strokeStyle = colour;
        context.lineWidth = width * ratio;
        this.box(x, y, x + 1, y + 1, { least: 12 * ratio });
      }
    }
  }

  // Outline a box of image pixels; one too small to see is drawn larger.
  box(x0, y0, x1, y1, { fill = false, least = 0 } = {}) {
    let [left, bottom] = this.toScreen(x0, y0).map(Math.round);
    let [right, top] = this.toScreen(x1, y1).map(Math.round);
    const growX = Math.max(0, least - (right - left)) / 2;
    const growY = Math.max(0, least - (bottom - top)) / 2;
    [left, right, top, bottom] = [left - growX, right + growX, top - growY, bottom + growY];
    if (fill) this.context.fillRect(left, top, right - left, bottom - top);
    else this.context.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
    return [left, top, right, bottom];
  }

  // What is known of a pixel at the finest level that is here.
  read(x, y, { exact = false } = {}) {
    for (let level = exact ? 0 : this.level; level <= this.pyramids.candidate.top; level += 1) {
      const factor = 2 ** level;
      const place = [level, Math.floor(x / factor), Math.floor(y / factor), { ask: exact && level === 0 }];
      const candidate = this.pyramids.candidate.pixel(...place);
      const current = this.pyramids.current?.pixel(...place);
      if (candidate && (current || !this.config.compares)) return { factor, candidate, current };
    }
    return undefined;
  }
};
