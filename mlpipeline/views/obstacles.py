"""What keeps versions from starting, those that one reason keeps told in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mlpipeline.domain.test_results import TestResult
    from mlpipeline.views.observed import ObservedDaemon
    from mlpipeline.views.overview import Overview

#: How many of several versions are named.
_NAMED = 3
#: How many of those that wait a daemon tells at most.
_MOST_TOLD = 50


class Obstacle(NamedTuple):
    """A reason, and what it keeps from starting."""

    why: str
    #: Versions, `model:version`, or scripts; at least one.
    what: Sequence[str]
    #: Of the daemon that says so.
    host: str
    #: What shows the cause, where there is one.
    traceback: str | None = None
    #: Whether there may be more of them.
    is_more: bool = False

    @property
    def subject(self) -> str:
        """What it keeps, in few words: `net:a, net:b`, `12 versions of net`, `5 (net:a, digits:b, net:c, …)`."""
        if len(self.what) <= _NAMED and not self.is_more:
            return ", ".join(self.what)
        count = f"{'at least ' if self.is_more else ''}{len(self.what)}"
        models = {what.partition(":")[0] if ":" in what else None for what in self.what}
        if len(models) == 1 and None not in models:
            return f"{count} versions of {next(iter(models))}"
        return f"{count} ({', '.join(self.what[:_NAMED])}, …)"


def waits(overview: Overview) -> list[Obstacle]:
    """Return what waits for something else than its turn."""
    return [
        obstacle
        for daemon in overview.daemons
        if daemon.is_there
        for obstacle in _grouped(daemon.waits, daemon.host, is_cut=len(daemon.waits) >= _MOST_TOLD)
    ]


def held(overview: Overview) -> list[Obstacle]:
    """Return what does not start until somebody does something about it, or cannot be used."""
    own = overview.outputs.host
    told = [
        obstacle
        for daemon in overview.daemons
        if daemon.is_there or (daemon.ended_at and daemon.host == own)
        for obstacle in _grouped(daemon.held, daemon.host)
    ]
    known = {what for obstacle in told for what in obstacle.what}
    return told + list(_held_by_tests(overview.failed_tests, overview.daemons, known))


def _grouped(told: Iterable[Mapping[str, str]], host: str, *, is_cut: bool = False) -> list[Obstacle]:
    alike: dict[tuple[str, str | None], list[str]] = {}
    for one in told:
        alike.setdefault((one["why"], one.get("traceback")), []).append(one["what"])
    last = next(reversed(alike), None)
    return [
        Obstacle(why=kind[0], traceback=kind[1], what=what, host=host, is_more=is_cut and kind == last)
        for kind, what in alike.items()
    ]


def _held_by_tests(
    failed_tests: Iterable[TestResult], daemons: Iterable[ObservedDaemon], known: set[str]
) -> Iterator[Obstacle]:
    # A daemon that is there knows better: it may test again what was mended.
    hosts = {daemon.host for daemon in daemons if daemon.is_there}
    left = [test for test in failed_tests if test.host not in hosts and test.key not in known]
    for host in dict.fromkeys(test.host for test in left):
        yield from _grouped(
            (
                {
                    "what": test.key,
                    "why": f"its test failed on {test.host}: {test.error}",
                    "traceback": test.traceback or "",
                }
                for test in left
                if test.host == host
            ),
            host,
        )
