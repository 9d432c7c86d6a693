"""Numbers, times and values as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mlpipeline.domain.facts import flat
from mlpipeline.domain.quantities import duration_in_words
from mlpipeline.domain.runs import Run
from mlpipeline.domain.words import is_fit

#: How long a value may be in a line among others, and where it has a line of its own, in characters.
_SHORT, _LONG = 60, 500
#: How long any line may be: as long as a path. An error may be of megabytes, if its script put a matrix in it.
_LONGEST = 4096


def duration(seconds: float | None) -> str:
    """Return a duration, or nothing where none is known."""
    return "" if seconds is None else duration_in_words(seconds)


def roughly(seconds: float) -> str:
    """Return a duration of which the last digit does not matter: `41 s`, `3 min`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{round(seconds / 60)} min" if seconds < 3570 else duration_in_words(round(seconds / 60) * 60)


def ago(seconds: float) -> str:
    """Return how long ago something was; a clock that was set back makes it `just now`."""
    return "just now" if seconds < 5 else f"{duration(seconds)} ago"


def moment(at: str | None) -> str:
    """Return an ISO 8601 time as local date and time to the second."""
    if at is None:
        return ""
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return at


def moment_to_minute(at: str | None, now: float) -> str:
    """Return an ISO 8601 time as `13:24` today, `11-20 13:24` this year and `2025-11-20` before.

    Args:
        at: the time; None gives nothing.
        now: in seconds since the epoch.
    """
    told, today = moment(at), datetime.fromtimestamp(now)
    if told.startswith(f"{today:%Y-%m-%d} "):
        return told[11:16]
    if told.startswith(f"{today:%Y-}"):
        return told[5:16]
    return told[:10]


def midnight_before(now: float) -> float:
    """Return when the local day of `now` began, both in seconds since the epoch."""
    return datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def iso_time(at: float) -> str:
    """Return seconds since the epoch as local time with its offset, ISO 8601, for programs."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="milliseconds")


def one_line(text: str) -> str:
    """Return `text` with spaces for line feeds and whatever else could disturb a line of a terminal, cut if endless."""
    return "".join(character if is_fit(character) else " " for character in _cut(text, _LONGEST))


def value(thing: Any) -> str:
    """Return a parameter or a result in few characters, on one line."""
    return f"{thing:.4g}" if isinstance(thing, float) else _cut(one_line(str(thing)), _SHORT)


def exact_value(thing: Any) -> str:
    """Return a parameter or a result with all its digits, on one line."""
    return _cut(one_line(str(thing)), _LONG)


def distinct_values(things: Sequence[Any]) -> list[str]:
    """Return parameters or results in few characters, but in enough to tell those apart that are not the same."""
    short = [value(thing) for thing in things]
    is_enough = len(set(short)) == len({repr(thing) for thing in things})
    return short if is_enough else [exact_value(thing) for thing in things]


def values(things: Mapping[str, Any]) -> str:
    """Return parameters or results in one line: `accuracy=0.97 loss=0.1`."""
    """Return parameters or results in one line, what is nested by its dotted name: `accuracy=0.97 val.loss=0.1`."""
    return " ".join(f"{name}={value(thing)}" for name, thing in flat(things).items())


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def achieved(run: Run) -> str:
    """Return a run's results in one line, and what has to be known of them."""
    note = f"(note: {run.note})" if run.note else ""
    return " ".join(filter(None, (values(run.results), note)))
