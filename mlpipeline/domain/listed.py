"""The lines of a queue file as they are written, and what an edit does to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from mlpipeline.domain.changes import Changes
from mlpipeline.domain.names import version_key
from mlpipeline.domain.queue import model_name
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import NotListed

#: Returns all versions of a script, in its own order; asked only where an edit depends on it.
Ask = Callable[[str], Sequence[str]]


class Way(StrEnum):
    """Where something in the list goes."""

    #: Before what stands above it.
    UP = "up"
    #: After what stands below it.
    DOWN = "down"
    #: Before everything.
    FIRST = "first"
    #: After everything.
    LAST = "last"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of the list: a script, and what is said about it."""

    #: Its path relative to models_dir, with `/` and with `.py`.
    script: str
    #: What the file says beside the script, as it is written there.
    keys: Mapping[str, Any]
    #: What that changes in the parameters of its versions.
    changes: Changes | None = None
    #: How many lines stood above it in the file; None for one that was not there.
    origin: int | None = None

    @property
    def versions(self) -> tuple[str, ...] | None:
        """The versions it names; None for every one."""
        return tuple(self.keys["versions"]) if "versions" in self.keys else None

    @property
    def hold(self) -> bool | tuple[str, ...]:
        """Whether it is held, or which of its versions are, as the script calls them."""
        hold = self.keys.get("hold", False)
        return hold if isinstance(hold, bool) else tuple(self.own_name(version) or version for version in hold)

    def called(self, version: str) -> str:
        """Return what one of its versions is called: `small`, or `small@lr=0.1` where it changes parameters."""
        return version if self.changes is None else self.changes.name_of(version)

    def own_name(self, called: str) -> str | None:
        """Return what the script calls the version that is called so here; None if that cannot be one of these."""
        if self.changes is None:
            return called
        ending = f"@{self.changes.name}"
        return called.removesuffix(ending) if called.endswith(ending) else None

    def with_keys(self, **keys: Any) -> Listed:
        """Return it with these keys in place; None takes one away."""
        return replace(self, keys={key: value for key, value in {**self.keys, **keys}.items() if value is not None})

    def of_versions(self, versions: Sequence[str]) -> Listed:
        """Return it for these versions only, of which those stay held that are."""
        hold = self.hold
        if not isinstance(hold, bool):
            kept = [version for version in hold if version in versions]
            hold = True if len(kept) == len(versions) else tuple(kept)
        return self.with_keys(versions=list(versions), hold=_written_hold(hold))


def _written_hold(hold: bool | Sequence[str]) -> bool | list[str] | None:
    return (hold if isinstance(hold, bool) else list(hold)) or None


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What becomes of the list."""

    lines: tuple[Listed, ...]
    #: What was done, or why there was nothing to do, for the person who asked.
    said: tuple[str, ...]

    def then(self, change: Callable[[Sequence[Listed]], Edit]) -> Edit:
        """Return this and what comes after it as one."""
        after = change(self.lines)
        return Edit(lines=after.lines, said=(*self.said, *after.said))


def shown(script: str, version: str | None) -> str:
    """Return what people call a script, or one of its versions: `net.py`, `net:small`."""
    return script if version is None else version_key(model_name(script), version)


def add(
    lines: Sequence[Listed],
    script: str,
    versions: Sequence[str] | None,
    values: Mapping[str, Any],
    at: int | None,
) -> Edit:
    """List a script, or some of its versions.

    Versions join a line of the script that is not held: what it says, such as `resources`, is meant for them, too. A
    script that some versions are listed of is from then on listed whole.

    Args:
        lines: that are there.
        script: that is added.
        versions: of it, as the script calls them; None for every one.
        values: that they have in place of their own parameters.
        at: above how many lines a new one goes; None for the end, or a line of the script that is there.
    """
    changes = Changes(values=values) if values else None
    new = Listed(script=script, keys={"set": dict(values)} if values else {}, changes=changes)
    own = [index for index, line in enumerate(lines) if line.script == script and line.changes == new.changes]
    whole = next((index for index in own if lines[index].versions is None), None)
    if whole is not None:
        what = ", ".join(shown(script, new.called(version)) for version in versions or ()) or _whole(new)
        return _nothing(lines, f"{what} is listed already, {_place(lines, whole)}: {script} with every version")
    if versions is None:
        return _add_whole(lines, new, own, at)
    missing = [version for version in versions if not any(version in (lines[index].versions or ()) for index in own)]
    said = tuple(
        f"{shown(script, new.called(version))} is listed already, {_place(lines, index)}"
        for version in versions
        for index in own
        if version in (lines[index].versions or ())
    )
    if not missing:
        return Edit(lines=tuple(lines), said=said)
    named = ", ".join(shown(script, new.called(version)) for version in missing)
    joined = next((index for index in reversed(own) if at is None and lines[index].hold is not True), None)
    if joined is not None:
        line = lines[joined]
        changed = _replaced(lines, joined, line.with_keys(versions=[*(line.versions or ()), *missing]))
        beside = shown(script, new.called((line.versions or ("",))[-1]))
        return Edit(lines=changed, said=(*said, f"added {named} beside {beside}, {_place(changed, joined)}"))
    changed, index = _put(lines, replace(new, keys={"versions": missing, **new.keys}), at)
    return Edit(lines=changed, said=(*said, f"added {named}, {_place(changed, index)}"))


def _add_whole(lines: Sequence[Listed], new: Listed, own: Sequence[int], at: int | None) -> Edit:
    if len(own) > 1:
        places = ", ".join(_place(lines, index).partition(" of ")[0] for index in own)
        raise NotListed(
            f"{new.script} is listed {len(own)} times, with some versions each ({places}), and cannot be added whole. "
            f"Take these off first: mlpipeline queue rm {model_name(new.script)}"
        )
    if not own:
        changed, index = _put(lines, new, at)
        return Edit(lines=changed, said=(f"added {_whole(new)}, {_place(changed, index)}",))
    (index,) = own
    changed = _replaced(lines, index, lines[index].with_keys(versions=None))
    return Edit(lines=changed, said=(f"added every other version of {new.script}, {_place(changed, index)}",))


def _whole(line: Listed) -> str:
    return line.script if line.changes is None else f"{line.script} (@{line.changes.name})"


def remove(lines: Sequence[Listed], script: str, version: str | None, ask: Ask) -> Edit:
    """Take a script, or one of its versions, off the list.

    Raises:
        NotListed: it is not there.
    """
    if version is None:
        _require_listed(lines, script)
        left = tuple(line for line in lines if line.script != script)
        return Edit(lines=left, said=(f"took {script} off: {_count(left)}",))
    index, own = find(lines, script, version)
    versions = [one for one in _all_versions(lines[index], own, ask) if one != own]
    if versions:
        left = _replaced(lines, index, lines[index].of_versions(versions))
    else:
        left = (*lines[:index], *lines[index + 1 :])
    return Edit(lines=left, said=(f"took {shown(script, version)} off: {_count(left)}",))


def move(lines: Sequence[Listed], script: str, version: str | None, way: Way, ask: Ask) -> Edit:
    """Move all lines of a script, or one of its versions, which then has a line of its own.

    That of a version which is not the first of its line, or last, stands before its others, or after them, at first.

    Raises:
        NotListed: it is not there.
    """
    moved: Sequence[int]
    if version is None:
        _require_listed(lines, script)
        moved = [index for index, line in enumerate(lines) if line.script == script]
        changed = _moved(lines, moved, way)
    else:
        index, own = find(lines, script, version)
        changed = _version_moved(lines, index, own, way, ask)
    what = shown(script, version)
    if changed == tuple(lines):
        end = "first" if way in (Way.UP, Way.FIRST) else "last"
        return _nothing(lines, f"{what} is {end} already")
    where = next(i for i, line in enumerate(changed) if line.script == script and _is_of(line, version))
    return Edit(lines=changed, said=(f"moved {what}: it is {_place(changed, where)}",))


def move_all(lines: Sequence[Listed], named: Sequence[tuple[str, str | None]], way: Way, ask: Ask) -> Edit:
    """Move scripts, or versions of them; with `up` and `down` none passes another that is named.

    Those that go first, or last, stand there in the order in which they are named.

    Raises:
        NotListed: one is not there.
    """
    changed = tuple(lines)
    ranks = {one: _rank(lines, *one, ask) for one in named}
    if way in (Way.UP, Way.DOWN):
        turns = sorted(named, key=ranks.__getitem__, reverse=way is Way.DOWN)
    else:
        turns = list(reversed(named)) if way is Way.FIRST else list(named)
    said: dict[tuple[str, str | None], str] = {}
    for one in turns:
        edit = move(changed, *one, way, ask)
        passed = [
            other
            for other in named
            if way in (Way.UP, Way.DOWN)
            and (_rank(changed, *other, ask) < _rank(changed, *one, ask))
            != (_rank(edit.lines, *other, ask) < _rank(edit.lines, *one, ask))
        ]
        if passed:
            said[one] = f"{shown(*one)} stays {'behind' if way is Way.UP else 'before'} {shown(*passed[0])}"
        elif edit.lines == changed:
            said[one] = edit.said[0]
        changed = edit.lines if not passed else changed
    for one in named:
        said.setdefault(one, f"moved {shown(*one)}: it is {_place(changed, _rank(changed, *one, ask)[0])}")
    return Edit(lines=changed, said=tuple(said[one] for one in named))


def _rank(lines: Sequence[Listed], script: str, version: str | None, ask: Ask) -> tuple[int, int]:
    """Return the line that a script, or a version, first stands in, and where within that."""
    if version is None:
        _require_listed(lines, script)
        return next(index for index, line in enumerate(lines) if line.script == script), -1
    index, own = find(lines, script, version)
    return index, list(_all_versions(lines[index], own, ask)).index(own)


def _is_of(line: Listed, version: str | None) -> bool:
    own = None if version is None else line.own_name(version)
    return version is None or (own is not None and line.versions == (own,))


def _version_moved(lines: Sequence[Listed], index: int, own: str, way: Way, ask: Ask) -> tuple[Listed, ...]:
    line = lines[index]
    versions = _all_versions(line, own, ask)
    if len(versions) == 1:
        return _moved(lines, [index], way)
    rest = line.of_versions([one for one in versions if one != own])
    alone = replace(line.of_versions([own]), origin=None)
    is_up = way in (Way.UP, Way.FIRST)
    changed = list(_replaced(lines, index, rest))
    changed.insert(index if is_up else index + 1, alone)
    at = index if is_up else index + 1
    # Where it is run before its others anyway, to stand before them would change nothing.
    is_at_end = versions[0 if is_up else -1] == own
    is_outermost = index == (0 if is_up else len(lines) - 1)
    if way in (Way.FIRST, Way.LAST) or is_at_end:
        if is_outermost and is_at_end:
            return tuple(lines)
        return _moved(changed, [at], way)
    return tuple(changed)


def _moved(lines: Sequence[Listed], moved: Sequence[int], way: Way) -> tuple[Listed, ...]:
    """Return the lines with some of them moved, which keep their order among themselves."""
    ranks = {index: rank for rank, index in enumerate(moved)}
    left = [line for index, line in enumerate(lines) if index not in ranks]
    picked = [lines[index] for index in moved]
    if way is Way.FIRST:
        return (*picked, *left)
    if way is Way.LAST:
        return (*left, *picked)
    changed = list(lines)
    if way is Way.UP:
        for rank, index in enumerate(moved):
            if index > rank:
                changed[index - 1 : index + 1] = changed[index], changed[index - 1]
    else:
        for rank, index in enumerate(reversed(moved)):
            if index < len(lines) - 1 - rank:
                changed[index : index + 2] = changed[index + 1], changed[index]
    return tuple(changed)


def hold(lines: Sequence[Listed], script: str, version: str | None, ask: Ask, *, is_off: bool) -> Edit:
    """Hold a script, or one of its versions, or let it go.

    Raises:
        NotListed: it is not there.
    """
    what = shown(script, version)
    if version is None:
        _require_listed(lines, script)
        changed = tuple(
            line if line.script != script else line.with_keys(hold=None if is_off else True) for line in lines
        )
    else:
        index, own = find(lines, script, version)
        held = _held(lines[index], own, ask, is_off=is_off)
        changed = _replaced(lines, index, lines[index].with_keys(hold=_written_hold(held)))
    if changed == tuple(lines):
        return _nothing(lines, f"{what} {'is not held in the list' if is_off else 'is held already'}")
    told = f"`mlpipeline queue hold --off {what}`"
    return Edit(lines=changed, said=(f"{what} is held no more" if is_off else f"{what} is held until {told}",))


def _held(line: Listed, own: str, ask: Ask, *, is_off: bool) -> bool | Sequence[str]:
    hold = line.hold
    if hold is True:
        return [one for one in _all_versions(line, own, ask) if one != own] if is_off else True
    before = hold or ()
    if is_off:
        return [one for one in before if one != own]
    held = before if own in before else (*before, own)
    return True if line.versions is not None and set(held) >= set(line.versions) else held


def _all_versions(line: Listed, own: str, ask: Ask) -> Sequence[str]:
    """Return the versions that a line lists, of which one is `own`.

    Raises:
        NotListed: the script does not have that.
    """
    if line.versions is not None:
        return line.versions
    versions = ask(line.script)
    if own not in versions:
        raise NotListed(f'{line.script} has no version "{own}".{did_you_mean(own, versions)}')
    return versions


def find(lines: Sequence[Listed], script: str, version: str) -> tuple[int, str]:
    """Return which line a version is listed by, and what its script calls it.

    Raises:
        NotListed: by none.
    """
    _require_listed(lines, script)
    own_lines = [(index, line) for index, line in enumerate(lines) if line.script == script]
    # What is called `small@lr=0.1` by the line that changes lr is no version of the line that lists all as they are.
    for index, line in sorted(own_lines, key=lambda one: one[1].changes is None):
        own = line.own_name(version)
        if own is not None and (line.versions is None or own in line.versions):
            return index, own
    known = [line.called(one) for _, line in own_lines for one in line.versions or ()]
    wholes = [_whole(line) for _, line in own_lines if line.versions is None]
    listed = ", ".join([*(shown(script, one) for one in known), *wholes])
    raise NotListed(f"{shown(script, version)} is not listed. Listed: {listed}.{did_you_mean(version, known)}")


def _require_listed(lines: Sequence[Listed], script: str) -> None:
    scripts = [line.script for line in lines]
    if script not in scripts:
        raise NotListed(f"{script} is not listed.{did_you_mean(script, scripts)}")


def _put(lines: Sequence[Listed], new: Listed, at: int | None) -> tuple[tuple[Listed, ...], int]:
    index = len(lines) if at is None else at
    return (*lines[:index], new, *lines[index:]), index


def _replaced(lines: Sequence[Listed], index: int, line: Listed) -> tuple[Listed, ...]:
    return (*lines[:index], line, *lines[index + 1 :])


def _nothing(lines: Sequence[Listed], said: str) -> Edit:
    return Edit(lines=tuple(lines), said=(said,))


def _place(lines: Sequence[Listed], index: int) -> str:
    return f"{index + 1} of {len(lines)}"


def _count(lines: Sequence[Listed]) -> str:
    return f"{len(lines) or 'none'} {'is' if len(lines) == 1 else 'are'} left"
