"""NumPy twins of the compiled kernels, in extended precision: plain formulas, no blocks."""

from __future__ import annotations

import numpy as np

L = np.longdouble
LOG_TWO_PI = np.log(2 * np.pi * L(1))
KINDS = ("full", "tied", "diag", "tied_diag", "spherical", "tied_spherical")
TRIANGULAR = ("full", "tied")


def random_model(rng, kind, n_components, n_features, spread=2.0):
    """(log_weights, means, factors) of one mixture, well conditioned."""
    K, D = n_components, n_features
    weights = rng.dirichlet(np.full(K, 3.0))
    means = spread * rng.standard_normal((K, D))

    def triangle():
        return np.tril(0.3 * rng.standard_normal((D, D)) / np.sqrt(D), -1) + np.diag(rng.uniform(0.5, 2, D))

    factors = {
        "full": lambda: np.stack([triangle() for _ in range(K)]),
        "tied": triangle,
        "diag": lambda: rng.uniform(0.5, 2, (K, D)),
        "tied_diag": lambda: rng.uniform(0.5, 2, D),
        "spherical": lambda: rng.uniform(0.5, 2, K),
        "tied_spherical": lambda: rng.uniform(0.5, 2, 1),
    }[kind]()
    return np.log(weights), means, factors


def lower_triangles(kind, factors, K, D):
    """Every component's lower triangular factor, (K, D, D)."""
    f = np.asarray(factors, L)
    if kind == "full":
        return f
    if kind == "tied":
        return np.broadcast_to(f, (K, D, D))
    sd = {
        "diag": lambda: f,
        "tied_diag": lambda: np.broadcast_to(f, (K, D)),
        "spherical": lambda: np.repeat(f[:, None], D, 1),
        "tied_spherical": lambda: np.broadcast_to(f.reshape(1, 1), (K, D)),
    }[kind]()
    return sd[:, :, None] * np.eye(D, dtype=L)


def whiten(u, mean, factor):
    z = np.empty_like(u)
    for j in range(u.shape[1]):
        z[:, j] = (u[:, j] - mean[j] - z[:, :j] @ factor[j, :j]) / factor[j, j]
    return z


def whitened(u, kind, means, factors):
    K, D = means.shape
    triangles = lower_triangles(kind, factors, K, D)
    return np.stack([whiten(u, means[k].astype(L), triangles[k]) for k in range(K)])


def log_densities(z, kind, factors):
    """log p(u | k) without the weights, (n, K)."""
    K, _, D = z.shape
    triangles = lower_triangles(kind, factors, K, D)
    log_det = np.log(np.diagonal(triangles, axis1=1, axis2=2)).sum(1)
    return (-log_det[:, None] - D / L(2) * LOG_TWO_PI - (z**2).sum(2) / 2).T


def coordinates(X, centre, inverse_scale):
    return (np.asarray(X, L) - centre) * inverse_scale


def e_step(X, centre, inverse_scale, kind, log_weights, means, factors, log_noise=None):
    """z (K, n, D), l (n, K), log_prob (n,), responsibilities (n, K), with noise one more column."""
    z = whitened(coordinates(X, centre, inverse_scale), kind, means, factors)
    log_p = log_densities(z, kind, factors)
    with np.errstate(under="ignore"):
        joint = log_p + log_weights
        if log_noise is not None:
            joint = np.column_stack([joint, np.full(len(joint), log_noise, L)])
        top = joint.max(1)
        total = top + np.log(np.exp(joint - top[:, None]).sum(1))
        return z, log_p, total, np.exp(joint - total[:, None])


def sweep(X, weight, centre, inverse_scale, kind, log_weights, means, factors, scatter, about=None, log_noise=None):
    """The tuple of one model: log_likelihood, log_max_resp, counts, sums, squares, scatter, count of the noise."""
    n = len(X)
    w = np.ones(n, L) if weight is None else np.asarray(weight, L)
    K, D = means.shape
    if n == 0:
        shape = {"full": (K, D, D), "tied": (D, D), "diag": (K, D), "tied_diag": (D,)}.get(kind)
        second = np.zeros(shape) if scatter and shape else None
        return 0.0, 0.0, np.zeros(K), np.zeros((K, D)), np.zeros(K), second, 0.0
    z, _, log_prob, resp = e_step(X, centre, inverse_scale, kind, log_weights, means, factors, log_noise)
    log_max = np.log(resp.max(1))
    noise, resp = float((w @ resp[:, K:]).sum()), resp[:, :K]
    if about is not None:
        z = whitened(coordinates(X, centre, inverse_scale), kind, about[1], about[2])
    with np.errstate(under="ignore"):
        r = resp * w[:, None]
        second = None
        if scatter and kind in TRIANGULAR:
            second = np.einsum("ik,kij,kil->kjl", r, z, z)
        elif scatter and kind in ("diag", "tied_diag"):
            second = np.einsum("ik,kij->kj", r, z**2)
        if second is not None and kind.startswith("tied"):
            second = second.sum(0)
        return (
            float((w * log_prob).sum()),
            float((w * log_max).sum()),
            r.sum(0),
            np.einsum("ik,kij->kj", r, z),
            np.einsum("ik,kij->k", r, z**2),
            second,
            noise,
        )
