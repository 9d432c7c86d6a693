"""Metrics over the course of a run: the points of a curve, few enough to draw."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from mlpipeline.domain.measures import Measure

#: What is beyond this is as good as infinite: in nothing that is drawn would anything else be seen.
_MOST = 1e100
#: From which ratio of its largest to its smallest number on a curve is drawn on a logarithmic scale.
_LOG_RATIO = 100.0


class Point(NamedTuple):
    """One number of a metric."""

    #: A step, or seconds since the first metric.
    x: float
    y: float


class Row(NamedTuple):
    """What was logged at once."""

    step: float | None
    #: In seconds since the epoch.
    at: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One metric of one run."""

    name: str
    points: Sequence[Point]
    #: Whether `x` is a step, else it is seconds.
    is_by_step: bool

    @property
    def last(self) -> Point:
        """Where it ends; its number may be NaN or infinite."""
        return self.points[-1]


def curves(rows: Iterable[Row], restarts: int) -> dict[str, Curve]:
    """Return the curve of each metric.

    Args:
        rows: in the order in which they were logged.
        restarts: how many times the run was begun once more. Steps that such an attempt repeats count as it did them;
            steps that go back more often are no measure of how far the run came, time is.
    """
    logged: dict[str, list[tuple[float | None, Point]]] = {}
    begin: float | None = None
    for row in rows:
        begin = row.at if begin is None else begin
        for name, y in row.metrics.items():
            logged.setdefault(name, []).append((row.step, Point(row.at - begin, y)))
    return {name: _curve(name, points, restarts) for name, points in logged.items()}


def _curve(name: str, logged: Sequence[tuple[float | None, Point]], restarts: int) -> Curve:
    steps = [step for step, _ in logged if step is not None]
    goes_back = sum(after < before for before, after in pairwise(steps))
    if len(steps) < len(logged) or goes_back > restarts:
        # A clock may have been set meanwhile.
        by_time = sorted((point for _, point in logged), key=lambda point: point.x)
        return Curve(name=name, points=by_time, is_by_step=False)
    points: list[Point] = []
    for step, (_, y) in logged:
        assert step is not None
        if points and step < points[-1].x:
            del points[bisect_left(points, step, key=lambda point: point.x) :]
        points.append(Point(step, y))
    return Curve(name=name, points=points, is_by_step=True)


def is_drawn(y: float) -> bool:
    """Whether a number has a place on a curve; NaN and infinities have none."""
    return abs(y) < _MOST


def thinned(points: Sequence[Point], most: int) -> list[list[Point]]:
    """Return a curve's stretches between gaps, which are what cannot be drawn.

    Of points that would stand in the same place, the lowest and the highest are kept.

    Args:
        points: in order of their x.
        most: how many places there are.
    """
    stretches: list[list[Point]] = [[]]
    for place in _places(points, most):
        finite = [point for point in place if is_drawn(point.y)]
        if not finite:
            stretches.append([])
            continue
        extremes = {
            min(finite, key=lambda point: point.y),
            max(finite, key=lambda point: point.y),
        }
        stretches[-1] += sorted(extremes)
    return [stretch for stretch in stretches if stretch]


def _places(points: Sequence[Point], most: int) -> list[list[Point]]:
    if len(points) <= 2 * most:
        return [[point] for point in points]
    first, width = points[0].x, (points[-1].x - points[0].x) / most or 1.0
    places: list[list[Point]] = [[] for _ in range(most)]
    for point in points:
        places[min(most - 1, int((point.x - first) / width))].append(point)
    # The ends are what people read off.
    return [[points[0]], *filter(None, places), [points[-1]]]


def is_logarithmic(name: str, ys: Iterable[float]) -> bool:
    """Whether the numbers of a metric are best drawn on a logarithmic scale: a loss that falls over decades."""
    finite = [y for y in ys if is_drawn(y)]
    if not finite or min(finite) <= 0 or not Measure.parse(name).is_lower_better:
        return False
    return max(finite) / min(finite) >= _LOG_RATIO


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers from `low` to `high`, both included where they are round; `low` is less than `high`."""
    rough = (high - low) / about
    decade = 10.0 ** math.floor(math.log10(rough))
    apart = next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= rough * 0.999)
    first, last = math.ceil(low / apart - 1e-9), math.floor(high / apart + 1e-9)
    return [number * apart for number in range(first, last + 1)]


def log_ticks(low: float, high: float, about: int) -> list[float]:
    """Return powers of ten from `low` to `high`, which are positive."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, math.ceil((last - first + 1) / about))
    return [10.0**exponent for exponent in range(first, last + 1, every)]


def telling(names: Iterable[str], measure: Measure | None) -> list[str]:
    """Return the names of metrics, those first that tell most of what runs are compared by."""
    wanted = "" if measure is None else measure.name.lower()
    word = wanted.replace("/", ".").replace("_", ".").rpartition(".")[2]

    def rank(name: str) -> tuple[bool, bool, bool]:
        name = name.lower()
        return name != wanted, not word or word not in name, "loss" not in name

    return sorted(names, key=rank)
