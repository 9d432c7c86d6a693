"""What there is to know of a run, by name: `seconds`, `parameters.lr`, `results.test.accuracy`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

from mlpipeline.domain.moments import epoch_s
from mlpipeline.domain.runs import Run

#: One value: true and false are the texts "true" and "false", NaN is the text "nan", and a list is its JSON.
Fact: TypeAlias = "int | float | str | None"

PARAMETER, RESULT = "parameters.", "results."
#: More than this, and less, is no integer to SQLite.
_MOST_INT = 2**63 - 1


class Kind(StrEnum):
    """What kind of value a field of a run has."""

    #: Compared letter by letter, and sorted from A to Z.
    TEXT = "text"
    #: Sorted from the highest to the lowest.
    NUMBER = "number"
    #: In seconds; may be written `90min`.
    DURATION = "duration"
    #: In seconds since the epoch; may be written `yesterday`, and is sorted from the latest to the earliest.
    TIME = "time"


#: What is known of every run, beside its parameters and results.
FIELDS: Mapping[str, Kind] = {
    "run": Kind.TEXT,
    "model": Kind.TEXT,
    "version": Kind.TEXT,
    "host": Kind.TEXT,
    "state": Kind.TEXT,
    "outcome": Kind.TEXT,
    "failure": Kind.TEXT,
    "error": Kind.TEXT,
    "attempt": Kind.NUMBER,
    "seed": Kind.NUMBER,
    "started": Kind.TIME,
    "ended": Kind.TIME,
    "seconds": Kind.DURATION,
}
#: What fields are called besides.
OTHER_NAMES: Mapping[str, str] = {"time": "seconds"}
#: The columns of a list of runs where nobody asks for others.
USUAL_COLUMNS = ("run", "version", "outcome", "started", "time", "results")


def facts(run: Run) -> dict[str, Fact]:
    """Return what there is to know of a run; what is nested has a dotted name, such as `parameters.optimizer.lr`."""
    fields: dict[str, Fact] = {
        "run": run.id,
        "model": run.model,
        "version": run.version,
        "host": run.host,
        "state": run.state.value,
        "outcome": run.outcome.value if run.outcome else None,
        "failure": run.failure.value if run.failure else None,
        "error": run.error,
        "attempt": run.attempt,
        "seed": run.seed,
        "started": epoch_s(run.started_at),
        "ended": epoch_s(run.ended_at),
        "seconds": run.seconds,
    }
    found = {name: as_fact(fact) for name, fact in fields.items() if fact is not None}
    for prefix, values in ((PARAMETER, run.parameters), (RESULT, run.results)):
        found |= {encodable(name): as_fact(value) for name, value in _leaves(prefix, values)}
    return found


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters or results as they are, what is nested under its dotted name: `{"val.loss": 0.3}`."""
    return dict(_leaves("", values))


def numbers(results: Mapping[str, Any]) -> dict[str, int | float]:
    """Return those results that are numbers, what is nested under its dotted name: `{"val.loss": 0.3}`."""
    found = flat(results)
    return {name: thing for name, thing in found.items() if _is_number(thing)}


def as_fact(value: Any) -> Fact:
    """Return a value of JSON as one fact."""
    if value is None:
        return None
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return value if abs(value) <= _MOST_INT else _as_float(value)
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value
    return encodable(json.dumps(value, ensure_ascii=False))


def encodable(text: str) -> str:
    """Return a text without halves of surrogate pairs, which have no UTF-8 and so cannot be stored."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _leaves(prefix: str, values: object) -> Iterator[tuple[str, Any]]:
    # Of a history that somebody else wrote, anything may be expected.
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if isinstance(value, dict) and value:
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: int) -> Fact:
    try:
        return float(value)
    except OverflowError:
        return str(value)
