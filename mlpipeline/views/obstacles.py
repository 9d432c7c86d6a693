"""What keeps versions from starting, those that one reason keeps told in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mlpipeline.domain.streaks import IN_A_ROW, streak_in_words
from mlpipeline.domain.waits import HELD_IN_QUEUE
from mlpipeline.views.queued import held_names

if TYPE_CHECKING:
    from mlpipeline.domain.runs import Run
    from mlpipeline.domain.test_results import TestResult
    from mlpipeline.project.paths import Outputs
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
    said = {
        daemon.host: _still_held(daemon, overview)
        for daemon in overview.daemons
        if daemon.is_there or (daemon.ended_at and daemon.host == own)
    }
    told = [obstacle for host, each in said.items() for obstacle in _grouped(each, host)]
    known = {what for obstacle in told for what in obstacle.what}
    in_row = {_model(one["what"]) for each in said.values() for one in each if _is_in_row(one)}
    return [
        *told,
        *_held_by_tests(overview.failed_tests, overview.daemons, known),
        *(_in_a_row(runs, overview.outputs) for runs in overview.streaks if runs[0].model not in in_row),
        *_held_in_queue(overview, known),
    ]


def held_at_launch(overview: Overview) -> set[str]:
    """Return the versions, `model:version`, and scripts that a launch here would not start."""
    own = overview.outputs.host
    whole_scripts = (f"{runs[0].model}.py" for runs in overview.streaks)
    return {*whole_scripts, *(what for obstacle in held(overview) if obstacle.host == own for what in obstacle.what)}


def _still_held(daemon: ObservedDaemon, overview: Overview) -> list[Mapping[str, str]]:
    """Return what a daemon holds, without what history and the queue file no longer hold since it ended."""
    if daemon.is_there:
        return list(daemon.held)
    failing = {runs[0].model for runs in overview.streaks}
    return [
        one
        for one in daemon.held
        if one["why"] != HELD_IN_QUEUE and (not _is_in_row(one) or _model(one["what"]) in failing)
    ]


def _model(key: str) -> str:
    return key.partition(":")[0]


def _is_in_row(told: Mapping[str, str]) -> bool:
    return IN_A_ROW in told["why"]


def _in_a_row(runs: Sequence[Run], outputs: Outputs) -> Obstacle:
    model = runs[0].model
    # Only who imports the script knows whether it is still the same.
    until = f"Held unless {model}.py has changed since, or until `mlpipeline release {model}`"
    told = streak_in_words(runs, outputs.path.parent)
    return Obstacle(why=f"{told}. {until}", what=[f"{model}.py"], host=outputs.host)


def _held_in_queue(overview: Overview, known: set[str]) -> list[Obstacle]:
    entries = [entry for entry in overview.queued or () if known.isdisjoint(held_names(entry))]
    names = dict.fromkeys(name for entry in entries for name in held_names(entry))
    return _grouped(({"what": name, "why": HELD_IN_QUEUE} for name in names), overview.outputs.host)


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
