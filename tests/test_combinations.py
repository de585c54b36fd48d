"""The conformance table of what a fit may be asked for at once: certified, or refused with a reason."""

from __future__ import annotations

import functools
import itertools
import warnings

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.families.covariance import structure_names

RNG = np.random.default_rng(11)
CLASS = np.repeat([0, 1, 2], 30)
WHOLE = np.array([[0.0, 0, 0], [5, 0, 2], [0, 5, -3]])[CLASS] + RNG.normal(size=(90, 3)) * [1.0, 1.5, 0.7]
GAPS = np.where(RNG.random(WHOLE.shape) < 0.15, np.nan, WHOLE)

ASKS = {
    "weights": {"sample_weight": RNG.integers(1, 4, size=90).astype(float)},
    "gaps": {"X": GAPS},
    "labels": {"y": np.where(RNG.random(90) < 0.3, CLASS, -1)},
    "sets": {"y": (RNG.random((90, 3)) < 0.6) | (np.arange(3) == CLASS[:, None])},
    "priors": {"y": RNG.random((90, 3)) + 0.1},
    "groups": {"groups": np.where(RNG.random(90) < 0.5, -1, np.arange(90) // 3)},
    "noise": {"noise": mx.Noise.between(0.05, WHOLE.min(axis=0), WHOLE.max(axis=0))},
    "fixed means": {"fixed": "means"},
    "fixed weights": {"fixed": "weights"},
    "fixed covariances": {"fixed": "covariances"},
    "equal weights": {"equal_weights": True},
    "map": {"regularization": "map"},
    "penalty": {"regularization": "penalty"},
}
REFUSED = {
    ("priors", "noise"): "noise has no prior of its own",
    ("groups", "noise"): "belongs to no group",
    ("fixed weights", "equal weights"): "weights are equal by assumption",
}
ONE_PARAMETER = ("y", "fixed", "regularization")
STRUCTURES = (*structure_names(3), "FA1")


def pairs():
    for one, other in itertools.combinations(ASKS, 2):
        if not any(name in ASKS[one] and name in ASKS[other] for name in ONE_PARAMETER):
            yield one, other


@functools.cache
def start_of(structure):
    """The M-step of the classes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one iteration is no limit
        return mx.fit(WHOLE, 3, structure, start=CLASS, max_iter=1).mixture


def steps_of(structure, options):
    """A few iterations of EM, with what the mixture carries itself and what `em` is told."""
    told = {"X": WHOLE, **options}
    theta = start_of(structure).with_noise(told.pop("noise", None))
    if told.pop("equal_weights", False):
        theta = theta.with_equal_weights()
    return list(mx.em(theta, **told, max_iter=4))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("pair", list(pairs()), ids=" and ".join)
def test_every_pair_is_certified_or_refused(pair, structure):
    options = ASKS[pair[0]] | ASKS[pair[1]]
    if pair in REFUSED:
        with pytest.raises(ParameterError, match=REFUSED[pair]):
            steps_of(structure, options)
        return
    steps = steps_of(structure, options)
    assert len(steps) == 4
    for here, then in itertools.pairwise(steps):
        assert here.objective <= here.lower_bound + 1e-8
        assert here.lower_bound <= then.objective + 1e-8


@pytest.mark.parametrize("pair", list(pairs()), ids=" and ".join)
def test_every_pair_goes_through_fit(pair):
    options = {"X": WHOLE, **ASKS[pair[0]], **ASKS[pair[1]]}
    start = mx.Mixture.from_responsibilities(WHOLE, CLASS, "EEE") if "fixed" in options else None
    if pair in REFUSED:
        with pytest.raises(ParameterError, match=REFUSED[pair]):
            mx.fit(n_components=3, structure="EEE", start=start, **options)
        return
    fit = mx.fit(n_components=3, structure="EEE", start=start, n_starts=3, **options)
    assert fit.converged
    trace = fit.trace
    for low, bound, high in zip(
        trace["log_likelihood"], trace["lower_bound"], trace["next_log_likelihood"], strict=True
    ):
        assert low <= bound + 1e-7
        assert bound <= high + 1e-7
