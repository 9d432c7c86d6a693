"""What is recorded: the journals of all hosts, and the index of them."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from mlpipeline.daemon.checkup.case import Case
from mlpipeline.domain.findings import Finding, bad, look, ok
from mlpipeline.domain.quantities import duration_in_words
from mlpipeline.domain.words import counted
from mlpipeline.history.tables import index_path

#: How far ahead of the clock the last event of a journal may be, in seconds.
_AHEAD_S = 60.0
#: How much of a journal's end is looked at for its last event, in bytes.
_END_BYTES = 65_536
#: What is said of a line that cannot be read.
_TORN = re.compile(r"(history-.*\.jsonl): line (\d+) ")
#: How many of the lines that cannot be read are told one by one.
_MOST_TOLD = 5


def history(case: Case) -> Iterator[Finding]:
    """Look whether the journals can be read, and each line of them."""
    try:
        journals = list(case.outputs.histories())
    except OSError as error:
        yield bad("history", f"{case.outputs.path} cannot be read: {error.strerror}", f"ls -ld {case.outputs.path}")
        return
    unreadable = {path: why for path in journals if (why := _why_unreadable(path)) is not None}
    for path, why in unreadable.items():
        told = f"{path.name} cannot be read: {why}. What its host ran is not known here"
        yield bad("history", told, f"ls -l {_quoted(path)}")
    lines, others = [], []
    for warning in case.warnings:
        found = _TORN.match(warning)
        if found is not None:
            lines.append(look("history", warning, f"sed -n {found[2]}p {_quoted(case.outputs.path / found[1])}"))
        elif not (unreadable and "cannot be read" in warning):  # That was told above.
            others.append(warning.removeprefix("history: "))
    yield from lines[:_MOST_TOLD]
    if len(lines) > _MOST_TOLD:
        yield look("history", f"and {len(lines) - _MOST_TOLD} more such lines", None)
    if others:
        told = f"{counted(len(others), 'event')} cannot be followed: {others[0]}"
        yield look("history", told, None)
    if not journals:
        yield ok("history", "nothing has run yet")
    elif not (unreadable or lines or others):
        runs = counted(sum(1 for _ in case.ledger), "run")
        yield ok("history", f"{runs} of {counted(len(journals), 'host')} can be read")


def clocks(case: Case) -> Iterator[Finding]:
    """Look whether the latest events of all hosts are in the past."""
    for path in case.outputs.histories():
        last = _last_time(path)
        ahead_s = 0.0 if last is None else last.timestamp() - case.now
        if ahead_s > _AHEAD_S:
            told = f"the last event in {path.name} is {duration_in_words(ahead_s)} ahead of now"
            yield look(
                "clock",
                f"{told}: that host's clock was ahead, or this one's is behind",
                "timedatectl  # on both hosts: both should follow NTP",
            )


def index(case: Case) -> Iterator[Finding]:
    """Look at the index in the user's cache; it may be deleted at any time."""
    try:
        path = index_path(case.outputs, case.environ)
    except RuntimeError:
        yield look(
            "index", "you have no home, and so no index: listings take longer", "export XDG_CACHE_HOME=/some/folder"
        )
        return
    if not path.exists():
        place = next((place for place in path.parents if place.exists()), path)
        if os.access(place, os.W_OK):
            yield ok("index", "none yet")
        else:
            told = f"{place} cannot be written: there is no index, and listings take longer"
            yield look("index", told, "export XDG_CACHE_HOME=/some/folder")
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as tables:
            (said,) = tables.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    if said == "ok":
        yield ok("index", f"{path} is whole")
    else:
        yield look("index", f"{path} is damaged ({said}); the next command makes it anew", f"rm {_quoted(path)}")


def _why_unreadable(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return str(error.strerror)
    return None


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _last_time(path: Path) -> datetime | None:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        try:
            at = datetime.fromisoformat(json.loads(line)["at"])
        except (ValueError, KeyError, TypeError):
            continue
        return at.astimezone()
    return None
