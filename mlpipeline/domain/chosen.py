"""Which versions an entry of the queue lists, now that it is known what its script has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlpipeline.domain.changes import Changes
from mlpipeline.domain.complaints import shown
from mlpipeline.domain.description import Description, VersionDescription
from mlpipeline.domain.queue import Entry
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import NoSuchParameter


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """Something that an entry says and its script does not bear out."""

    #: The versions that it is about, called as they would be.
    versions: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What an entry lists."""

    versions: tuple[VersionDescription, ...]
    #: The names of those of them that are held.
    held: frozenset[str]
    unusable: tuple[Unusable, ...]


def chosen(entry: Entry, description: Description, queue: str) -> Chosen:
    """Return the versions that an entry lists, in the script's order; `queue` is the name of its file."""
    own = [version.name for version in description.versions]
    listed = [version for version in description.versions if entry.versions is None or version.name in entry.versions]
    unusable = [
        Unusable(
            versions=(entry.name_of(name),),
            why=f"{queue} lists version {shown(name)}, which it does not have.{did_you_mean(name, own)}",
        )
        for name in entry.versions or ()
        if name not in own
    ]
    unusable += _held_in_vain(entry, listed, queue)
    held = frozenset(entry.name_of(version.name) for version in listed if entry.holds(version.name))
    if entry.changes is None:
        return Chosen(versions=tuple(listed), held=held, unusable=tuple(unusable))
    made, in_vain = _made(listed, entry.changes, own, queue)
    return Chosen(versions=tuple(made), held=held, unusable=(*unusable, *in_vain))


def _held_in_vain(entry: Entry, listed: Sequence[VersionDescription], queue: str) -> list[Unusable]:
    if isinstance(entry.hold, bool):
        return []
    names = [version.name for version in listed]
    known = {*names, *map(entry.name_of, names)}
    where = "which it does not have" if entry.versions is None else "which is none of the `versions` beside that"
    return [
        Unusable(versions=(name,), why=f"{queue} holds version {shown(name)}, {where}.{did_you_mean(name, names)}")
        for name in entry.hold
        if name not in known
    ]


def _made(
    listed: Sequence[VersionDescription], changes: Changes, own: Sequence[str], queue: str
) -> tuple[list[VersionDescription], list[Unusable]]:
    """Return the versions that `set` makes, and why it does not make others."""
    made: list[VersionDescription] = []
    unusable: list[Unusable] = []
    lacking: dict[tuple[str, str], list[str]] = {}  # Of fifty versions that lack a parameter, that is told once.
    for version in listed:
        try:
            changed = version.changed(changes)
        except NoSuchParameter as error:
            lacking.setdefault((error.key, error.advice), []).append(version.name)
            continue
        if changed.name in own:
            why = f'{queue} makes a version "{changed.name}" by `set`; the script has one of that name. Rename that.'
            unusable.append(Unusable(versions=(changed.name,), why=why))
        else:
            made.append(changed)
    for (key, advice), names in lacking.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        why = f'{queue} sets {shown(key)}, which is no parameter of version "{names[0]}"{more}.{advice}'
        unusable.append(Unusable(versions=tuple(map(changes.name_of, names)), why=why))
    return made, unusable
