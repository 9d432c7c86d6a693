"""`mlpipeline pipeline show`: the stages of a pipeline, what is cached, and what would run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlpipeline.domain.facts import flat
from mlpipeline.domain.rerun import Reason
from mlpipeline.domain.values import as_parameter
from mlpipeline.domain.words import counted, named
from mlpipeline.pipelines.outlook import Outlook, Standing
from mlpipeline.pipelines.wiring import Action
from mlpipeline.views.pipeline_why import made_in_words, outlook_for_programs, reason_text
from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.tables import Cell, fold, table
from mlpipeline.views.words import moment_to_minute, one_line, values

#: How many versions are named.
_VERSIONS_NAMED = 8
_COLORS = {
    Standing.CACHED: Color.GOOD,
    Standing.MAY_RUN: Color.DIM,
    Standing.WOULD_RUN: Color.NOTICE,
    Standing.CANNOT_RUN: Color.BAD,
}
_COLUMNS = ("stage", "takes", "parameters", "makes", "state")


def pipeline_screen(name: str, versions: Sequence[str], found: Sequence[Outlook], screen: Screen, now: float) -> str:
    """Return the stages of a pipeline in the order of running, and what is to be expected of each.

    Args:
        name: of the pipeline.
        versions: that it has, where none was named.
        found: what is to be expected of its stages.
        screen: that it is for.
        now: in seconds since the epoch.
    """
    counts = Counter(outlook.standing for outlook in found)
    summary = ", ".join(f"{counts[one]} {one.replace('_', ' ')}" for one in Standing if counts[one])
    head = [f"{one_line(name)}: {counted(len(found), 'stage')}, {summary}"]
    if versions:
        head.append(f"with the defaults; its versions are {one_line(named(versions, _VERSIONS_NAMED))}")
    lines = head if screen.width is None else [part for line in head for part in fold(line, screen.width)]
    standings = {outlook.call.name: outlook.standing for outlook in found}
    rows = [_row(outlook, standings, now) for outlook in found]
    # Where nothing is in a column, it only takes room.
    shown = [index for index in range(len(_COLUMNS)) if any(row[index] for row in rows)]
    columns = [_COLUMNS[index] for index in shown]
    return "\n".join(lines) + "\n\n" + table(columns, [[row[index] for index in shown] for row in rows], screen)


def pipeline_for_programs(name: str, versions: Sequence[str], found: Sequence[Outlook], cache: Path) -> dict[str, Any]:
    """Return `pipeline show --json`."""
    return {
        "pipeline": name,
        "versions": list(versions),
        "folder": str(cache),
        "stages": [outlook_for_programs(outlook) for outlook in found],
    }


def _row(outlook: Outlook, standings: Mapping[str, Standing], now: float) -> list[Cell]:
    call = outlook.call
    # Of the two calls of a stage that learns, the first is the one that its parameters are for.
    has_parameters = call.action is Action.FIT or call.state is None
    plain = {name: as_parameter(value) for name, value in call.values.items()}
    # As `why` prints them: 1.0 is not 1.
    parameters = {name: repr(thing) if isinstance(thing, float) else thing for name, thing in flat(plain).items()}
    return [
        call.name,
        ", ".join(call.needs()),
        values(parameters) if has_parameters else "",
        ", ".join(name for name in call.makes if name != call.name),
        Painted(_state(outlook, standings, now), _COLORS[outlook.standing]),
    ]


def _state(outlook: Outlook, standings: Mapping[str, Standing], now: float) -> str:
    if outlook.standing is Standing.CACHED and outlook.made is not None:
        return f"cached {made_in_words(outlook.made, moment_to_minute(outlook.made.made_at, now))}"
    if outlook.standing is Standing.MAY_RUN:
        makers = dict.fromkeys(str(reason.maker) for reason in outlook.reasons)
        return f"may run, after {', '.join(makers)}"
    if outlook.standing is Standing.CANNOT_RUN:
        return (
            f"cannot run: {outlook.reasons[0].what}" if outlook.reasons else "cannot run: what it takes lacks something"
        )
    own = [reason for reason in outlook.reasons if reason.maker is None]
    return f"would run: {_short(own, standings, outlook)}" if own else "would run"


def _short(own: Sequence[Reason], standings: Mapping[str, Standing], outlook: Outlook) -> str:
    first = reason_text(own[0], standings, outlook.made)
    return first if len(own) == 1 else f"{first}, and {len(own) - 1} more"
