"""Edits of a queue file as a person would make them: all that they do not mean stays as it is written."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpipeline.domain.listed import Edit, Listed
from mlpipeline.errors import QueueError
from mlpipeline.project.array_text import ArrayText
from mlpipeline.project.files import replace_if_unchanged
from mlpipeline.project.queue_file import parse_queue, read_queue

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

#: The list that is edited.
_LIST = "whitelisted_models"
#: How often an edit is begun anew because the file was changed meanwhile.
_TRIES = 50
#: Why nothing is edited while that list is not in force.
_BLACKLIST = (
    "use_blacklist is on: every script runs but those on blacklisted_models, in the order of their names, so there is "
    "nothing to add, take off, move or hold. To keep a script from running, put it on blacklisted_models. To say "
    f"what runs, and in which order, set use_blacklist = false and list it in {_LIST}."
)
#: For how long a file that is wrong may be in the midst of being saved, in seconds, and how soon it is looked at again.
_SETTLING_S, _LOOK_S = 0.5, 0.05
#: How long another edit is waited for, in seconds.
_PATIENCE_S = 20.0
#: In which order keys are written; one that is new goes before the first that comes later.
_ORDER = ("script", "versions", "after", "hold", "set", "resources", "retries")


def edit_queue(path: Path, models_dir: Path, lock: Path, change: Callable[[Sequence[Listed]], Edit]) -> Edit:
    """Do to a queue file what `change` does to its lines, and return what that was.

    What somebody else writes meanwhile is never lost: the edit is then done to that.

    Args:
        path: of the file; where it is a link, what that leads to is edited.
        models_dir: of the project.
        lock: held by all who edit it in this way.
        change: called again whenever the file was changed; whatever it raises leaves the file as it was.

    Raises:
        QueueError: the file cannot be read, is wrong already, or cannot be written.
    """
    from filelock import FileLock, Timeout

    real = path.resolve()
    # Whoever else wants to edit does not wait for what this asks.
    change(_settled(path, models_dir).lines)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=_PATIENCE_S):
            for _ in range(_TRIES):
                before = _settled(path, models_dir)
                edit = change(before.lines)
                if edit.lines == before.lines:
                    return edit
                after = before.edited(edit.lines)
                if replace_if_unchanged(real, before.data, after):
                    return edit
    except Timeout:
        message = f"somebody else has been editing it for {_PATIENCE_S:g} s. Nothing was changed; try again."
        raise QueueError(path, message) from None
    except OSError as error:
        raise QueueError(path, f"{error.filename or real} cannot be written: {error.strerror}.") from error
    raise QueueError(path, "it is changed by something else again and again. Nothing was changed; try again.")


def _settled(path: Path, models_dir: Path) -> _File:
    """Return the file as it is once nobody is in the midst of saving it.

    Raises:
        QueueError: it is wrong, or has no list to edit.
    """
    deadline = time.monotonic() + _SETTLING_S
    while True:
        try:
            found = _File.read(path, models_dir)
            break
        except QueueError:
            # An editor that saves in place leaves half a file for a moment.
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_S)
    if not found.is_edited:
        raise QueueError(path, _BLACKLIST)
    return found


@dataclass(frozen=True, kw_only=True)
class _File:
    """A queue file as it was read."""

    path: Path
    models_dir: Path
    data: bytes
    lines: tuple[Listed, ...]
    #: Whether the list that is edited is in force.
    is_edited: bool = True

    @classmethod
    def read(cls, path: Path, models_dir: Path) -> _File:
        """Read it.

        Raises:
            QueueError: it cannot be read, or is wrong.
        """
        read_queue(path, models_dir)  # Says what is wrong with it, or that there is none.
        try:
            data = path.read_bytes()
            text = data.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise QueueError(path, f"it cannot be read: {error}.") from error
        queue = parse_queue(path, text, models_dir)
        if queue.use_blacklist:
            return cls(path=path, models_dir=models_dir, data=data, lines=(), is_edited=False)
        written = tomllib.loads(text)[_LIST]
        lines = tuple(
            Listed(script=entry.script, keys=_keys(value), changes=entry.changes, origin=origin)
            for origin, (entry, value) in enumerate(zip(queue.entries, written, strict=True))
        )
        return cls(path=path, models_dir=models_dir, data=data, lines=lines)

    def edited(self, lines: Sequence[Listed]) -> bytes:
        """Return the file with these lines.

        Raises:
            QueueError: it would then be wrong, or its list is written in a way that is not edited.
        """
        import tomlkit

        text = self.data.decode("utf-8-sig")
        has_returns = "\r\n" in text
        text = text.replace("\r\n", "\n")
        before = tomllib.loads(text)
        expected = {**before, _LIST: [_value(line, before[_LIST]) for line in lines]}
        edited = _edited(self.path, tomlkit.parse(text), lines)
        queue = parse_queue(self.path, edited, self.models_dir)
        if tomllib.loads(edited) != expected or [entry.script for entry in queue.entries] != [
            line.script for line in lines
        ]:
            raise QueueError(self.path, "its list is written in a way that is not edited. Please edit it by hand.")
        if has_returns:
            edited = edited.replace("\n", "\r\n")
        return edited.encode("utf-8-sig" if self.data.startswith(b"\xef\xbb\xbf") else "utf-8")


def _keys(value: Any) -> Mapping[str, Any]:
    return {key: one for key, one in value.items() if key != "script"} if isinstance(value, dict) else {}


def _value(line: Listed, before: Sequence[Any]) -> Any:
    """Return what a line is to read as, beside those that were there."""
    script = line.script
    if line.origin is not None:
        written = before[line.origin]
        if _keys(written) == line.keys:
            return written
        script = written if isinstance(written, str) else written["script"]
    return {"script": script, **line.keys} if line.keys else script


def _edited(path: Path, document: TOMLDocument, lines: Sequence[Listed]) -> str:
    import tomlkit
    from tomlkit.items import Array as Items

    items = document[_LIST]
    if not isinstance(items, Items):
        raise QueueError(path, f"only a list {_LIST} = [ … ] is edited, no [[{_LIST}]] tables. Please edit it by hand.")
    array = ArrayText.of(items)
    texts = {
        line.origin: _entry(line, items[line.origin], array.slots[line.origin].text)
        for line in lines
        if line.origin is not None
    }
    array.arrange([line.origin for line in lines], texts, {at: _new(line) for at, line in enumerate(lines)})
    document[_LIST] = tomlkit.parse(f"list = {array}")["list"]
    return document.as_string()


def _entry(line: Listed, item: Any, text: str) -> str:
    """Return a line that was there before as it is to be written."""
    before = item.unwrap()
    keys = _keys(before)
    if keys == line.keys:
        return text
    if isinstance(before, str):
        written = {"script": text}
    elif not line.keys:
        return str(item["script"].as_string())
    else:
        kept = {**line.keys, "script": before["script"]}
        written = {key: _changed(item.value.item(key), old, kept[key]) for key, old in before.items() if key in kept}
    for key, value in line.keys.items():
        if key not in keys:
            written = _inserted(written, key, _toml(value))
    bracket, equals = (text[:2].strip(" \t") != "{", " = " not in text) if text.startswith("{") else (False, False)
    return _table(written, is_tight=bracket, has_tight_keys=equals)


def _changed(item: Any, before: Any, after: Any) -> str:
    """Return a value within a line that was there before as it is to be written."""
    from tomlkit.items import Array as Items
    from tomlkit.items import Table

    if before == after:
        return _toml(after) if isinstance(item, Table) else str(item.as_string())  # a table by dotted keys
    if not isinstance(item, Items) or not isinstance(after, list):
        return _toml(after)
    array = ArrayText.of(item)
    origins = [before.index(one) if one in before else None for one in after]
    texts = {origin: array.slots[origin].text for origin in origins if origin is not None}
    array.arrange(origins, texts, {at: _toml(one) for at, one in enumerate(after)})
    return str(array)


def _inserted(written: Mapping[str, str], key: str, text: str) -> dict[str, str]:
    rank = _rank(key)
    before = {name: one for name, one in written.items() if _rank(name) <= rank}
    return {**before, key: text, **{name: one for name, one in written.items() if name not in before}}


def _rank(key: str) -> int:
    return _ORDER.index(key) if key in _ORDER else len(_ORDER)


def _new(line: Listed) -> str:
    """Return a line that was not there before as it is to be written."""
    if not line.keys:
        return _toml(line.script)
    written = {"script": _toml(line.script)}
    for key, value in line.keys.items():
        written = _inserted(written, key, _toml(value))
    return _table(written)


def _toml(value: Any) -> str:
    """Return a value as it is written on one line."""
    import tomlkit

    if isinstance(value, Mapping):
        return _table({key: _toml(one) for key, one in value.items()})
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return str(tomlkit.item(value).as_string())


def _table(written: Mapping[str, str], *, is_tight: bool = False, has_tight_keys: bool = False) -> str:
    from tomlkit.items import SingleKey

    if not written:
        return "{}"
    equals = "=" if has_tight_keys else " = "
    pairs = ", ".join(f"{SingleKey(key).as_string()}{equals}{text}" for key, text in written.items())
    return f"{{{pairs}}}" if is_tight else f"{{ {pairs} }}"
