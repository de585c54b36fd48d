"""Numbers as a person reads them: as many digits as their spread makes meaningful."""

from __future__ import annotations

import math
from collections.abc import Sequence

SCIENTIFIC = 1e10
"""Numbers as large as this, or spreads as small as its inverse, are written with an exponent."""


def measures(means: Sequence[float], spreads: Sequence[float], digits: int = 2) -> list[str]:
    """`4.47 ± 0.28` for each pair, aligned: the smallest spread gets `digits` significant digits, and all its decimals.

    Examples
    --------
    >>> measures([4.4657, 2.0376], [0.2792, 0.2792])
    ['4.47 ± 0.28', '2.04 ± 0.28']
    >>> measures([5.1, 1.5], [0.78, 12.6])
    ['5.10 ±  0.78', '1.50 ± 12.60']
    """
    positive = [s for s in spreads if s > 0]
    smallest, largest = min(positive, default=1.0), max(max(map(abs, means)), max(spreads))
    if largest >= SCIENTIFIC or smallest <= 1 / SCIENTIFIC:
        left, right = [f"{m:.6g}" for m in means], [f"{s:.{digits}g}" for s in spreads]
    else:
        decimals = max(0, digits - 1 - math.floor(math.log10(smallest)))
        left, right = [_fixed(m, decimals) for m in means], [f"{s:.{decimals}f}" for s in spreads]
    width = max(map(len, right))
    return [f"{m} ± {s.rjust(width)}" for m, s in zip(left, right, strict=True)]


def _fixed(value: float, decimals: int) -> str:
    """Fixed decimals; what rounds to zero has no sign."""
    text = f"{value:.{decimals}f}"
    return text if float(text) else f"{0:.{decimals}f}"


def percent(share: float) -> str:
    """`47.5%`; small shares keep two digits.

    Examples
    --------
    >>> percent(0.4749), percent(0.00012), percent(0.0)
    ('47.5%', '0.012%', '0%')
    """
    if 0 < share < 0.001:
        return f"{100 * share:.2g}%"
    return f"{100 * share:.1f}%" if share else "0%"


def criterion_text(value: float) -> str:
    """A log-likelihood or criterion: two decimals, for differences below 0.01 mean nothing."""
    return f"{value:.2f}" if math.isfinite(value) else str(value)


def evidence(bic_difference: float) -> str:
    """What a difference of BICs is worth, in the words of Kass & Raftery (1995, section 3.2).

    Examples
    --------
    >>> [evidence(d) for d in (1.0, 5.8, 7.9, 30.0)]
    ['hardly any evidence', 'positive evidence', 'strong evidence', 'very strong evidence']
    """
    words = ((2.0, "hardly any"), (6.0, "positive"), (10.0, "strong"), (math.inf, "very strong"))
    return next(word for limit, word in words if bic_difference <= limit) + " evidence"
