# SPDX-License-Identifier: Apache-2.0
"""Small plots as inline SVG: text and lines take the colours of the page, light or dark, and nothing is loaded.

Colours are classes (`s1`, `s2`, ...) of the page's style sheet. Labels are escaped here.
"""

from __future__ import annotations

import html
import math
from typing import Iterable, Sequence

import numpy as np

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 12, 46
MARGIN = 6  # around the frame, for dots on it
CHARACTER = 7.5  # width of most characters
LARGEST = 1e300  # numbers beyond it leave the axes, whose sums must not overflow
NARROWEST = 1e-13  # of the numbers themselves: a narrower axis has no ticks that differ
MOST_POINTS = 1200  # of a line: more cannot be told apart at this width
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(exponent: int) -> str:
    """10 to a power, as people write it."""
    return "10" + str(exponent).translate(SUPERSCRIPTS)


def escape(text: object) -> str:
    return html.escape(str(text))


class Scale:
    """Where the numbers of one axis stand."""

    def __init__(self, low: float, high: float, first: float, last: float, log: bool = False,
                 whole: bool = False) -> None:
        least = 1 / LARGEST if log else -LARGEST
        low, high = (min(max(end, least), LARGEST) for end in (low, high))
        if not high - low > max(NARROWEST * max(abs(low), abs(high)), 1 / LARGEST):
            margin = abs(low) * 0.01 if abs(low) > 1 / LARGEST else 1.0
            low, high = (low / 2, high * 2) if log else (low - margin, high + margin)
        self.low, self.high, self.first, self.last, self.log, self.whole = low, high, first, last, log, whole

    def at(self, value: np.ndarray | float) -> np.ndarray:
        """Pixels of values; NaN where a logarithmic axis has no place for one."""
        values = np.asarray(value, dtype=float)
        low, high = self.low, self.high
        if self.log:
            values = np.log10(np.where(values > 0, values, np.nan))
            low, high = math.log10(low), math.log10(high)
        return self.first + (values - low) / (high - low) * (self.last - self.first)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Round numbers within the axis, and how they are written."""
        return self._decades(most) if self.log and self.high > 10 * self.low else self._steps(most)

    def _decades(self, most: int) -> list[tuple[float, str]]:
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        step = max(1, math.ceil((last - first + 1) / most))
        ticks = [(10.0**e, power_of_ten(e)) for e in range(first, last + 1) if e % step == 0]
        return ticks if len(ticks) > 1 else self._steps(most)

    def _steps(self, most: int) -> list[tuple[float, str]]:
        raw = (self.high - self.low) / most
        raw = max(raw, 1.0) if self.whole else raw
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= raw * (1 - 1e-9))
        indices = range(math.ceil(self.low / step - 1e-6), math.floor(self.high / step + 1e-6) + 1)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        largest = max(abs(self.low), abs(self.high))
        if largest >= 1e6 or largest < 1e-3:
            return [(i * step, _scientific(i * step, largest, step)) for i in indices]
        return [(i * step, f"{i * step:,.{decimals}f}".replace("-", "−")) for i in indices]


def _scientific(value: float, largest: float, step: float) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(largest))
    decimals = max(0, exponent - math.floor(math.log10(step) + 1e-9))
    return f"{value / 10.0**exponent:.{decimals}f}·{power_of_ten(exponent)}".replace("-", "−")


class Plot:
    """One plot with a frame, axes and whatever is drawn on it, in the order of the calls.

    `y_names` stand in place of numbers on the upright axis; `whole_x` has whole numbers only.
    """

    def __init__(self, label: str, x: tuple[float, float], y: tuple[float, float], x_title: str, y_title: str = "",
                 log_x: bool = False, log_y: bool = False, height: int = HEIGHT, whole_x: bool = False,
                 y_names: list[tuple[float, str]] | None = None) -> None:
        self.label, self.height = label, height
        self.x_title, self.y_title = x_title, y_title
        self.y = Scale(*y, height - BOTTOM, TOP, log_y)
        self.y_ticks = y_names or self.y.ticks(5)
        self.left = max(LEFT, int(32 + CHARACTER * max((len(text) for _, text in self.y_ticks), default=0)))
        self.x = Scale(*x, self.left, WIDTH - RIGHT, log_x, whole_x)
        self.parts: list[str] = []

    def line(self, x: np.ndarray, y: np.ndarray, colour: str) -> None:
        """A line with gaps where there is no number; long ones keep the extremes of each stretch."""
        x, y = thinned(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        px, py = self.x.at(x), np.clip(self.y.at(y), TOP - 50, self.height + 50)
        commands, pen_up = [], True
        for a, b in zip(px, py):
            if math.isfinite(a) and math.isfinite(b):
                commands.append(f"M{a:.1f} {b:.1f}h0" if pen_up else f"L{a:.1f} {b:.1f}")  # h0: a lone point is a dot
            pen_up = not (math.isfinite(a) and math.isfinite(b))
        self.parts.append(f'<path class="line {colour}" d="{"".join(commands)}"/>')

    def band(self, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> None:
        """The area between two lines."""
        xs, lows = thinned(np.asarray(x, dtype=float), np.asarray(low, dtype=float))
        xh, highs = thinned(np.asarray(x, dtype=float), np.asarray(high, dtype=float))
        corners = [f"{a:.1f} {b:.1f}" for a, b in zip(self.x.at(xh), self.y.at(highs)) if math.isfinite(b)]
        corners += [f"{a:.1f} {b:.1f}" for a, b in zip(self.x.at(xs)[::-1], self.y.at(lows)[::-1]) if math.isfinite(b)]
        if corners:
            self.parts.append(f'<path class="area {colour}" d="M{"L".join(corners)}Z"/>')

    def stairs(self, edges: np.ndarray, counts: np.ndarray, colour: str) -> None:
        """A histogram as one filled outline."""
        x, y, zero = self.x.at(np.asarray(edges)), self.y.at(np.asarray(counts)), self.y.first
        steps = "".join(f"V{b:.1f}H{a:.1f}" for a, b in zip(x[1:], y))
        self.parts.append(f'<path class="area {colour}" d="M{x[0]:.1f} {zero:.1f}{steps}V{zero:.1f}Z"/>')

    def point(self, x: float, y: float, colour: str, title: str, hollow: bool = False) -> None:
        a, b = float(self.x.at(x)), float(self.y.at(y))
        kind = "ring" if hollow else "dot"
        self.parts.append(f'<circle class="{kind} {colour}" cx="{a:.1f}" cy="{b:.1f}" r="4">'
                          f"<title>{escape(title)}</title></circle>")

    def bar(self, x: tuple[float, float], y: tuple[float, float], colour: str) -> None:
        """An error bar from one point to another, with caps across its ends."""
        (a, c), (b, d) = self.x.at(np.array(x)), self.y.at(np.array(y))
        cap = (0, 5) if b == d else (5, 0)
        ends = "".join(f"M{p - cap[0]:.1f} {q - cap[1]:.1f}L{p + cap[0]:.1f} {q + cap[1]:.1f}" for p, q in ((a, b), (c, d)))
        self.parts.append(f'<path class="line {colour}" d="M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}{ends}"/>')

    def segment(self, x: tuple[float, float], y: float, colour: str) -> None:
        """A short level line."""
        a, c = self.x.at(np.array(x))
        self.parts.append(f'<path class="line {colour}" d="M{a:.1f} {float(self.y.at(y)):.1f}H{c:.1f}"/>')

    def across(self, y: float, colour: str) -> None:
        """A dashed line of one height."""
        self.parts.append(f'<path class="line dashed {colour}" d="M{self.left} {float(self.y.at(y)):.1f}H{WIDTH - RIGHT}"/>')

    def upright(self, x: float, colour: str, dashed: bool = False) -> None:
        """A line at one x."""
        self.parts.append(f'<path class="line {"dashed " if dashed else ""}{colour}" '
                          f'd="M{float(self.x.at(x)):.1f} {TOP}V{self.height - BOTTOM}"/>')

    def note(self, x: float, y: float, text: str) -> None:
        """Words above a point."""
        self.parts.append(f'<text class="small" text-anchor="middle" x="{float(self.x.at(x)):.1f}" '
                          f'y="{float(self.y.at(y)) - 9:.1f}">{escape(text)}</text>')

    def cloud(self, x: np.ndarray, y: np.ndarray, colour: str) -> None:
        """Many points of one colour, as one path of dots."""
        dots = "".join(f"M{a:.0f} {b:.0f}h0" for a, b in zip(self.x.at(x), self.y.at(y)))
        if dots:
            self.parts.append(f'<path class="cloud {colour}" d="{dots}"/>')

    def svg(self) -> str:
        """The whole plot."""
        left, top = self.left - MARGIN, TOP - MARGIN  # the inner element cuts off what leaves the frame
        width, height = WIDTH - RIGHT + MARGIN - left, self.height - BOTTOM + MARGIN - top
        return (f'<svg class="plot" role="img" viewBox="0 0 {WIDTH} {self.height}" aria-label="{escape(self.label)}">'
                f'<g class="grid-lines">{"".join(self._grid())}</g><svg x="{left}" y="{top}" width="{width}" height="{height}" '
                f'viewBox="{left} {top} {width} {height}">{"".join(self.parts)}</svg>'
                f'<g class="labels">{"".join(self._labels())}</g></svg>')

    def _x_ticks(self) -> list[tuple[float, str]]:
        ticks = self.x.ticks(6)
        return ticks if sum(len(text) for _, text in ticks) <= 48 else self.x.ticks(3)

    def _grid(self) -> Iterable[str]:
        bottom = self.height - BOTTOM
        for value, _ in self._x_ticks():
            yield f'<path d="M{float(self.x.at(value)):.1f} {TOP}V{bottom}"/>'
        for value, _ in self.y_ticks:
            yield f'<path d="M{self.left} {float(self.y.at(value)):.1f}H{WIDTH - RIGHT}"/>'
        yield f'<path class="frame" d="M{self.left} {TOP}V{bottom}H{WIDTH - RIGHT}"/>'

    def _labels(self) -> Iterable[str]:
        bottom = self.height - BOTTOM
        for value, text in self._x_ticks():
            yield f'<text text-anchor="middle" x="{float(self.x.at(value)):.1f}" y="{bottom + 17}">{escape(text)}</text>'
        for value, text in self.y_ticks:
            yield f'<text text-anchor="end" x="{self.left - 7}" y="{float(self.y.at(value)) + 4.5:.1f}">{escape(text)}</text>'
        middle = (self.left + WIDTH - RIGHT) / 2
        yield f'<text text-anchor="middle" x="{middle:.0f}" y="{self.height - 9}">{escape(self.x_title)}</text>'
        if self.y_title:
            y = (TOP + bottom) / 2
            yield (f'<text text-anchor="middle" transform="rotate(-90 13 {y:.0f})" x="13" y="{y:.0f}">'
                   f"{escape(self.y_title)}</text>")


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a long line the smallest and largest of each stretch, so that no spike is lost."""
    if len(x) <= MOST_POINTS:
        return x, y
    kept = set()
    for part in np.array_split(np.arange(len(x)), MOST_POINTS // 2):
        values = y[part]
        known = part[np.isfinite(values)]
        kept |= {int(known[np.argmin(y[known])]), int(known[np.argmax(y[known])])} if len(known) else {int(part[0])}
    index = sorted(kept)
    return x[index], y[index]


def legend(entries: Sequence[tuple[str, str, str]]) -> str:
    """What the marks mean: (kind, colour, words), the kind one of line, dashed, dot, ring, area, none."""
    items = "".join(f"<li>{_key(kind, colour)}{escape(words)}</li>" for kind, colour, words in entries)
    return f'<ul class="legend">{items}</ul>' if items else ""


def _key(kind: str, colour: str) -> str:
    if kind == "none":
        return ""
    return f'<svg class="key" viewBox="0 0 24 12" aria-hidden="true">{_mark(kind, colour)}</svg>'


def _mark(kind: str, colour: str) -> str:
    if kind in ("dot", "ring"):
        return f'<circle class="{kind} {colour}" cx="12" cy="6" r="4"/>'
    if kind == "area":
        return f'<path class="area {colour}" d="M2 1H22V11H2Z"/>'
    return f'<path class="line {"dashed " if kind == "dashed" else ""}{colour}" d="M1 6H23"/>'
