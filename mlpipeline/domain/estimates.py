"""How long it will take, told from how long it took: always a range, and nothing where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlpipeline.domain.states import Start

#: Of so many durations and more, the outermost tenth at either end is left out.
_MANY = 10


@dataclass(frozen=True, kw_only=True)
class Range:
    """How long something takes, at least and at most, in seconds."""

    least_s: float
    most_s: float

    def after(self, elapsed_s: float) -> Range | None:
        """Return what is left of it after `elapsed_s`; None when it takes longer than anything was seen to take."""
        if elapsed_s > self.most_s:
            return None
        return Range(least_s=max(0.0, self.least_s - elapsed_s), most_s=self.most_s - elapsed_s)


def seen(durations: Sequence[float]) -> Range | None:
    """Return the range of durations in seconds, None where there are none.

    Of fewer than ten that is from the shortest to the longest; of ten and more, from the first to the ninth decile, as
    one odd run in a hundred would else stretch the estimate of all others.
    """
    if not durations:
        return None
    ordered = sorted(durations)
    cut = len(ordered) // 10 if len(ordered) >= _MANY else 0
    return Range(least_s=ordered[cut], most_s=ordered[-1 - cut])


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long whole successful runs took, all attempts together, in seconds.

    How a run began tells how much it had to do, so those that began alike are told apart.
    """

    of_versions: Mapping[tuple[str, str, Start], Sequence[float]] = field(default_factory=dict)
    of_models: Mapping[tuple[str, Start], Sequence[float]] = field(default_factory=dict)

    def expected(self, model: str, version: str | None, start: Start) -> Range | None:
        """Return how long a run will take: as long as those of its version, else as those of its script.

        What resumes takes no longer than the whole; so does what is called again, where nothing was called again yet.

        Args:
            model: of the run.
            version: of the run; None where that is not known.
            start: how it begins.
        """
        alike = self._seen(model, version, start)
        if alike is not None or start is Start.CLEAN:
            return alike
        whole = self._seen(model, version, Start.CLEAN)
        return None if whole is None else Range(least_s=0.0, most_s=whole.most_s)

    def _seen(self, model: str, version: str | None, start: Start) -> Range | None:
        own = () if version is None else self.of_versions.get((model, version, start), ())
        return seen(own or self.of_models.get((model, start), ()))


@dataclass(frozen=True, kw_only=True)
class Work:
    """Runs that are still to begin, all expected to take as long."""

    count: int
    each: Range


def until_done(running: Sequence[Range], waiting: Sequence[Work], at_once: int) -> Range | None:
    """Return how long it takes until all is done, None where there is nothing.

    Of runs that take T seconds in all, the longest of them L, with m at a time, no order ends before max(T / m, L); and
    none after L + (T - L) / m, as long as a free place is taken at once, or after L where each has a place right away.
    The first is told of the least durations, the second of the most. More at a time is never later.

    Args:
        running: what is left of each run that goes on.
        waiting: what is still to begin.
        at_once: how many run at a time, 1 or more.

    Source: R. L. Graham, Bounds on Multiprocessing Timing Anomalies, SIAM J. Appl. Math. 17 (1969), theorem 2.
    """
    works = [*(Work(count=1, each=left) for left in running), *(work for work in waiting if work.count > 0)]
    if not works:
        return None
    longest = Range(least_s=max(work.each.least_s for work in works), most_s=max(work.each.most_s for work in works))
    total = Range(
        least_s=sum(work.count * work.each.least_s for work in works),
        most_s=sum(work.count * work.each.most_s for work in works),
    )
    has_place_each = sum(work.count for work in works) <= at_once
    most_s = longest.most_s + (0.0 if has_place_each else (total.most_s - longest.most_s) / at_once)
    return Range(least_s=max(total.least_s / at_once, longest.least_s), most_s=most_s)
