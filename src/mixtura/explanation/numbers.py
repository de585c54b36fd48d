"""Numbers as a person writes them: six digits, a true minus sign, powers of ten."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
DIGITS = 6
"""Significant digits of a number in the text; `Explanation.to_dict` has all of them."""


def number(x: float, digits: int = DIGITS) -> str:
    """`5.13173`, `−0.5`, `1.36512×10⁻⁷`; a large number keeps its whole part and three decimals."""
    x = float(x)
    if math.isnan(x):
        return "—"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if x == 0:
        return "0"
    if 1e-4 <= abs(x) < 10 ** (digits - 1):
        return f"{x:.{digits}g}".replace("-", "−")
    if 10 ** (digits - 1) <= abs(x) < 1e12:
        return f"{x:.3f}".rstrip("0").rstrip(".").replace("-", "−")
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    return _powered(mantissa, int(exponent))


def exp_number(log_x: float, digits: int = DIGITS) -> str:
    """The number e^log_x, also where it is too small or too large for a float."""
    if abs(log_x) < 690 or not math.isfinite(log_x):
        return number(math.exp(log_x) if log_x < 710 else math.inf, digits)
    tens = log_x / math.log(10)
    exponent = math.floor(tens)
    return _powered(f"{10 ** (tens - exponent):.{digits - 1}f}", exponent)


def _powered(mantissa: str, exponent: int) -> str:
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}×10{str(exponent).translate(SUPERSCRIPTS)}".replace("-", "−")


def nats(x: float) -> str:
    """A log-likelihood: eight decimals, fewer where it is large."""
    if not math.isfinite(x):
        return number(x)
    decimals = max(2, 8 - max(0, math.floor(math.log10(max(abs(x), 1.0))) - 2))
    return f"{x:.{decimals}f}".replace("-", "−")


def tenth(x: float) -> str:
    """Rounded to the nearest tenth."""
    return f"{x:.1f}".replace("-", "−")


def percent(share: float) -> str:
    """A share as `14.5 %`."""
    return f"{number(100 * share, 3)} %"


def probability(p: float, rest: float) -> str:
    """A probability p = 1 − rest near one keeps what it lacks: `1 − 1.4×10⁻⁷`."""
    if 0 < rest < 1e-4:
        return f"1 − {number(rest, 3)}"
    return f"{p:.6f}" if rest > 0 else "1"


def in_product(x: str) -> str:
    """A number as a factor or a subtrahend: negative ones in brackets."""
    return f"({x})" if x.startswith("−") else x


def subscript(i: int) -> str:
    """₀ ₁ ₂ …"""
    return str(i).translate(SUBSCRIPTS)


def aligned(values: Iterable[float], digits: int = DIGITS) -> list[str]:
    """A column of numbers with as many decimals each, where their sizes allow it."""
    column = [float(v) for v in values]
    sizes = [abs(v) for v in column if v != 0 and math.isfinite(v)]
    if not sizes or max(sizes) >= 1e9 or min(sizes) < 1e-3:
        return [number(v, digits) for v in column]
    fewest, most = (digits - 1 - math.floor(math.log10(size)) for size in (max(sizes), min(sizes)))
    decimals = max(3 if max(sizes) >= 1e3 else 0, min(fewest + 1, most, digits))
    texts = [f"{v:.{decimals}f}" if math.isfinite(v) else number(v) for v in column]
    while decimals and all(t.endswith("0") or not t[-1].isdigit() for t in texts):
        decimals -= 1
        texts = [f"{v:.{decimals}f}" if math.isfinite(v) else number(v) for v in column]
    return [t.replace("-", "−") for t in texts]


def added(terms: Sequence[str], limit: int = 6) -> str:
    """a + b − c + …: a long sum shows its first terms and its last."""
    return added_of(len(terms), terms.__getitem__, limit)


def added_of(n: int, term: Callable[[int], str], limit: int = 6) -> str:
    """The same of term(0) + … + term(n − 1), of which only those are written that are shown."""
    places = range(n) if n <= limit else [*range(limit - 2), n - 1]
    shown = [term(i) for i in places]
    if n > limit:
        shown.insert(limit - 2, "…")
    return " + ".join(shown).replace("+ −", "− ")


def vector(values: Sequence[float]) -> str:
    """(1, −2.5)"""
    return f"({', '.join(number(v) for v in values)})"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
