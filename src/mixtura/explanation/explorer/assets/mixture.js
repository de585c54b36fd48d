// A Gaussian mixture of one or two columns: densities, responsibilities, log-likelihood and Jensen's bound.

/** What evaluating a mixture needs: log weights, means, and the Cholesky factor of each covariance; noise is the last. */
function prepared(theta) {
  const components = theta.means.map((mean, k) => {
    const weight = theta.weights[k];
    const C = theta.covariances[k];
    const l11 = Math.sqrt(C[0][0]);
    const flat = mean.length === 1;
    const l21 = flat ? 0 : C[1][0] / l11;
    const l22 = flat ? 1 : Math.sqrt(C[1][1] - l21 * l21);
    const logScale = -Math.log(l11 * l22) - 0.5 * mean.length * Math.log(2 * Math.PI);
    return { logWeight: Math.log(weight), mean, l11, l21, l22, flat, logScale };
  });
  if (theta.noise_log_density === null) return components;
  return [...components, { logWeight: Math.log(theta.weights[theta.weights.length - 1]), everywhere: theta.noise_log_density }];
}

/** Those of a prepared mixture that have a place, which noise has not. */
const placed = (components) => components.filter((c) => c.mean);

/** log p(x | k), nats. */
function logDensity(component, x) {
  if (!component.mean) return component.everywhere;
  const z1 = (x[0] - component.mean[0]) / component.l11;
  if (component.flat) return component.logScale - 0.5 * z1 * z1;
  const z2 = (x[1] - component.mean[1] - component.l21 * z1) / component.l22;
  return component.logScale - 0.5 * (z1 * z1 + z2 * z2);
}

function logSumExp(values) {
  const top = Math.max(...values);
  if (top === -Infinity) return top;
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/** log π_k + log p(x | k) of each component. */
const logJoint = (components, x) => components.map((c) => c.logWeight + logDensity(c, x));

/** The E-step: (n_samples, n_components). */
function responsibilities(theta, rows) {
  const components = prepared(theta);
  return rows.map((x) => {
    const joint = logJoint(components, x);
    const total = logSumExp(joint);
    return joint.map((value) => Math.exp(value - total));
  });
}

/** {logLikelihood, bound} of a mixture at fixed responsibilities, total nats: ℓ(θ) and F(θ, γ). */
function objectives(theta, rows, resp, rowWeights) {
  const components = prepared(theta);
  let logLikelihood = 0;
  let bound = 0;
  rows.forEach((x, i) => {
    const joint = logJoint(components, x);
    const w = rowWeights ? rowWeights[i] : 1;
    if (w === 0) return;
    logLikelihood += w * logSumExp(joint);
    resp[i].forEach((r, k) => {
      if (r > 0) bound += w * r * (joint[k] - Math.log(r));
    });
  });
  return { logLikelihood, bound };
}

/** Σ_i w γ of each component. */
function counts(resp, rowWeights) {
  const totals = resp[0].map(() => 0);
  resp.forEach((row, i) => row.forEach((r, k) => { totals[k] += r * (rowWeights ? rowWeights[i] : 1); }));
  return totals;
}

/** |C|^(1/D): the variance in one dimension. */
function volume(C) {
  return C.length === 1 ? C[0][0] : Math.sqrt(C[0][0] * C[1][1] - C[0][1] * C[1][0]);
}

const valueOf = (theta, p) =>
  p.kind === "mean" ? theta.means[p.component][p.column]
    : p.kind === "weight" ? theta.weights[p.component]
      : volume(theta.covariances[p.component]);

/** The mixture with one parameter set to a value; with a weight the others change in proportion. */
function withValue(theta, p, value, sharedVolume) {
  if (p.kind === "mean") {
    const means = theta.means.map((mean) => [...mean]);
    means[p.component][p.column] = value;
    return { ...theta, means };
  }
  if (p.kind === "weight") {
    const rest = (1 - value) / (1 - theta.weights[p.component]);
    return { ...theta, weights: theta.weights.map((w, k) => (k === p.component ? value : w * rest)) };
  }
  const factor = value / volume(theta.covariances[p.component]);
  const scaled = (C) => C.map((row) => row.map((v) => v * factor));
  return { ...theta, covariances: theta.covariances.map((C, k) => (sharedVolume || k === p.component ? scaled(C) : C)) };
}

/** A mixture part of the way from one to another: how the pictures move. */
function between(one, other, share) {
  const mix = (a, b) => (Array.isArray(a) ? a.map((v, i) => mix(v, b[i])) : a + share * (b - a));
  return {
    ...one,
    weights: mix(one.weights, other.weights),
    means: mix(one.means, other.means),
    covariances: mix(one.covariances, other.covariances),
  };
}
