"""`mlpipeline queue`: the list that is in force, and how each of its versions stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mlpipeline.domain.names import run_name, version_key
from mlpipeline.domain.queue import Entry, Queue, model_name
from mlpipeline.domain.states import Outcome, outcome_in_words
from mlpipeline.domain.waits import HELD_IN_QUEUE
from mlpipeline.domain.words import named
from mlpipeline.history.standing import Ended
from mlpipeline.views.conditions import conditions_in_words
from mlpipeline.views.observed import ObservedDaemon, ObservedRun
from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.tables import Cell, table
from mlpipeline.views.words import value

#: How many versions that stand alike are named.
_NAMED = 8

#: `model:version` -> its latest run: as it is, or how it ended.
_Latest = dict[str, ObservedRun | Ended]


class Stand(StrEnum):
    """How a version of the list stands."""

    #: It has a run that is not over.
    RUNNING = "running"
    #: Its turn is to come in this launch.
    NEXT = "next"
    #: It waits for something else than its turn.
    WAITS = "waits"
    #: Somebody has to do something first, or to let it go.
    HELD = "held"
    #: Its latest run is over.
    ENDED = "ended"
    #: It has not run yet, as far as anybody knows.
    NEW = "new"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A version of the list, and how it stands."""

    #: As it is called: `small`, `small@lr=0.1`.
    version: str
    stand: Stand
    #: As people read it, and why where that is known.
    in_words: str
    why: str | None = None
    #: The id of its latest run, if it has one, and how that ended.
    run_id: str | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the list."""

    entry: Entry
    #: Those that it lists, as far as they are known.
    versions: tuple[Standing, ...]
    #: Why the script cannot be used, as a daemon found.
    problem: str | None = None

    @property
    def model(self) -> str:
        """The name of its model."""
        return model_name(self.entry.script)


def standing(
    entries: Sequence[Entry],
    runs: Iterable[ObservedRun],
    ended: Iterable[Ended],
    daemons: Sequence[ObservedDaemon],
) -> list[Line]:
    """Return how all that is listed stands.

    Of a script that is listed with every version, those are known that have run, that a daemon names, or that are held.

    Args:
        entries: of the list, in order.
        runs: of these scripts that are not over.
        ended: the latest of each of their versions that are.
        daemons: that left a heartbeat.
    """
    latest: _Latest = {one.key: one for one in ended}
    latest.update((observed.run.key, observed) for observed in runs)
    daemons = [daemon for daemon in daemons if daemon.is_there]
    by_model: dict[str, list[str]] = {}
    for key in dict.fromkeys([*latest, *(key for daemon in daemons for key in daemon.known)]):
        model, colon, version = key.partition(":")
        if colon:
            by_model.setdefault(model, []).append(version)
    return [_line(entry, by_model.get(model_name(entry.script), []), latest, daemons) for entry in entries]


def _line(
    entry: Entry,
    known: Sequence[str],
    latest: _Latest,
    daemons: Sequence[ObservedDaemon],
) -> Line:
    if entry.versions is not None:
        own = list(entry.versions)
    else:
        own = [name for version in known if (name := _own_name(entry, version, known)) is not None]
        held = () if isinstance(entry.hold, bool) else entry.hold
        own = list(dict.fromkeys([*own, *(version.removesuffix(entry.name_of("")) for version in held)]))
    listed = [_standing(entry, version, latest, daemons) for version in own]
    said = [told["why"] for daemon in daemons for told in daemon.held if told["what"] == entry.script]
    problem = next((why for why in said if why != HELD_IN_QUEUE), None)
    return Line(entry=entry, versions=tuple(listed), problem=problem)


def _own_name(entry: Entry, version: str, known: Sequence[str]) -> str | None:
    """Return what the script calls a version that is known; None where this line does not list it."""
    if entry.changes is not None:
        own = version.removesuffix(entry.name_of(""))
        return own if own != version else None
    # What a `set` made, perhaps of a line that is gone, is none of the script's own.
    base, at, _ = version.partition("@")
    return None if at and base in known else version


def _standing(entry: Entry, own: str, latest: _Latest, daemons: Sequence[ObservedDaemon]) -> Standing:
    version = entry.name_of(own)
    key = version_key(model_name(entry.script), version)
    last = latest.get(key)
    stand, in_words, why = _stand(entry, own, key, last, daemons)
    run = last.run if isinstance(last, ObservedRun) else last
    run_id, outcome = (run.id, run.outcome) if run else (None, None)
    return Standing(version=version, stand=stand, in_words=in_words, why=why, run_id=run_id, outcome=outcome)


def _stand(
    entry: Entry, own: str, key: str, last: ObservedRun | Ended | None, daemons: Sequence[ObservedDaemon]
) -> tuple[Stand, str, str | None]:
    if isinstance(last, ObservedRun):
        return Stand.RUNNING if last.run.is_open else Stand.ENDED, last.in_words, last.why
    if entry.holds(own):
        return Stand.HELD, "held", "in models.toml"
    for daemon in daemons:
        for stand, problems in ((Stand.HELD, daemon.held), (Stand.WAITS, daemon.waits)):
            why = next((told["why"] for told in problems if told["what"] == key), None)
            if why is not None:
                return stand, str(stand), why
        if key in daemon.next:
            return Stand.NEXT, "next", None
    if last is not None:
        return Stand.ENDED, outcome_in_words(last.outcome, last.failure), last.error
    return Stand.NEW, "not run yet", None


def queue_screen(queue: Queue, lines: Sequence[Line], screen: Screen) -> str:
    """Return the list as a table.

    Args:
        queue: as the file says it.
        lines: that it means.
        screen: that it is for.
    """
    head = []
    if queue.use_blacklist:
        but = ", ".join(entry.script for entry in queue.entries)
        head.append(f"use_blacklist is on: every script there is{f', but {value(but)}' if but else ''}\n")
    if not lines:
        return "\n".join([*head, "nothing is listed; to list a script: mlpipeline queue add SCRIPT"])
    conditions = [_conditions(line.entry) for line in lines]
    columns = ["", "script", "versions", "state", *(["on condition"] if any(conditions) else [])]
    rows: list[Sequence[Cell]] = []
    for position, (line, condition) in enumerate(zip(lines, conditions, strict=True), start=1):
        for index, (versions, state) in enumerate(_groups(line)):
            is_first = index == 0
            every = "all" if line.entry.versions is None and is_first else ""
            cells = [": ".join(filter(None, (every, versions))), state]
            rows.append([str(position) if is_first else "", line.entry.script if is_first else "", *cells])
            if any(conditions):
                rows[-1] = [*rows[-1], condition if is_first else ""]
    return "\n".join([*head, table(columns, rows, screen)])


def _groups(line: Line) -> list[tuple[str, Cell]]:
    """Return the versions that stand alike, and how."""
    if line.problem is not None and not line.versions:
        return [(_changed(line), Painted(f"cannot be used: {line.problem}", Color.BAD))]
    if not line.versions:
        held = line.entry.hold is True
        return [(_changed(line), Painted("held: in models.toml", Color.NOTICE) if held else "not run yet")]
    found: dict[tuple[Stand, str], list[Standing]] = {}
    for standing in line.versions:
        told = f"{standing.in_words}: {standing.why}" if standing.why else standing.in_words
        if standing.stand is Stand.RUNNING:
            told = f"{standing.in_words} ({standing.run_id}){f'; {standing.why}' if standing.why else ''}"
        found.setdefault((standing.stand, told), []).append(standing)
    return [(_named(alike), Painted(told, _color(alike[0]))) for (_, told), alike in found.items()]


def _changed(line: Line) -> str:
    return line.entry.name_of("") if line.entry.changes else ""


def _named(alike: Sequence[Standing]) -> str:
    return named([one.version for one in alike], _NAMED)


def _color(standing: Standing) -> Color:
    outcome = standing.outcome
    if standing.stand is Stand.ENDED:
        return Color.GOOD if outcome is Outcome.SUCCEEDED else Color.NOTICE if outcome is Outcome.STOPPED else Color.BAD
    return Color.NOTICE if standing.stand is Stand.HELD else Color.PLAIN


def _conditions(entry: Entry) -> str:
    """Return what the list says on what its versions run."""
    after = f"after {', '.join(map(str, entry.after))}" if entry.after else ""
    return "; ".join(filter(None, (after, conditions_in_words(entry.conditions))))


def queue_for_programs(path: Path, queue: Queue, lines: Sequence[Line]) -> dict[str, Any]:
    """Return the list as `--json` prints it; keys are only ever added."""
    return {
        "file": str(path),
        "use_blacklist": queue.use_blacklist,
        "entries": [_line_for_programs(position, line) for position, line in enumerate(lines, start=1)],
    }


def _line_for_programs(position: int, line: Line) -> dict[str, Any]:
    entry = line.entry
    return {
        "position": position,
        "script": entry.script,
        "model": line.model,
        "versions": None if entry.versions is None else list(entry.versions),
        "hold": entry.hold if isinstance(entry.hold, bool) else list(entry.hold),
        "set": dict(entry.changes.values) if entry.changes else {},
        "after": [str(awaited) for awaited in entry.after],
        "conditions": entry.conditions.to_json(),
        "problem": line.problem,
        "known": [
            {
                "version": one.version,
                "state": str(one.stand),
                "outcome": one.outcome,
                "why": one.why,
                "run": run_name(line.model, one.version, one.run_id) if one.run_id else None,
                "id": one.run_id,
            }
            for one in line.versions
        ],
    }
