// Small SVG helpers: elements, scales, axes.

const SVG = "http://www.w3.org/2000/svg";

/** A new SVG element with attributes and children. */
function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A new HTML element with properties and children. */
function html(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** A straight scale from values to pixels. */
function scale([from, to], [start, end]) {
  const slope = (end - start) / (to - from || 1);
  const map = (value) => start + (value - from) * slope;
  map.domain = [from, to];
  return map;
}

/** About n round values between two ends. */
function ticks([from, to], n) {
  const rough = (to - from) / n;
  if (!(rough > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((m) => m * power >= rough) * power;
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
}

/** Ticks' texts with as many decimals as the step needs. */
function tickTexts(values) {
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) : Math.abs(values[0]) || 1;
  if (step < 1e-5 || step >= 1e6) return values.map((v) => number(v, 4));
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return values.map((v) => signed((Math.abs(v) < step / 1e6 ? 0 : v).toFixed(decimals)));
}

/** An axis along the bottom (`side` "x") or the left ("y") of a frame {left, right, top, bottom}. */
function axis(side, map, frame, title, n) {
  const values = ticks(map.domain, n);
  const group = svg("g", { class: "axis" });
  tickTexts(values).forEach((text, i) => {
    const at = map(values[i]).toFixed(1);
    group.append(side === "x"
      ? svg("line", { x1: at, x2: at, y1: frame.bottom, y2: frame.bottom + 4 })
      : svg("line", { x1: frame.left, x2: frame.right, y1: at, y2: at, class: "grid" }));
    group.append(side === "x"
      ? svg("text", { x: at, y: frame.bottom + 17, "text-anchor": "middle" }, text)
      : svg("text", { x: frame.left - 6, y: at, dy: "0.32em", "text-anchor": "end" }, text));
  });
  if (side === "x") {
    group.append(svg("line", { x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom }));
    group.append(svg("text", { x: frame.right, y: frame.bottom + 33, "text-anchor": "end", class: "title" }, title));
  } else {
    group.append(svg("text", { x: 4, y: frame.top - 13, "text-anchor": "start", class: "title" }, title));
  }
  return group;
}

/** The path through points; what is not finite breaks it. */
function path(points) {
  let pen = "M";
  return points.map(([x, y]) => {
    if (!Number.isFinite(x) || !Number.isFinite(y)) { pen = "M"; return ""; }
    const part = `${pen}${x.toFixed(2)} ${Math.max(-1e5, Math.min(1e5, y)).toFixed(2)}`;
    pen = "L";
    return part;
  }).join("");
}

const evenly = ([from, to], n) => Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The colour of component k; grey for noise, which is the last where there is any. */
const paint = (k) => (k === noiseAt ? "var(--unknown)" : `var(--c${k % 8})`);

/** The colours of the components as the style sheet has them, [r, g, b]; after the eighth they start again. */
function palette(n) {
  const style = getComputedStyle(document.documentElement);
  const read = (k) => style.getPropertyValue(paint(k).slice(4, -1)).trim().match(/[0-9a-f]{2}/gi).map((h) => parseInt(h, 16));
  return Array.from({ length: n }, (_, k) => read(k));
}

/** The mean of colours weighted by responsibilities, taken of squared light so that it does not turn muddy. */
function mixed(colours, resp) {
  const channel = (c) => Math.sqrt(resp.reduce((sum, r, k) => sum + r * colours[k][c] ** 2, 0));
  return `rgb(${[0, 1, 2].map((c) => Math.round(channel(c))).join(",")})`;
}
