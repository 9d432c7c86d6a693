"""`models.toml` and `models_test.toml`: the queue, which its user edits while it runs."""

from __future__ import annotations

import os
import posixpath
from functools import partial
from pathlib import Path

from mlpipeline.authoring.version import spelled
from mlpipeline.domain.after import circle
from mlpipeline.domain.changes import Changes
from mlpipeline.domain.complaints import shown, wrong_value
from mlpipeline.domain.conditions import KEYS as CONDITIONS
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.queue import Awaited, Entry, Queue
from mlpipeline.domain.words import is_fit
from mlpipeline.errors import QueueError
from mlpipeline.project.legacy import legacy_advice, toml_replacements
from mlpipeline.project.tables import Table, parse, read_text

_KEYS = ("use_blacklist", "whitelisted_models", "blacklisted_models")
_ENTRY_KEYS = ("script", "versions", "hold", "set", "after", *CONDITIONS)
_EXAMPLE = 'use_blacklist = false\nwhitelisted_models = ["digits.py"]\nblacklisted_models = []'


def read_queue(path: Path, models_dir: Path) -> Queue:
    """Return what the queue file at `path` says; whether its scripts are there is not looked at.

    Raises:
        QueueError: it is missing, cannot be read, or has a wrong value.
    """
    return parse_queue(path, _queue_text(path), models_dir)


class QueueFile:
    """A queue file that is read again and again, and what it said when it was last right."""

    def __init__(self, path: Path, models_dir: Path) -> None:
        self.path = path
        self.models_dir = models_dir
        #: What the file said when it could last be read; None before that.
        self.last_good: Queue | None = None
        self._text: str | None = None
        self._error: QueueError | None = None

    def read(self) -> Queue:
        """Return what the file says now.

        Raises:
            QueueError: as in `read_queue`, each time for as long as the file is wrong, with the same text:
                log it when its text is new. `last_good` is then what stays in force.
        """
        # Contents are compared, not times: lines swapped within one tick of the file system's clock, or a copy that
        # keeps the old time, change neither time nor size.
        text = _queue_text(self.path)
        if text != self._text:
            self._text, self._error = text, None
            try:
                self.last_good = parse_queue(self.path, text, self.models_dir)
            except QueueError as error:
                self._error = error
        if self._error is not None:
            raise self._error.with_traceback(None)
        assert self.last_good is not None
        return self.last_good


def _queue_text(path: Path) -> str:
    if not os.path.lexists(path):
        missing = f"there is none in {path.parent}."
        if path.name in toml_replacements(path.parent):
            raise QueueError(path, f"{missing}\n{legacy_advice(path.parent)}")
        raise QueueError(path, f"{missing} Write one that lists your scripts:\n{_EXAMPLE}")
    return read_text(path, partial(QueueError, path))


def parse_queue(path: Path, text: str, models_dir: Path) -> Queue:
    """Return what a queue file with this text says.

    Raises:
        QueueError: it has a wrong value.
    """
    top = parse(text, partial(QueueError, path))
    top.refuse_unknown(_KEYS)
    use_blacklist = top.flag("use_blacklist", False)
    # An editor that saves in place shows an empty file for a moment: it must not read as "nothing to do".
    if not use_blacklist and "whitelisted_models" not in top.values:
        raise top.complain(
            f"whitelisted_models is missing: it lists the scripts to run; [] is none. Write:\n{_EXAMPLE}"
        )
    lists = {name: _entries(top, name, models_dir) for name in ("whitelisted_models", "blacklisted_models")}
    entries = lists["blacklisted_models" if use_blacklist else "whitelisted_models"]
    return Queue(entries=entries, use_blacklist=use_blacklist)


def _entries(top: Table, name: str, models_dir: Path) -> tuple[Entry, ...]:
    versions_fit = name == "whitelisted_models"
    expected = 'a script, such as "digits.py"'
    if versions_fit:
        expected += ', or a table, such as { script = "digits.py", versions = ["deep"] }'
    entries: list[Entry] = []
    for index, item in enumerate(top.items(name, '["digits.py"]')):
        where = f"{name}[{index}]"
        if isinstance(item, str) and item.strip():
            entry = Entry(script=_script(top, where, item, models_dir))
        elif isinstance(item, dict) and versions_fit:
            entry = _entry(Table(values=item, complain=top.complain, prefix=f"{where}."), models_dir)
        else:
            raise top.complain(wrong_value(where, item, expected))
        for earlier, other in enumerate(entries):
            _refuse_overlap(top, where, entry, f"{name}[{earlier}]", other)
        entries.append(entry)
    if path := circle(entries):
        raise top.complain(path)
    return tuple(entries)


def _entry(table: Table, models_dir: Path) -> Entry:
    table.refuse_unknown(_ENTRY_KEYS)
    if "script" not in table.values:
        raise table.complain(f'{table.prefix}script is missing; expected a script, such as "digits.py".')
    script = _script(table, f"{table.prefix}script", table.text("script", ""), models_dir)
    return Entry(
        script=script,
        versions=_versions(table, "versions", "To run every version, leave the key out."),
        changes=_changes(table),
        hold=_hold(table),
        after=_after(table, models_dir),
        conditions=Conditions.parse(table.values, table.prefix, table.complain),
    )


def _versions(table: Table, key: str, otherwise: str) -> tuple[str, ...] | None:
    if key not in table.values:
        return None
    versions = table.texts(key, '["small", "large"]')
    if not versions:
        raise table.complain(f"{table.prefix}{key} = [] names none. {otherwise}")
    twice = next((version for index, version in enumerate(versions) if version in versions[:index]), None)
    if twice is not None:
        raise table.complain(f"{table.prefix}{key} lists {shown(twice)} twice. Keep one of them.")
    return versions


def _hold(table: Table) -> bool | tuple[str, ...]:
    value = table.values.get("hold", False)
    if isinstance(value, bool):
        return value
    if not isinstance(value, list):
        raise table.wrong("hold", 'true, or the versions to hold, such as ["small"]')
    return _versions(table, "hold", "To hold nothing, leave the key out.") or False


def _changes(table: Table) -> Changes | None:
    if "set" not in table.values:
        return None
    given = table.values["set"]
    if not isinstance(given, dict):
        raise table.wrong("set", "a table of parameters, such as { lr = 0.1 }")
    if not given:
        raise table.complain(f"{table.prefix}set = {{}} changes nothing. Name a parameter, or leave the key out.")
    for key, value in given.items():
        _check_value(table, f"{table.prefix}set.{key}", value)
    values = {spelled(key): value for key, value in given.items()}
    if len(values) < len(given):
        raise table.complain(f"{table.prefix}set: epoc_count and epoch_count are the same parameter. Keep one of them.")
    return Changes(values=values)


def _check_value(table: Table, where: str, value: object) -> None:
    """Refuse dates and times, which no parameter can be recorded as."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_value(table, f"{where}.{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_value(table, f"{where}[{index}]", item)
    elif not isinstance(value, (bool, int, float, str)):
        raise table.complain(wrong_value(where, value, "a number, true or false, a text, a list, or a table of these"))


def _after(table: Table, models_dir: Path) -> tuple[Awaited, ...]:
    found: list[Awaited] = []
    for index, text in enumerate(table.texts("after", '["teacher.py"] or ["teacher:large"]')):
        where = f"{table.prefix}after[{index}]"
        script, colon, version = _script(table, where, text, models_dir).partition(":")
        if not script or (colon and not version):
            expected = 'a script, such as "teacher.py", or one of its versions, such as "teacher:large"'
            raise table.complain(f"{where} = {shown(text)} names no version; expected {expected}.")
        awaited = Awaited(script=script if script.endswith(".py") else f"{script}.py", version=version or None)
        if awaited in found:
            raise table.complain(f"{table.prefix}after lists {shown(str(awaited))} twice. Keep one of them.")
        found.append(awaited)
    return tuple(found)


def _refuse_overlap(top: Table, where: str, entry: Entry, earlier: str, other: Entry) -> None:
    # What `set` makes are other versions, with names of their own.
    if entry.script != other.script or entry.name_of("") != other.name_of(""):
        return
    if entry.versions is None or other.versions is None:
        what = shown(entry.script) if entry.changes is None else f"{shown(entry.script)} with the same `set`"
        raise top.complain(f"{where} lists {what} again, after {earlier}. Keep one of them.")
    shared = [version for version in entry.versions if version in other.versions]
    if shared:
        name = shown(entry.name_of(shared[0]))
        raise top.complain(
            f"{where}.versions lists {name} of {shown(entry.script)} again, after {earlier}. Keep one of them."
        )


def _script(table: Table, where: str, text: str, models_dir: Path) -> str:
    """Return a script as written by the user as a path below models_dir, with `/`."""
    if not all(map(is_fit, text)):
        raise table.complain(f"{where} = {shown(text)} holds a control character; expected the path of a script.")
    path = posixpath.normpath(text.strip().replace("\\", "/"))
    if path.startswith("/"):
        absolute = Path(path)
        # models_dir may be reached by links; a script that is itself a link stays the link.
        for known in (absolute, absolute.parent.resolve() / absolute.name):
            if known.is_relative_to(models_dir):
                return known.relative_to(models_dir).as_posix()
    return path  # when it lies elsewhere, it costs itself when the script is checked, not the queue
