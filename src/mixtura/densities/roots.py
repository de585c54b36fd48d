"""Roots of increasing or decreasing functions, many at once, to the last digit that their argument has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mixtura.validation import Array

MAX_STEPS = 200


def bracketed_root(
    function: Callable[[Array], tuple[Array, Array]], low: Array, high: Array, noise: Array | float = 0.0
) -> Array:
    """x in [low, high] with f(x) = 0, where f changes its sign between the ends.

    Newton's step where it stays in the bracket and halves the last step but one, else the middle (Press et al. 2007,
    rtsafe); it ends where a step no longer moves x, or f is zero but for its own rounding.

    Parameters
    ----------
    function : of x (m,), giving f and f′ (m,) each
    low, high : (m,), low ≤ high
    noise : (m,) or a number, the rounding of f near the root

    Returns
    -------
    (m,)
    """
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    rising = function(high)[0] >= function(low)[0]
    x = 0.5 * (low + high)
    before_last, last = high - low, high - low
    for _ in range(MAX_STEPS):
        value, slope = function(x)
        above = (value >= 0) == rising
        high, low = np.where(above, x, high), np.where(above, low, x)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = x - value / slope
            good = (newton >= low) & (newton <= high) & (np.abs(newton - x) <= 0.5 * np.abs(before_last))
        following = np.where(good, newton, 0.5 * (low + high))
        following = np.where(np.abs(value) <= noise, x, following)
        before_last, last, x = last, following - x, following
        if np.all(np.abs(last) <= np.finfo(float).eps * np.abs(x)):
            break
    return x
