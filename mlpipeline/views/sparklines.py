"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlpipeline.domain.curves import Point, is_drawn, is_logarithmic

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(name: str, points: Sequence[Point], width: int) -> str:
    """Return a metric over the course of a run: a bar for each part of it, a space where it was NaN or infinite.

    Args:
        name: of the metric; a loss that falls over decades is shown by its order of magnitude.
        points: in order of their x, one or more.
        width: how many bars at most.
    """
    first, span = points[0].x, points[-1].x - points[0].x
    count = min(width, len(points))
    parts: list[list[float]] = [[] for _ in range(count)]
    for index, point in enumerate(points):
        place = (point.x - first) / span if span > 0 else index / len(points)
        parts[min(count - 1, int(place * count))].append(point.y)
    scale = math.log if is_logarithmic(name, (point.y for point in points)) else float
    levels: list[float | None] = []
    for part in parts:
        # Of a part of which nothing was read, the one before it tells more than a gap.
        levels.append(_mean([scale(y) for y in part if is_drawn(y)]) if part or not levels else levels[-1])
    known = [level for level in levels if level is not None]
    if not known:
        return ""
    low, range_ = min(known), max(known) - min(known)
    return "".join(" " if level is None else _bar((level - low) / range_ if range_ else 0.0) for level in levels)


def _mean(numbers: Sequence[float]) -> float | None:
    # Each part of it by itself: the sum of large numbers may be infinite.
    return sum(number / len(numbers) for number in numbers) if numbers else None


def _bar(height: float) -> str:
    return _BARS[min(len(_BARS) - 1, int(height * len(_BARS)))]
