"""What of a cache may go, and deleting it while others use the cache."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import starmap
from pathlib import Path

from mlpipeline.pipelines import locks, readers
from mlpipeline.pipelines.artifact_files import room_of
from mlpipeline.pipelines.cache_folder import FORMAT, CacheFolder
from mlpipeline.pipelines.code_facts import KeptFacts
from mlpipeline.pipelines.inventory import Damage, Entry, Inventory, listed
from mlpipeline.pipelines.remembered import Remembered
from mlpipeline.project.storage import delete, is_written_aside, modified_at

#: Where locks do not work, what is younger than this may be about to be named by a record, or renamed.
_YOUNG_S = 24 * 3600
#: And this what is written aside where nobody looks at locks at all.
_WRITTEN_WITHIN_S = 3600
_WRITER_DIED = "who wrote it died"


class Kind(StrEnum):
    """What may go."""

    #: What a stage made once: its record, and with it the artifacts that no other one names.
    RECORD = "record"
    #: An artifact.
    ARTIFACT = "artifact"
    #: What was being written when somebody died.
    LEFTOVER = "leftover"
    #: What files outside held that are gone, or how artifacts looked that are.
    NOTE = "note"
    #: What an older mlpipeline kept.
    FORMAT = "format"


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something that may go, or went."""

    kind: Kind
    path: Path
    size_bytes: int
    why: str
    #: The stage that it is of; None where it is of none.
    stage: str | None = None
    #: What kept it from being deleted.
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What came of it."""

    items: tuple[Item, ...]
    #: The artifacts that would have gone, too, but that running processes read.
    in_use: tuple[Item, ...] = ()
    #: What is left of records and artifacts.
    left_bytes: int
    left_records: int

    @property
    def freed_bytes(self) -> int:
        """How much room went, or would go."""
        return sum(item.size_bytes for item in self.items if item.error is None)


def collect(
    folder: CacheFolder, *, max_bytes: int | None, are_formats_too: bool, is_dry: bool, now: float
) -> Collected:
    """Delete what nothing needs, and what was not used for longest until the rest is small enough.

    What running processes read as files stays.

    Args:
        folder: the cache.
        max_bytes: how large it may be; None for as large as it is.
        are_formats_too: also what older versions of mlpipeline kept there.
        is_dry: only find it.
        now: in seconds since the epoch, by the clock of the machine that stores the cache.
    """
    if not folder.path.is_dir():
        return Collected(items=(), left_bytes=0, left_records=0)
    # Stages that store what they made wait for none of this, which may take minutes.
    inventory = Inventory(folder)
    left_over = [*_leftovers(folder, now=now), *_notes(folder, inventory)]
    if are_formats_too:
        left_over += _formats(folder)
    # Nothing is put in place from here on: an artifact comes with its record, or not at all.
    alone = nullcontext(True) if is_dry else locks.shared(folder.lock, is_alone=True)
    with alone as is_alone:
        inventory = Inventory(folder, inventory)
        in_use = _in_use(inventory, folder)
        found = list(_entries_to_go(inventory, max_bytes, in_use))
        items = [*_records(found), *_artifacts(inventory, found, is_alone=is_alone, now=now)]
        items = [item for item in items if item.path not in in_use]
        spared = []
        if in_use:
            otherwise = list(_entries_to_go(inventory, max_bytes, frozenset()))
            would_go = _artifacts(inventory, otherwise, is_alone=is_alone, now=now)
            spared = [item for item in would_go if item.path in in_use]
        items += _half_records(folder, is_alone=is_alone, now=now)
        moved = [] if is_dry else [_moved_aside(item, folder) for item in items]
    if is_dry:
        items += left_over
    else:
        items = [*starmap(_deleted, moved), *(_cleared(item, folder) for item in left_over)]
    gone = sum(item.size_bytes for item in items if item.kind in (Kind.RECORD, Kind.ARTIFACT) and item.error is None)
    return Collected(
        items=tuple(items),
        in_use=tuple(spared),
        left_bytes=inventory.size_bytes - gone,
        left_records=len(inventory.entries) - len(found),
    )


def delete_damaged(folder: CacheFolder, damages: Iterable[Damage]) -> int:
    """Delete what is damaged, with the records that tell of it; return how much of it is gone now."""
    gone = 0
    inventory = Inventory(folder)
    by_record: dict[Path | None, list[Damage]] = {}
    for damage in damages:
        by_record.setdefault(damage.record, []).append(damage)
    for together in by_record.values():
        with locks.shared(folder.lock, is_alone=True):
            # Since it was found a stage may have made it again.
            for damage in [one for one in together if inventory.is_damaged_still(one)]:
                paths = [path for path in (damage.record, damage.path) if path is not None]
                gone += all([delete(path) is None for path in paths])
    return gone


def _in_use(inventory: Inventory, folder: CacheFolder) -> set[Path]:
    """Return the artifacts whose files running processes read."""
    names = readers.read(folder.readers, (path.name for path in inventory.artifacts))
    return {path for path in inventory.artifacts if path.name in names}


def _entries_to_go(
    inventory: Inventory, max_bytes: int | None, in_use: Collection[Path]
) -> Iterator[tuple[Entry, str]]:
    """Yield the records that are of no use, then those that were not used for longest, each with why."""
    useful = [entry for entry in inventory.entries if entry.trouble is None]
    for entry in inventory.entries:
        if entry.trouble is not None:
            yield entry, entry.trouble
    if max_bytes is not None:
        yield from ((entry, "not used for longest") for entry in least_used(useful, max_bytes, in_use))


def least_used(entries: Iterable[Entry], max_bytes: int, in_use: Collection[Path] = ()) -> Iterator[Entry]:
    """Yield those, the first first, without which the rest fits, as far as may be; what several name is there once.

    Args:
        entries: those first that were not used for longest.
        max_bytes: how much room the others may take, with their artifacts.
        in_use: the artifacts that stay, and with them those that name them.
    """
    entries = list(entries)
    named = Counter(path for entry in entries for path in dict(entry.artifacts))
    sizes = {path: size for entry in entries for path, size in entry.artifacts}
    total = sum(sizes.values()) + sum(entry.size_bytes for entry in entries)
    for entry in entries:
        if total <= max_bytes:
            return
        if any(path in in_use for path, _ in entry.artifacts):
            continue
        total -= entry.size_bytes
        for path in dict(entry.artifacts):
            named[path] -= 1
            total -= 0 if named[path] else sizes[path]
        yield entry


def _records(found: Iterable[tuple[Entry, str]]) -> Iterator[Item]:
    for entry, why in found:
        yield Item(kind=Kind.RECORD, path=entry.path, size_bytes=entry.size_bytes, why=why, stage=entry.stage)


def _artifacts(
    inventory: Inventory, found: Collection[tuple[Entry, str]], *, is_alone: bool, now: float
) -> Iterator[Item]:
    """Yield the artifacts that no record names once those found are gone."""
    records = {entry.path for entry, _ in found}
    needed = {path for entry in inventory.entries if entry.path not in records for path, _ in entry.artifacts}
    going = {path: (entry, why) for entry, why in found for path, _ in entry.artifacts}
    for path, size in inventory.artifacts.items():
        if path in needed:
            continue
        if path in going:
            entry, why = going[path]
            yield Item(kind=Kind.ARTIFACT, path=path, size_bytes=size, why=why, stage=entry.stage)
        elif is_alone or _is_older(path, _YOUNG_S, now):
            yield Item(kind=Kind.ARTIFACT, path=path, size_bytes=size, why="no record names it")


def _leftovers(folder: CacheFolder, *, now: float) -> Iterator[Item]:
    for path in listed(folder.aside):
        # It begins with the key of what its writer makes, who holds the lock for that as long as he lives.
        lock = folder.locks / path.name.partition(".")[0]
        is_free = locks.is_free(lock)
        if is_free or (is_free is None and _is_older(path, _YOUNG_S, now)):
            yield Item(kind=Kind.LEFTOVER, path=path, size_bytes=room_of(path), why=_WRITER_DIED)
    for path in listed(folder.locks):
        if locks.is_free(path):
            yield Item(kind=Kind.LEFTOVER, path=path, size_bytes=0, why="who held it died")
    for place in (folder.checked, folder.files, folder.sources):
        for path in listed(place):
            if is_written_aside(path.name) and _is_older(path, _WRITTEN_WITHIN_S, now):
                yield Item(kind=Kind.LEFTOVER, path=path, size_bytes=room_of(path), why=_WRITER_DIED)


def _half_records(folder: CacheFolder, *, is_alone: bool, now: float) -> Iterator[Item]:
    for stage in listed(folder.made):
        for path in listed(stage):
            if is_written_aside(path.name) and (is_alone or _is_older(path, _YOUNG_S, now)):
                yield Item(kind=Kind.LEFTOVER, path=path, size_bytes=room_of(path), why=_WRITER_DIED)


def _notes(folder: CacheFolder, inventory: Inventory) -> Iterator[Item]:
    there = {path.name for path in inventory.artifacts}
    for path in listed(folder.checked):
        if path.name not in there and not is_written_aside(path.name):
            yield Item(kind=Kind.NOTE, path=path, size_bytes=room_of(path), why="its artifact is gone")
    for path in (*Remembered(folder.files).forgotten(), *KeptFacts(folder.sources).forgotten()):
        yield Item(kind=Kind.NOTE, path=path, size_bytes=room_of(path), why="the file that it tells of is gone")


def _formats(folder: CacheFolder) -> Iterator[Item]:
    for number, path in folder.other_formats().items():
        if number < FORMAT:
            why = f"format {number}, of an older mlpipeline"
            yield Item(kind=Kind.FORMAT, path=path, size_bytes=room_of(path), why=why)


def _moved_aside(item: Item, folder: CacheFolder) -> tuple[Item, Path]:
    """Have something gone from its place at once, and return where it is to be deleted, which may take long."""
    aside = folder.aside / f"{item.path.name.lstrip('.')}.{os.urandom(4).hex()}"
    try:
        item.path.rename(aside)
    except OSError:
        return item, item.path
    return item, aside


def _deleted(item: Item, path: Path) -> Item:
    error = delete(path)
    return item if error is None else replace(item, error=error.strerror or str(error))


def _cleared(item: Item, folder: CacheFolder) -> Item:
    if item.path.parent == folder.locks:
        locks.is_free(item.path, is_cleared=True)
        return item
    return _deleted(item, item.path)


def _is_older(path: Path, seconds: float, now: float) -> bool:
    changed_at = modified_at(path)
    return changed_at is not None and now - changed_at > seconds
