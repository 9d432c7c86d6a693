"""`mlpipeline cache`: what stages made, what of it is damaged, and what was deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlpipeline.domain.quantities import duration_in_words, size_in_words
from mlpipeline.domain.rerun import NOT_SHOWN
from mlpipeline.domain.words import counted, named
from mlpipeline.pipelines.artifact_files import room_of
from mlpipeline.pipelines.cache_folder import CacheFolder
from mlpipeline.pipelines.collecting import Collected, Item, Kind
from mlpipeline.pipelines.inventory import Damage, Entry, Inventory
from mlpipeline.pipelines.records import Made
from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.tables import Cell, table
from mlpipeline.views.words import iso_time, moment_to_minute

#: How many rows there are at most, unless all are asked for.
_ROWS = 20
#: How many artifacts of a stage are named in its row.
_ARTIFACTS_NAMED = 3
#: A digest, and as much of it as tells it from others.
_DIGEST = re.compile(r"([0-9a-f]{8})[0-9a-f]{56}")
_COLUMNS = ("stage", "parameters", "artifacts", "size", "took", "made", "last used", "run")


def cache_screen(
    entries: Sequence[Entry],
    inventory: Inventory,
    folder: CacheFolder,
    screen: Screen,
    *,
    free_bytes: int | None,
    now: float,
    are_all_named: bool,
) -> str:
    """Return what stages made, what was used last first, and how much room all of it takes."""
    if not folder.path.is_dir():
        return f"there is no cache yet: {folder.path}"
    newest = list(reversed(entries))
    shown = newest if are_all_named else newest[:_ROWS]
    parts = []
    if shown:
        rows = [_row(entry, now) for entry in shown]
        # Where nothing is in a column, it only takes room.
        filled = [index for index in range(len(_COLUMNS)) if any(row[index] for row in rows)]
        columns = [_COLUMNS[index] for index in filled]
        more = f"\nand {len(newest) - len(shown)} more: -v names them all" if len(shown) < len(newest) else ""
        parts.append(table(columns, [[row[index] for index in filled] for row in rows], screen) + more)
    free = "" if free_bytes is None else f", {size_in_words(free_bytes)} free on the disk"
    of = f"{counted(len(inventory.entries), 'record')} of {counted(_count_stages(inventory), 'stage')}"
    total = f"{size_in_words(inventory.size_bytes)} in {folder.path}: {of}{free}"
    notes = [total]
    unnamed = sum(inventory.artifacts[path] for path in inventory.unnamed)
    if unnamed:
        notes.append(f"{size_in_words(unnamed)} of it no record names: mlpipeline cache gc deletes that")
    for number, path in folder.other_formats().items():
        notes.append(f"{size_in_words(room_of(path))} more of another mlpipeline, in format {number}: {path}")
    return "\n\n".join([*parts, "\n".join(notes)])


def _count_stages(inventory: Inventory) -> int:
    return len({entry.stage for entry in inventory.entries})


def _row(entry: Entry, now: float) -> tuple[Cell, ...]:
    used = moment_to_minute(iso_time(entry.used_at), now)
    if entry.made is None:
        trouble = Painted(entry.trouble or "", Color.BAD)
        return (entry.stage, "", trouble, size_in_words(entry.size_bytes), "", "", used, "")
    artifacts: Cell = named([artifact.name for artifact in entry.made.artifacts], _ARTIFACTS_NAMED)
    if entry.trouble is not None:
        artifacts = Painted(entry.trouble, Color.BAD)
    return (
        entry.stage,
        " ".join(f"{name}={NOT_SHOWN if text is None else text}" for name, text in _parameters(entry.made).items()),
        artifacts,
        size_in_words(entry.total_bytes),
        duration_in_words(entry.made.seconds),
        moment_to_minute(entry.made.made_at, now),
        used,
        entry.made.run or "",
    )


def _parameters(made: Made) -> dict[str, str | None]:
    """Return the parameters that something was made of; None stands for the value of one that is too long."""
    return {name: made.basis.shown.get(name) for name in made.basis.parameters}


def cache_for_programs(
    entries: Sequence[Entry], inventory: Inventory, folder: CacheFolder, *, free_bytes: int | None
) -> dict[str, Any]:
    """Return `cache ls --json`."""
    return {
        "folder": str(folder.path),
        "size_bytes": inventory.size_bytes,
        "free_bytes": free_bytes,
        "records": [_record(entry) for entry in reversed(entries)],
        "other_formats": [
            {"format": number, "path": str(path), "size_bytes": room_of(path)}
            for number, path in folder.other_formats().items()
        ],
    }


def _record(entry: Entry) -> dict[str, Any]:
    made = entry.made
    stored = () if made is None else made.artifacts
    return {
        "stage": entry.stage,
        "path": str(entry.path),
        "key": None if made is None else made.key,
        "parameters": {} if made is None else _parameters(made),
        "artifacts": [
            {
                "name": artifact.name,
                "serializer": artifact.serializer,
                "digest": artifact.digest,
                "size_bytes": artifact.size_bytes,
                "path": str(path),
            }
            for artifact, (path, _) in zip(stored, entry.artifacts, strict=True)
        ],
        "size_bytes": entry.total_bytes,
        "seconds": None if made is None else made.seconds,
        "made_at": None if made is None else made.made_at,
        "used_at": iso_time(entry.used_at),
        "run": None if made is None else made.run,
        "trouble": entry.trouble,
    }


def damages_screen(
    damages: Sequence[Damage], inventory: Inventory, folder: CacheFolder, screen: Screen, *, deleted: int | None
) -> str:
    """Return what is damaged; `deleted` is how much of it was deleted, None where that was not asked for."""
    if not damages:
        read = f"{size_in_words(inventory.size_bytes)}, {counted(len(inventory.entries), 'record')}"
        return f"all is as it was stored: {read} in {folder.path}"
    rows = [
        (
            damage.stage or "",
            damage.artifact or "",
            damage.what,
            _shortened(_path(damage.path, folder)),
            _shortened(_path(damage.record, folder)),
        )
        for damage in damages
    ]
    told = table(("stage", "artifact", "what", "file", "record"), rows, screen)
    is_one = len(damages) == 1
    if deleted is None:
        hint = f"{'it is' if is_one else 'they are'} made again when a pipeline needs {'it' if is_one else 'them'}"
        return f"{told}\n\n{len(damages)} damaged: {hint}; --delete deletes {'it' if is_one else 'them'} now"
    return f"{told}\n\n{len(damages)} damaged, {deleted} deleted"


def damages_for_programs(
    damages: Sequence[Damage], inventory: Inventory, folder: CacheFolder, *, deleted: int | None
) -> dict[str, Any]:
    """Return `cache verify --json`."""
    return {
        "folder": str(folder.path),
        "records": len(inventory.entries),
        "size_bytes": inventory.size_bytes,
        "damaged": [
            {
                "stage": damage.stage,
                "artifact": damage.artifact,
                "path": str(damage.path),
                "record": None if damage.record is None else str(damage.record),
                "what": damage.what,
            }
            for damage in damages
        ],
        "deleted": deleted or 0,
    }


def collected_screen(
    collected: Collected, folder: CacheFolder, screen: Screen, *, is_dry: bool, are_all_named: bool
) -> str:
    """Return what was deleted, or would be, the largest first, and what is left."""
    left = f"{counted(collected.left_records, 'record')} left, {size_in_words(collected.left_bytes)}"
    if collected.in_use:
        is_one = len(collected.in_use) == 1
        why = "stays: a running process reads it" if is_one else "stay: running processes read them"
        left += (
            f"\n{_counts(collected.in_use)}, {size_in_words(sum(item.size_bytes for item in collected.in_use))}, {why}"
        )
    gone = [item for item in collected.items if item.error is None]
    if not gone:
        return f"nothing to delete; {left}"
    if are_all_named:
        rows = [(item.size_bytes, item.stage or "", _path(item.path, folder), item.why) for item in gone]
    else:
        rows = list(_by_stage(gone))
    rows.sort(reverse=True)
    told = table(("size", "stage", "what", "why"), [(size_in_words(row[0]), *row[1:]) for row in rows], screen)
    freed = size_in_words(collected.freed_bytes)
    total = f"{freed} to be freed" if is_dry else f"freed {freed}"
    return f"{told}\n\n{total}: {_counts(gone)}; {left}"


def _by_stage(items: Iterable[Item]) -> Iterator[tuple[int, str, str, str]]:
    """Yield how much of each stage goes for the same reason."""
    grouped: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        grouped.setdefault((item.stage or "", item.why), []).append(item)
    for (stage, why), alike in grouped.items():
        yield sum(item.size_bytes for item in alike), stage, _counts(alike), why


def _counts(items: Sequence[Item]) -> str:
    counts = {kind: sum(item.kind is kind for item in items) for kind in Kind}
    return ", ".join(counted(count, kind) for kind, count in counts.items() if count)


def collected_for_programs(collected: Collected, folder: CacheFolder, *, is_dry: bool) -> dict[str, Any]:
    """Return `cache gc --json`."""
    return {
        "folder": str(folder.path),
        "dry_run": is_dry,
        "freed_bytes": 0 if is_dry else collected.freed_bytes,
        "size_bytes": sum(item.size_bytes for item in collected.items),
        "items": [_item(item, is_dry=is_dry) for item in collected.items],
        "in_use": [
            {"path": str(item.path), "stage": item.stage, "size_bytes": item.size_bytes} for item in collected.in_use
        ],
        "left_bytes": collected.left_bytes,
        "left_records": collected.left_records,
    }


def _item(item: Item, *, is_dry: bool) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "path": str(item.path),
        "stage": item.stage,
        "size_bytes": item.size_bytes,
        "why": item.why,
        "deleted": not is_dry and item.error is None,
        "error": item.error,
    }


def _path(path: Path | None, folder: CacheFolder) -> str:
    return "" if path is None else path.relative_to(folder.path).as_posix()


def _shortened(path: str) -> str:
    """Return a path with the beginning of each digest that is a name in it: who needs all of it asks with `--json`."""
    return _DIGEST.sub(r"\1…", path)
