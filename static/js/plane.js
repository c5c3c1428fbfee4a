// The focal plane: colours, read-out, histogram. Without this file the page shows a
// picture and a table of the same numbers.
"use strict";

(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const holder = one("#plane-settings");
  if (!holder) return;
  const settings = JSON.parse(holder.textContent);
  const form = one("#choose");
  const SVG = "http://www.w3.org/2000/svg";
  const VERDICTS = ["not measured", "passed", "failed on some exposures", "failed on every exposure"];
  const BINS = 48;

  const amplifiers = []; // by number: detector's name, amplifier's name, box
  settings.detectors.forEach(([, name, first, kind]) => {
    settings.kinds[kind].forEach((amplifier, i) => { amplifiers[first + i] = { name, amplifier }; });
  });

  let paths = [];
  let svg = null;
  let cursor = null;
  let here = -1;
  let data = null; // the chosen metric's lists
  let brush = null; // [low, high] of what is selected
  let scale = [0, 1];

  const shown = () => form.elements.show.value;
  const numbers = () => (shown() === "margin" ? data.margin : data.value);
  const text = (value) => (value === null || value === undefined ? "–" : String(Number(value.toPrecision(4))).replace("-", "−"));
  const parse = (input) => (input.value.trim() === "" || Number.isNaN(Number(input.value)) ? null : Number(input.value));

  function address() {
    const words = new URLSearchParams();
    for (const name of ["test", "over", "show", "low", "high"]) {
      const value = form.elements[name].value.trim();
      if (value) words.set(name, value);
    }
    return words.toString();
  }

  function percentile(sorted, share) {
    if (!sorted.length) return 0;
    const place = share * (sorted.length - 1);
    const low = Math.floor(place);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
  }

  function chooseScale() {
    const low = parse(form.elements.low);
    const high = parse(form.elements.high);
    let ends = [-1, 1];
    if (shown() !== "margin") {
      const sorted = numbers().filter((n) => n !== null).sort((a, b) => a - b);
      ends = [percentile(sorted, 0.02), percentile(sorted, 0.98)];
    }
    scale = [low ?? ends[0], high ?? ends[1]];
    if (!(scale[1] > scale[0])) scale = [scale[0] - 0.5, scale[0] + 0.5];
    form.elements.low.placeholder = text(scale[0]);
    form.elements.high.placeholder = text(scale[1]);
  }

  function colourOf(number) {
    const colours = shown() === "margin" ? settings.margin : settings.colours;
    const share = Math.min(Math.max((number - scale[0]) / (scale[1] - scale[0]), 0), 1 - 1e-9);
    return colours[Math.floor(share * colours.length)];
  }

  function paint() {
    if (!data || !paths.length) return;
    const list = numbers();
    let selected = 0;
    paths.forEach((path, i) => {
      const number = list[i];
      let fill = settings.verdict[0];
      if (shown() === "verdict") fill = settings.verdict[data.verdict[i]];
      else if (number !== null) fill = colourOf(number);
      path.setAttribute("fill", fill);
      const inside = !brush || (number !== null && number >= brush[0] && number <= brush[1]);
      path.classList.toggle("dim", !inside);
      path.classList.toggle("bad", shown() !== "verdict" && data.failed[i] > 0);
      if (brush && inside) selected += 1;
    });
    one("#brush-count").textContent = brush ? `${selected} of ${list.length} amplifiers` : "";
  }

  function element(name, attributes, parent, content) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (content !== undefined) made.textContent = content;
    parent?.append(made);
    return made;
  }

  function label() {
    if (shown() === "margin") return "margin, in units of the limit; 0 is the limit";
    return data.unit ? `${data.title} (${data.unit})` : data.title;
  }

  function drawLegend() {
    const legend = one("#legend");
    legend.replaceChildren();
    if (shown() === "verdict") {
      const marks = document.createElement("p");
      marks.className = "legend-marks";
      [["passed", "✓ passed"], ["some", "◐ failed on some exposures"], ["all", "✕ failed on every one"], ["missing", "– not measured"]].forEach(([kind, words]) => {
        const [mark, swatch] = [document.createElement("span"), document.createElement("span")];
        mark.className = "nowrap";
        swatch.className = `swatch ${kind}`;
        mark.append(swatch, ` ${words}`);
        marks.append(mark, " ");
      });
      legend.append(marks);
      return;
    }
    const colours = shown() === "margin" ? settings.margin : settings.colours;
    const bar = element("svg", { class: "scale", viewBox: `0 0 ${colours.length} 4`, preserveAspectRatio: "none", "aria-hidden": "true" }, legend);
    colours.forEach((fill, i) => element("path", { fill, d: `M${i} 0h1.1v4h-1.1z` }, bar));
    const ends = document.createElement("p");
    ends.className = "ends";
    for (const words of [text(scale[0]), label(), text(scale[1])]) {
      const span = document.createElement("span");
      span.textContent = words;
      ends.append(span);
    }
    legend.append(ends);
  }

  function drawHistogram() {
    const box = one("#histogram");
    const list = numbers().filter((n) => n !== null);
    box.replaceChildren();
    box.hidden = list.length === 0;
    if (!list.length) return;
    let low = Math.min(...list);
    let high = Math.max(...list);
    if (!(high > low)) { low -= 0.5; high += 0.5; }
    const counts = new Array(BINS).fill(0);
    list.forEach((n) => { counts[Math.min(BINS - 1, Math.floor((n - low) / (high - low) * BINS))] += 1; });
    const most = Math.max(...counts);
    const width = 480;
    const height = 120;
    const bottom = height - 20;
    const drawn = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Histogram of ${label()} over ${list.length} amplifiers, ${text(low)} to ${text(high)}` }, box);
    const x = (n) => (n - low) / (high - low) * width;
    counts.forEach((count, i) => {
      if (!count) return;
      const tall = Math.max(2, Math.sqrt(count / most) * (bottom - 8));
      const middle = low + (i + 0.5) / BINS * (high - low);
      const fill = shown() === "verdict" ? "#5a7d9a" : colourOf(middle);
      const bar = element("rect", { x: i / BINS * width + 0.5, y: bottom - tall, width: width / BINS - 1, height: tall, fill, class: "bar-of" }, drawn);
      element("title", {}, bar, `${count} amplifiers near ${text(middle)}`);
    });
    const limits = new Set(data.limit.filter((n) => n !== null).map((n) => n.toPrecision(4)));
    const line = shown() === "margin" ? 0 : (limits.size === 1 && shown() === "value" ? Number([...limits][0]) : null);
    if (line !== null && line >= low && line <= high) element("path", { class: "limit", d: `M${x(line)} 0V${bottom}` }, drawn);
    element("path", { class: "axis", d: `M0 ${bottom}H${width}` }, drawn);
    element("text", { class: "tick", x: 0, y: height - 5 }, drawn, text(low));
    element("text", { class: "tick", x: width / 2, y: height - 5, "text-anchor": "middle" }, drawn, "amplifiers, heights by square root; drag to select");
    element("text", { class: "tick", x: width, y: height - 5, "text-anchor": "end" }, drawn, text(high));
    const shade = element("rect", { class: "brushed", y: 0, height: bottom, x: 0, width: 0 }, drawn);
    const place = () => {
      if (!brush) { shade.setAttribute("width", 0); return; }
      const left = Math.max(0, x(brush[0]));
      shade.setAttribute("x", left);
      shade.setAttribute("width", Math.max(1, Math.min(width, x(brush[1])) - left));
    };
    const at = (event) => {
      const frame = drawn.getBoundingClientRect();
      return low + Math.min(1, Math.max(0, (event.clientX - frame.left) / frame.width)) * (high - low);
    };
    let from = null;
    drawn.addEventListener("pointerdown", (event) => { from = at(event); drawn.setPointerCapture(event.pointerId); });
    drawn.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const to = at(event);
      setBrush([Math.min(from, to), Math.max(from, to)]);
    });
    drawn.addEventListener("pointerup", () => { from = null; });
    box.place = place;
    place();
  }

  function setBrush(range) {
    brush = range;
    one("#brush-low").value = range && Number.isFinite(range[0]) ? text(range[0]).replace("−", "-") : "";
    one("#brush-high").value = range && Number.isFinite(range[1]) ? text(range[1]).replace("−", "-") : "";
    one("#histogram").place?.();
    paint();
  }

  function readOut(i) {
    const about = amplifiers[i];
    if (!about || !data) return;
    here = i;
    const box = about.box;
    for (const [key, value] of Object.entries({ x: box.x, y: box.y, width: box.w, height: box.h })) cursor.setAttribute(key, value);
    const words = [`${about.name} ${about.amplifier}`, `${text(data.value[i])}${data.unit ? ` ${data.unit}` : ""}`];
    if (data.limit[i] !== null) words.push(`limit ${text(data.limit[i])}`);
    if (data.margin[i] !== null) words.push(`${Math.abs(100 * data.margin[i]).toPrecision(3)} % ${data.margin[i] > 0 ? "over" : "within"}`);
    words.push(data.results[i] ? `${VERDICTS[data.verdict[i]]} (${data.failed[i]} of ${data.results[i]})` : VERDICTS[0]);
    one("#readout").textContent = words.join(", ");
  }

  function open(i) {
    if (amplifiers[i]) location.assign(`${settings.detector.replace("NAME", encodeURIComponent(amplifiers[i].name))}?${address()}`);
  }

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // The nearest amplifier whose middle lies in the direction, straight ones first.
  function step([dx, dy]) {
    if (here < 0) return readOut(0);
    const from = amplifiers[here].box;
    let best = -1;
    let least = Infinity;
    amplifiers.forEach((other, i) => {
      const along = (other.box.cx - from.cx) * dx + (other.box.cy - from.cy) * dy;
      const aside = Math.abs((other.box.cx - from.cx) * dy) + Math.abs((other.box.cy - from.cy) * dx);
      if (along <= 1 || aside > along * 2 + 1) return;
      const far = along + 3 * aside;
      if (far < least) { least = far; best = i; }
    });
    return best >= 0 ? readOut(best) : undefined;
  }

  async function loadValues() {
    const words = new URLSearchParams({ test: form.elements.test.value, over: form.elements.over.value });
    const answer = await fetch(`${settings.values}?${words}`);
    if (!answer.ok) {
      one("#readout").textContent = "The numbers could not be read: load the page again.";
      return;
    }
    data = await answer.json();
  }

  function redraw() {
    if (!data) return;
    chooseScale();
    paint();
    drawLegend();
    drawHistogram();
    history.replaceState(null, "", `?${address()}`);
  }

  // Another test has other exposures, another scale and other worst amplifiers: the page
  // that a reload would give is read, and what differs is put in place.
  async function changeTest() {
    form.elements.low.value = "";
    form.elements.high.value = "";
    if (!["median", "worst"].includes(form.elements.over.value)) form.elements.over.value = "worst";
    const asked = `${location.pathname}?${address()}`;
    const answer = await fetch(asked);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok || !one("#plane-settings", next)) {
      location.assign(asked); // it says what is wrong
      return;
    }
    history.pushState(null, "", asked);
    for (const place of ["#choose-over", ".focal-side .frame", ".focal-side details"]) {
      one(place).replaceWith(document.importNode(one(place, next), true));
    }
    data = null;
    await loadValues();
    setBrush(null);
    redraw();
    if (here >= 0) readOut(here);
    else one("#readout").textContent = data ? label() : one("#readout").textContent;
  }

  async function changed(event) {
    const name = event.target.name;
    if (name === "test") {
      await changeTest();
      return;
    }
    if (name === "show") { form.elements.low.value = ""; form.elements.high.value = ""; setBrush(null); }
    if (name === "over") await loadValues();
    redraw();
    if (here >= 0) readOut(here);
  }

  function setScale(share) {
    form.elements.low.value = "";
    form.elements.high.value = "";
    if (share !== "reset") {
      const sorted = numbers().filter((n) => n !== null).sort((a, b) => a - b);
      form.elements.low.value = String(Number(percentile(sorted, share / 100).toPrecision(4)));
      form.elements.high.value = String(Number(percentile(sorted, 1 - share / 100).toPrecision(4)));
    }
    redraw();
  }

  // What who has no scripts is shown, when the plane itself cannot be drawn.
  function showPicture() {
    const picture = document.createElement("img");
    picture.src = `${settings.picture}?${address()}`;
    picture.alt = "Focal plane; the table beside it has the worst amplifiers in numbers.";
    one("#focal").replaceChildren(picture);
  }

  async function start() {
    const [answer] = await Promise.all([fetch(settings.geometry), loadValues()]);
    if (!answer.ok || !data) return showPicture();
    const parsed = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
    svg = document.importNode(parsed.documentElement, true);
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-label", "Focal plane: arrow keys read out amplifiers, Enter opens the detector");
    svg.setAttribute("aria-describedby", "readout");
    paths = [...svg.querySelectorAll('path[id^="a"]')];
    paths.forEach((path, i) => {
      const [, x, y, w, h] = path.getAttribute("d").match(/M(-?\d+) (-?\d+)h(-?\d+)v(-?\d+)/).map(Number);
      amplifiers[i].box = { x, y, w, h, cx: x + w / 2, cy: y + h / 2 };
    });
    cursor = element("rect", { class: "cursor", x: -9999, y: -9999, width: 0, height: 0 }, svg);
    redraw();
    one("#focal").replaceChildren(svg);
    for (const id of ["scale-buttons", "brush"]) one(`#${id}`).hidden = false;
    const numberOf = (event) => (event.target.id?.startsWith("a") ? Number(event.target.id.slice(1)) : -1);
    svg.addEventListener("pointermove", (event) => { const i = numberOf(event); if (i >= 0 && i !== here) readOut(i); });
    svg.addEventListener("click", (event) => { const i = numberOf(event); if (i >= 0) open(i); });
    svg.addEventListener("keydown", (event) => {
      if (STEPS[event.key]) { event.preventDefault(); step(STEPS[event.key]); }
      if (event.key === "Enter") { event.stopPropagation(); open(here); }
    });
    svg.dataset.ready = "";
  }

  form.addEventListener("change", changed);
  addEventListener("popstate", () => location.reload());
  one("#scale-buttons").addEventListener("click", (event) => {
    const share = event.target.dataset?.scale;
    if (share !== undefined) setScale(share);
  });
  for (const id of ["brush-low", "brush-high"]) {
    one(`#${id}`).addEventListener("change", () => {
      const low = parse(one("#brush-low"));
      const high = parse(one("#brush-high"));
      setBrush(low === null && high === null ? null : [low ?? -Infinity, high ?? Infinity]);
    });
  }
  one("#brush-clear").addEventListener("click", () => setBrush(null));
  start();
})();
