# SPDX-License-Identifier: Apache-2.0
"""How numbers are written for readers: as many digits as the error bar allows, two in the bar."""

from __future__ import annotations

import math
from collections.abc import Callable

from .svg import power_of_ten

LEAST_BAR, MOST_BAR = 1e-18, 1e12  # beyond these a number of decimals is no way to write it
SHORTEST = 1e-4  # a smaller bar is written with a power of ten


def measured(value: float, bar: float | None) -> str:
    """`0.7534 ± 0.0025`; six digits of the value where there is no bar."""
    if bar is None or not bar > 0 or not math.isfinite(bar):
        return plain(value)
    if not LEAST_BAR <= bar <= MOST_BAR:
        return f"{power(value)} ± {power(bar)}"
    decimals = _decimals(bar)
    width = rounded(bar, decimals) if bar >= SHORTEST else power(bar)
    return f"{rounded(value, decimals)} ± {width}"


def _decimals(bar: float) -> int:
    """Behind the point, so that the bar has two digits; 0.0996 is 0.10."""
    exponent = math.floor(math.log10(bar))
    decimals = 1 - exponent
    return decimals - 1 if round(bar, decimals) >= 10.0 ** (exponent + 1) else decimals


def rounded(value: float, decimals: int) -> str:
    """With that many decimals; negative ones round before the point."""
    return f"{round(value, decimals):.{max(0, decimals)}f}"


def plain(value: float) -> str:
    """Six digits, with a power of ten where that is shorter."""
    text = f"{value:.6g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return f"{mantissa}·{power_of_ten(int(exponent))}"


def _in_unicode(mantissa: str, exponent: int) -> str:
    return f"{mantissa}·{power_of_ten(exponent)}"


def power(value: float, times: Callable[[str, int], str] = _in_unicode) -> str:
    """Two digits, with a power of ten where that is shorter, as `times` writes it."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return times(mantissa, int(exponent))
