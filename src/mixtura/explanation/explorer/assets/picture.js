// The picture of the rows and the mixture: densities over one column, ellipses over two.

const NEAR = 28; // pixels within which the pointer finds a row
const STRIP = 52; // height of the band below the densities in which the rows lie
const CURVE = 301; // points of a density

/** Draws into `host`; `draw(view)` shows {theta, ghost, resp, selected}; `onSelect(row)` hears of the pointer. */
function picture(host, record, onSelect) {
  const flat = record.n_features === 1;
  const domains = flat ? [extent(record, 0), [0, tallest(record)]] : [extent(record, 0), extent(record, 1)];
  let frame, x, y, layers, circles, places;

  function layout() {
    const width = Math.max(300, host.clientWidth);
    const height = clamp(width * 0.62, 300, 460);
    frame = { left: 52, right: width - 14, top: 26, bottom: height - 44 - (flat ? STRIP : 0) };
    x = scale(domains[0], [frame.left, frame.right]);
    y = scale(domains[1], [frame.bottom, frame.top]);
    const clip = svg("clipPath", { id: "picture-clip" }, svg("rect", {
      x: frame.left, y: frame.top - 8, width: frame.right - frame.left, height: frame.bottom - frame.top + 8 + (flat ? STRIP : 0),
    }));
    layers = Object.fromEntries((flat ? ["shapes", "points", "marks"] : ["points", "shapes", "marks"]).map((name) => [name, svg("g", { class: name, "clip-path": "url(#picture-clip)" })]));
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "picture-title" }, clip,
      axis("y", y, frame, flat ? "density" : record.columns[1], 5),
      axis("x", x, { ...frame, bottom: frame.bottom + (flat ? STRIP : 0) }, record.columns[0], width / 90),
      ...Object.values(layers));
    placeRows(width);
    root.addEventListener("pointermove", find);
    root.addEventListener("pointerdown", find);
    host.replaceChildren(root);
  }

  function placeRows(width) {
    const radius = clamp(60 / Math.sqrt(record.rows.length), 2.2, 7);
    places = flat ? stacked(record.rows.map((row) => x(row[0])), radius, frame.bottom)
      : record.rows.map((row) => [x(row[0]), y(row[1])]);
    circles = places.map(([cx, cy]) => svg("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: radius }));
    layers.points.append(...circles);
  }

  function find(event) {
    const box = host.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1;
    let least = NEAR ** 2;
    places.forEach(([cx, cy], i) => {
      const distance = (cx - px) ** 2 + (cy - py) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    if (best >= 0) onSelect(best);
  }

  function draw(view) {
    const colours = palette(record.gaussians.length);
    const shapes = flat ? densities : ellipses;
    layers.shapes.replaceChildren(
      ...(view.ghost ? shapes(view.ghost, "ghost", x, y) : []),
      ...shapes(view.theta, "now", x, y),
    );
    circles.forEach((circle, i) => {
      circle.setAttribute("fill", view.resp ? mixed(colours, view.resp[i]) : "var(--unknown)");
    });
    mark(view);
  }

  /** Rings the row that is looked at; over one column it shows the densities there too. */
  function mark(view) {
    const [cx, cy] = places[view.selected];
    const ring = svg("circle", { cx, cy, r: Number(circles[0].getAttribute("r")) + 3, class: "ring" });
    if (!flat) { layers.marks.replaceChildren(ring); return; }
    const at = record.rows[view.selected];
    const heights = logJoint(prepared(view.theta), at).map((value) => y(Math.exp(value)));
    layers.marks.replaceChildren(
      svg("line", { x1: x(at[0]), x2: x(at[0]), y1: Math.min(...heights), y2: cy, class: "drop" }),
      ...heights.map((height, k) => svg("circle", { cx: x(at[0]), cy: height, r: 4, fill: paint(k), class: "dot" })),
      ring,
    );
  }

  return { layout, draw, mark };
}

/** π_k p(x | k) of each component, and their sum. */
function densities(theta, className, x, y) {
  const grid = evenly(x.domain, CURVE);
  const components = prepared(theta);
  const heights = grid.map((value) => logJoint(components, [value]).map(Math.exp));
  const curve = (height) => path(grid.map((value, i) => [x(value), y(height(heights[i]))]));
  const parts = components.map((_, k) => svg("path", { d: curve((h) => h[k]), class: `part ${className}`, stroke: paint(k) }));
  if (className === "ghost") return parts;
  const total = svg("path", { d: curve((h) => h.reduce((a, b) => a + b, 0)), class: "total" });
  return [...parts, total, ...placed(components).map((c, k) => {
    const height = y(Math.exp(c.logWeight + c.logScale));
    return label(k, clamp(x(c.mean[0]), x(x.domain[0]) + 8, x(x.domain[1]) - 8), Math.max(height - 8, y(y.domain[1]) + 4));
  })];
}

/** The points at one and two standard deviations from each mean, in every direction. */
function ellipses(theta, className, x, y) {
  const angles = evenly([0, 2 * Math.PI], 91);
  return placed(prepared(theta)).flatMap((c, k) => {
    const ring = (s) => path(angles.map((a) => {
      const [u, v] = [s * Math.cos(a), s * Math.sin(a)];
      return [x(c.mean[0] + c.l11 * u), y(c.mean[1] + c.l21 * u + c.l22 * v)];
    }));
    const colour = { stroke: paint(k), fill: className === "now" ? paint(k) : "none" };
    const rings = [2, 1].map((s) => svg("path", { d: `${ring(s)}Z`, class: `ellipse ${className}`, ...colour }));
    return className === "now" ? [...rings, label(k, x(c.mean[0]), y(c.mean[1]) + 5)] : rings;
  });
}

const label = (k, atX, atY) => svg("text", { x: atX, y: atY, class: "name", "text-anchor": "middle" }, String(k + 1));

/** Rows on a line, equal ones stacked, [x, y] in pixels. */
function stacked(positions, radius, top) {
  const columns = new Map();
  const slots = positions.map((position) => {
    const column = Math.round(position / (2 * radius));
    columns.set(column, (columns.get(column) ?? 0) + 1);
    return columns.get(column) - 1;
  });
  const step = Math.min(2 * radius, (STRIP - 2 * radius - 8) / Math.max(1, Math.max(...columns.values()) - 1));
  return positions.map((position, i) => [position, top + radius + 5 + slots[i] * step]);
}

/** The rows and the components' first places of one column, with a margin. */
function extent(record, column) {
  const values = record.rows.map((row) => row[column]);
  let [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const size = high - low || 1;
  for (const theta of Object.values(record.mixtures)) {
    theta.means.forEach((mean, k) => {
      const spread = 2 * Math.sqrt(theta.covariances[k][column][column]);
      low = Math.min(low, Math.max(mean[column] - spread, low - size / 2));
      high = Math.max(high, Math.min(mean[column] + spread, high + size / 2));
    });
  }
  return [low - 0.04 * size, high + 0.04 * size];
}

/** The highest component of the run; one too narrow to be seen, for it collapses, does not flatten all the others. */
function tallest(record) {
  const values = record.rows.map((row) => row[0]);
  const size = values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
  const all = Object.values(record.mixtures).flatMap((theta) => placed(prepared(theta)));
  const seen = all.filter((c) => c.l11 > size / 60);
  return 1.15 * (seen.length ? seen : all).reduce((top, c) => Math.max(top, Math.exp(c.logWeight + c.logScale)), 0);
}
