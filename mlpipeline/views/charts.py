"""Charts of metrics as inline SVG: coloured by the page's style sheet, readable without it by their labels."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from mlpipeline.domain.curves import Curve, Point, is_logarithmic, log_ticks, thinned, ticks
from mlpipeline.views.words import one_line, value

#: A phone is about so wide: text is as large there as it is here.
_WIDTH, _HEIGHT = 340, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 34
#: Where a line may be broken.
BREAK = "<wbr/>"
#: In how many places across a curve is drawn.
_PLACES = 140
#: About how many ticks an axis has.
_X_TICKS, _Y_TICKS = 4, 5


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve in a chart."""

    label: str
    #: Which colour and dash it has in all charts of its model, from 1.
    number: int
    curve: Curve


@dataclass(frozen=True, kw_only=True)
class _Axis:
    low: float
    high: float
    is_logarithmic: bool
    #: Where its ends are.
    begin: float
    end: float

    def place(self, number: float) -> float:
        low, high, at = (
            map(math.log10, (self.low, self.high, number)) if self.is_logarithmic else (self.low, self.high, number)
        )
        return self.begin + (self.end - self.begin) * (at - low) / (high - low)

    def ticks(self, about: int) -> list[float]:
        make = log_ticks if self.is_logarithmic else ticks
        return make(self.low, self.high, about)


def chart(name: str, lines: Sequence[Line]) -> str:
    """Return a metric of some runs as a `figure` with its legend; nothing where no number of it can be drawn."""
    drawn = [(line, thinned(line.curve.points, _PLACES)) for line in lines]
    points = [point for _, stretches in drawn for stretch in stretches for point in stretch]
    if not points:
        return ""
    is_log = is_logarithmic(name, (point.y for point in points))
    x_axis = _axis([point.x for point in points], is_log=False, begin=_LEFT, end=_WIDTH - _RIGHT)
    y_axis = _axis([point.y for point in points], is_log=is_log, begin=_HEIGHT - _BOTTOM, end=_TOP)
    unit = _unit(lines)
    scale = " <small>(logarithmic)</small>" if is_log else ""
    parts = [
        f"<figure><figcaption><code>{_text(name)}</code>{scale}</figcaption>",
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_text(_in_words(name, lines, unit))}">',
        *_frame(x_axis, y_axis, unit),
        *(part for line, stretches in drawn for part in _drawn(line, stretches, x_axis, y_axis)),
        "</svg>",
        '<ul class="legend">',
        *(
            f'<li>{key(line.number)} <span class="name">{breakable(one_line(line.label))}</span> '
            f'<span class="end">{value(line.curve.last.y)}</span></li>'
            for line in lines
        ),
        "</ul></figure>",
    ]
    return "\n".join(parts)


def key(number: int) -> str:
    """Return the sample of a line that stands before what it is called."""
    return f'<svg class="key" viewBox="0 0 22 8" aria-hidden="true"><path class="line c{number}" d="M1 4H21"/></svg>'


def breakable(text: str) -> str:
    """Return a name as HTML that is broken, where it has to be, after its commas, colons, at signs and slashes."""
    return BREAK.join(map(escape, re.split(r"(?<=[,:@/])(?=\S)", text)))


def _axis(numbers: Sequence[float], *, is_log: bool, begin: float, end: float) -> _Axis:
    low, high = min(numbers), max(numbers)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        # All the same: in the middle.
        room = abs(high) / 10 or 1.0
        low, high = low - room, high + room
    return _Axis(low=low, high=high, is_logarithmic=is_log, begin=begin, end=end)


def _frame(x_axis: _Axis, y_axis: _Axis, unit: str) -> Iterator[str]:
    left, right, bottom = _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for number in y_axis.ticks(_Y_TICKS):
        y = y_axis.place(number)
        yield f'<path class="grid" d="M{left} {y:.1f}H{right}"/>'
        yield f'<text x="{left - 6}" y="{y + 3.5:.1f}" text-anchor="end">{_number(number)}</text>'
    yield f'<path class="axis" d="M{left} {bottom}H{right}"/>'
    for number in x_axis.ticks(_X_TICKS):
        if unit == "step" and number % 1:
            continue  # There is no half a step.
        x = x_axis.place(number)
        yield f'<path class="axis" d="M{x:.1f} {bottom}v4"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{_number(number)}</text>'
    yield f'<text x="{(left + right) / 2}" y="{_HEIGHT - 5}" text-anchor="middle">{unit}</text>'


def _drawn(line: Line, stretches: Sequence[Sequence[Point]], x_axis: _Axis, y_axis: _Axis) -> Iterator[str]:
    def place(point: Point) -> str:
        return f"{x_axis.place(point.x):.1f} {y_axis.place(point.y):.1f}"

    yield f'<path class="line c{line.number}" d="{_path(stretches, place)}"/>'
    x, y = place(stretches[-1][-1]).split() if stretches else ("", "")
    if stretches:
        yield f'<circle class="c{line.number}" cx="{x}" cy="{y}" r="3"/>'


def _path(stretches: Sequence[Sequence[Point]], place: Callable[[Point], str]) -> str:
    # A stretch of one point is a line of no length, of which the round ends are seen.
    return "".join(f"M{place(stretch[0])}L{' '.join(map(place, stretch[1:] or stretch))}" for stretch in stretches)


def _unit(lines: Sequence[Line]) -> str:
    units = dict.fromkeys("step" if line.curve.is_by_step else "seconds" for line in lines)
    return " or ".join(units)


def _in_words(name: str, lines: Sequence[Line], unit: str) -> str:
    ends = (f"{line.label} ends at {value(line.curve.last.y)} at {_number(line.curve.last.x)}" for line in lines)
    return f"{name} by {unit}: {'; '.join(ends)}"


def _number(number: float) -> str:
    """Return a number on an axis: `0.05`, `2000`, `20k`, `1e-05`."""
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if factor * (10 if suffix == "k" else 1) <= abs(number) < 1e12:
            return f"{number / factor:g}{suffix}"
    return f"{number:.4g}"


def _text(text: str) -> str:
    return escape(one_line(text))
