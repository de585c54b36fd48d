"""Error bounds of the kernels' own exp and log, against 50 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from mixtura import _core


def ulps(got, want, dtype):
    """Error in units of the last place of the exact values, mpmath numbers."""
    info = np.finfo(dtype)
    worst = 0.0
    for g, w in zip(got, want, strict=True):
        exponent = max(mpmath.frexp(w)[1] - info.nmant - 1, info.minexp - info.nmant)
        worst = max(worst, float(abs(mpmath.mpf(float(g)) - w) / mpmath.mpf(2) ** exponent))
    return worst


@pytest.mark.parametrize(("dtype", "lowest"), [(np.float64, -708.0), (np.float32, -87.0)])
def test_exp_is_within_two_ulp(engine, dtype, lowest):
    rng = np.random.default_rng(1)
    half = np.arange(-200, 1) * np.log(2) / 2
    x = np.concatenate(
        [
            rng.uniform(lowest, 0, 3000),
            rng.uniform(-2, 0, 2000),
            -(10 ** rng.uniform(-20, 0, 500)),
            half[half >= lowest],
            np.nextafter(half, 0)[half >= lowest],
            [lowest, 0.0, -0.0],
        ]
    ).astype(dtype)
    x = x[x >= lowest]
    with mpmath.workdps(50):
        want = [mpmath.exp(mpmath.mpf(float(v))) for v in x]
        assert ulps(_core.vector_function("exp", x), want, dtype) <= 2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_exp_at_its_limits(engine, dtype):
    x = np.array([0, -0.0, -np.inf, -1e30, -709, np.nan, -0.0], dtype)
    got = _core.vector_function("exp", x)
    np.testing.assert_array_equal(got, np.array([1, 1, 0, 0, 0, np.nan, 1], dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_log_is_within_one_ulp(engine, dtype):
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.uniform(1, 10, 2000), 10 ** rng.uniform(0, 37, 1000), 1 + 10 ** rng.uniform(-7, 0, 1000)])
    x = np.maximum(x.astype(dtype), 1)
    with mpmath.workdps(50):
        want = [mpmath.log(mpmath.mpf(float(v))) for v in x]
        some = [(g, w) for g, w in zip(_core.vector_function("log", x), want, strict=True) if w]
        assert ulps(*zip(*some, strict=True), dtype) <= 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_log_at_its_limits(engine, dtype):
    x = np.array([1, 0, np.nan, 2], dtype)
    got = _core.vector_function("log", x)
    np.testing.assert_array_equal(got[:3], np.array([0, -np.inf, np.nan], dtype))


def test_unknown_instruction_set_is_named(monkeypatch):
    monkeypatch.setenv("MIXTURA_INSTRUCTION_SET", "mmx")
    with pytest.raises(ValueError, match=r"MIXTURA_INSTRUCTION_SET is 'mmx'.*expected one of: baseline"):
        _core.instruction_set()


def test_fastest_instruction_set_is_the_default(monkeypatch):
    monkeypatch.delenv("MIXTURA_INSTRUCTION_SET", raising=False)
    assert _core.instruction_set() == _core.instruction_sets()[-1]
