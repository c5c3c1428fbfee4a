// Tiles of raw values: fetched as they are needed, unpacked, kept for a while.
"use strict";

window.TilePyramid = class {
  static KEPT = 320; // tiles, some 0.4 MB each

  // image: {index, tile} with the address of a tile; told: called when one has come.
  constructor(image, told) {
    this.index = image.index;
    this.address = image.tile;
    this.told = told;
    this.tiles = new Map();
    this.asked = new Set();
    this.problem = "";
  }

  get top() { return this.index.levels.length - 1; }

  shape(level) {
    const [ny, nx] = this.index.levels[level].shape;
    return { ny, nx, rows: Math.ceil(ny / this.index.tile), columns: Math.ceil(nx / this.index.tile) };
  }

  // The tile if it is here; asks for it otherwise.
  get(level, row, column, { ask = true } = {}) {
    const key = `${level}/${row}/${column}`;
    const tile = this.tiles.get(key);
    if (tile) { // most recently used last
      this.tiles.delete(key);
      this.tiles.set(key, tile);
    } else if (ask && !this.asked.has(key)) {
      this.asked.add(key);
      this.load(key, level, row, column);
    }
    return tile;
  }

  // One pixel, if the tile that holds it is here.
  pixel(level, x, y, options) {
    const { ny, nx } = this.shape(level);
    if (x < 0 || y < 0 || x >= nx || y >= ny) return undefined;
    const side = this.index.tile;
    const tile = this.get(level, Math.floor(y / side), Math.floor(x / side), options);
    if (!tile) return undefined;
    const at = (y % side) * tile.nx + (x % side);
    return { value: tile.values[at], mask: tile.mask[at] };
  }

  async load(key, level, row, column) {
    const { ny, nx } = this.shape(level);
    const side = this.index.tile;
    const height = Math.min(side, ny - row * side);
    const width = Math.min(side, nx - column * side);
    try {
      const answer = await fetch(this.address.replace("LEVEL/ROW/COLUMN", key));
      if (!answer.ok) throw new Error("not there");
      this.keep(key, this.unpack(new Uint8Array(await answer.arrayBuffer()), width, height));
      this.asked.delete(key);
    } catch {
      // Stays in `asked`: a broken tile is not asked for at every redraw.
      this.problem = "Some tiles cannot be read: make them again below, or ask whoever runs the portal whether it answers.";
    }
    this.told();
  }

  keep(key, tile) {
    this.tiles.set(key, tile);
    if (this.tiles.size > window.TilePyramid.KEPT) this.tiles.delete(this.tiles.keys().next().value);
  }

  // First bytes of all values, second bytes, …; then so the mask's.
  unpack(bytes, nx, ny) {
    const n = nx * ny;
    if (bytes.length !== 6 * n) throw new Error("another length");
    const plain = new Uint8Array(4 * n);
    for (let i = 0, j = 0; i < n; i += 1) {
      plain[j++] = bytes[i];
      plain[j++] = bytes[n + i];
      plain[j++] = bytes[2 * n + i];
      plain[j++] = bytes[3 * n + i];
    }
    const mask = new Uint16Array(n);
    for (let i = 0; i < n; i += 1) mask[i] = bytes[4 * n + i] | (bytes[5 * n + i] << 8);
    return { nx, ny, values: new Float32Array(plain.buffer), mask };
  }
};
