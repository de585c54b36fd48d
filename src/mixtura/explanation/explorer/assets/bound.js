// Jensen's picture: the log-likelihood and the bound along one parameter; and both along the run.

const WIDE = 3; // standard errors to either side
const LOW = 4; // nats below the values that are marked
const WORK = 2e6; // densities that one picture may ask for

/** ℓ and F along one parameter. `draw` shows {before, after (or null), resp (or null), parameter, moved}. */
function boundChart(host, record) {
  return (view) => {
    const width = Math.max(300, host.clientWidth);
    const height = clamp(width * 0.52, 260, 340);
    const frame = { left: 62, right: width - 14, top: 26, bottom: height - 44 };
    const shown = slices(view, record);
    const x = scale(shown.domain, [frame.left, frame.right]);
    const y = scale(shown.range, [frame.bottom, frame.top]);
    const clip = svg("clipPath", { id: "bound-clip" }, svg("rect", {
      x: frame.left, y: frame.top - 6, width: frame.right - frame.left, height: frame.bottom - frame.top + 6,
    }));
    const curve = (slice, name, className) => svg("path", {
      d: path(shown.grid.map((value, i) => [x(value), y(slice.values[i][name])])), class: className,
    });
    const curves = svg("g", { "clip-path": "url(#bound-clip)" });
    const now = view.moved ? shown.after : shown.before;
    if (view.moved) {
      curves.append(curve(shown.before, "logLikelihood", "likelihood past"), curve(shown.before, "bound", "bound past"));
    }
    curves.append(curve(now, "logLikelihood", "likelihood"));
    if (view.resp) curves.append(curve(now, "bound", "bound"));
    curves.append(...marks(view, shown, x, y));
    const title = view.parameter.kind === "step" ? "share of the M-step" : view.parameter.symbol;
    host.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "bound-title" },
      clip, axis("y", y, frame, "nats", 5), axis("x", x, frame, title, width / 90), curves));
  };
}

/** The values along the parameter, through θ before and after the M-step, on one grid. */
function slices(view, record) {
  const { before, after, parameter } = view;
  const resp = view.resp ?? responsibilities(before, record.rows);
  const along = parameter.kind === "step";
  const at = along ? [0, 1] : [before, after ?? before].map((theta) => valueOf(theta, parameter));
  const domain = along ? [-0.2, 1.3] : reach(at, after ?? before, parameter, counts(resp, record.sample_weight));
  const n = clamp(Math.round(WORK / (record.rows.length * record.gaussians.length)), 41, 161);
  const grid = evenly(domain, n);
  const evaluate = (theta) => objectives(theta, record.rows, resp, record.sample_weight);
  const slice = (theta, value) => ({
    at: value,
    here: evaluate(theta),
    values: grid.map((v) => evaluate(along ? between(before, after, v) : withValue(theta, parameter, v, record.shared_volume))),
  });
  const shown = { domain, grid, before: slice(before, at[0]) };
  shown.after = after ? (along ? { ...shown.before, at: 1, here: evaluate(after) } : slice(after, at[1])) : shown.before;
  return { ...shown, range: heights(shown, view) };
}

/** From well below the smaller to well above the larger value; variances and weights stay possible. */
function reach([one, other], theta, parameter, held) {
  const k = parameter.component;
  const n = Math.max(held[k], 1e-9);
  const value = valueOf(theta, parameter);
  const error = parameter.kind === "mean" ? Math.sqrt(theta.covariances[k][parameter.column][parameter.column] / n)
    : parameter.kind === "volume" ? value * Math.sqrt(2 / (n * theta.means[k].length))
      : Math.sqrt((value * (1 - value)) / held.reduce((a, b) => a + b, 0));
  const margin = Math.max(0.35 * Math.abs(other - one), WIDE * error, 1e-9 * Math.abs(value));
  let [low, high] = [Math.min(one, other) - margin, Math.max(one, other) + margin];
  if (parameter.kind !== "mean") low = Math.max(low, 0.15 * Math.min(one, other));
  if (parameter.kind === "weight") high = Math.min(high, 1 - 0.15 * (1 - Math.max(one, other)));
  return [low, high];
}

function heights(shown, view) {
  const marked = [shown.before.here.logLikelihood, shown.after.here.logLikelihood, view.after ? shown.after.here.bound : NaN]
    .filter(Number.isFinite);
  const [low, high] = [Math.min(...marked), Math.max(...marked)];
  const tops = [shown.before, shown.after].flatMap((slice) => slice.values.map((v) => v.logLikelihood)).filter(Number.isFinite);
  const top = Math.max(high, ...tops);
  const bottom = low - Math.max(0.5 * (high - low), LOW);
  return [bottom, top + 0.08 * (top - bottom)];
}

/** Where θ stands: one dot where the bound touches, two and the gap between them after the M-step. */
function marks(view, shown, x, y) {
  const dot = (slice, name, className) => svg("circle", { cx: x(slice.at), cy: y(slice.here[name]), r: 5, class: `dot ${className}` });
  if (!view.moved) return [dot(shown.before, "logLikelihood", view.resp ? "touch" : "likelihood")];
  const { after, before } = shown;
  return [
    svg("line", { x1: x(after.at), x2: x(after.at), y1: y(after.here.bound), y2: y(after.here.logLikelihood), class: "gap" }),
    dot(before, "logLikelihood", "past"),
    dot(after, "bound", "bound"),
    dot(after, "logLikelihood", "likelihood"),
  ];
}

/** ℓ after each M-step and the bound that it reached, with the present one marked. */
function runChart(host, record) {
  const values = record.log_likelihoods;
  return ({ t, moved }) => {
    const width = Math.max(300, host.clientWidth);
    const height = clamp(width * 0.36, 200, 240);
    const frame = { left: 62, right: width - 14, top: 26, bottom: height - 44 };
    const x = scale([0, values.length - 1], [frame.left, frame.right]);
    const [low, high] = [values, record.lower_bounds].flat().reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const y = scale([low - 0.05 * (high - low), high + 0.05 * (high - low)], [frame.bottom, frame.top]);
    const few = values.length <= 60;
    const bounds = few ? record.lower_bounds.map((v, i) => svg("line", { x1: x(i + 1) - 6, x2: x(i + 1) + 6, y1: y(v), y2: y(v), class: "bound" })) : [];
    const dots = few ? values.map((v, i) => svg("circle", { cx: x(i), cy: y(v), r: 3, class: "dot likelihood" })) : [];
    host.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "run-title" },
      axis("y", y, frame, "nats", 4), axis("x", x, frame, "M-steps done", Math.min(width / 70, values.length)),
      svg("path", { d: path(values.map((v, i) => [x(i), y(v)])), class: "likelihood thin" }), ...bounds, ...dots,
      svg("circle", { cx: x(t), cy: y(values[t]), r: 6, class: "ring" }),
      svg("text", { x: clamp(x(t), frame.left + 30, frame.right - 30), y: y(values[t]) + (y(values[t]) > frame.bottom - 30 ? -14 : 22), class: "name", "text-anchor": "middle" },
        moved ? `after M-step ${t}` : `θ${subscript(t)}`)));
  };
}
