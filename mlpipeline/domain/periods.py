"""How a period was spent: sums over intervals of time, in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Interval(NamedTuple):
    """From one moment to a later one, or the same."""

    begin: float
    end: float

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.end - self.begin

    def within(self, period: Interval) -> Interval | None:
        """Return what of it lies in a period; None where nothing does."""
        begin, end = max(self.begin, period.begin), min(self.end, period.end)
        return Interval(begin, end) if begin < end else None


@dataclass(frozen=True, kw_only=True)
class Stint:
    """The time that one attempt of a run was at work."""

    host: str
    interval: Interval
    #: How many GPUs were leased to it.
    gpus: int = 0


@dataclass(frozen=True, kw_only=True)
class HostTime:
    """How a host spent a period."""

    host: str
    #: Wall time with at least one run at work, …
    busy_s: float
    #: … with none, though a daemon was there, …
    idle_s: float
    #: … and with neither.
    away_s: float
    #: The times of all runs, summed up: more than `busy_s` where some ran side by side.
    run_s: float
    #: The same, each counted once for every GPU that was leased to it.
    gpu_s: float


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the time that any of these cover, as intervals in order that do not touch."""
    apart: list[Interval] = []
    for interval in sorted(intervals):
        if apart and interval.begin <= apart[-1].end:
            apart[-1] = Interval(apart[-1].begin, max(apart[-1].end, interval.end))
        else:
            apart.append(interval)
    return apart


def host_times(period: Interval, stints: Iterable[Stint], presences: Iterable[tuple[str, Interval]]) -> list[HostTime]:
    """Return how each host that ran anything or had a daemon spent the period, in name order.

    Args:
        period: outside of it, nothing counts.
        stints: of all hosts.
        presences: while a daemon was there, by host.
    """
    worked: dict[str, list[Stint]] = {}
    there: dict[str, list[Interval]] = {}
    for stint in stints:
        if (inside := stint.interval.within(period)) is not None:
            worked.setdefault(stint.host, []).append(Stint(host=stint.host, interval=inside, gpus=stint.gpus))
    for host, interval in presences:
        if (inside := interval.within(period)) is not None:
            there.setdefault(host, []).append(inside)
    hosts = sorted({*worked, *there})
    return [_host_time(period, host, worked.get(host, []), there.get(host, [])) for host in hosts]


def _host_time(period: Interval, host: str, stints: Sequence[Stint], there: Sequence[Interval]) -> HostTime:
    busy = [stint.interval for stint in stints]
    busy_s, known_s = _length_s(busy), _length_s([*busy, *there])
    return HostTime(
        host=host,
        busy_s=busy_s,
        idle_s=known_s - busy_s,
        away_s=period.length_s - known_s,
        run_s=sum(interval.length_s for interval in busy),
        gpu_s=sum(stint.gpus * stint.interval.length_s for stint in stints),
    )


def _length_s(intervals: Iterable[Interval]) -> float:
    return sum(interval.length_s for interval in merged(intervals))
