"""What the queue file lists, in the words of `status` while no daemon can tell which versions that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from mlpipeline.domain.names import version_key
from mlpipeline.domain.queue import Entry, model_name
from mlpipeline.views.words import one_line


def queued_names(entries: Sequence[Entry], held: Collection[str] = ()) -> list[str]:
    """Return a name for each entry of which something starts: its script, with its versions where these tell it.

    Args:
        entries: of the queue file.
        held: what does not start, though no entry says so: versions, `model:version`, or scripts.
    """
    left = [entry for entry in (_without_held(entry, held) for entry in entries) if entry is not None]
    times = Counter(entry.script for entry in left)
    return [one_line(_name(entry, is_only_one=times[entry.script] == 1)) for entry in left]


def held_names(entry: Entry) -> Iterator[str]:
    """Yield what an entry holds: versions, `model:version`, or its script where that is all of them."""
    if not isinstance(entry.hold, bool):
        yield from (_key(entry, _made(entry, version)) for version in entry.hold)
    elif entry.hold and entry.versions is None:
        yield entry.name_of(entry.script)
    elif entry.hold and entry.versions is not None:
        yield from (_key(entry, entry.name_of(version)) for version in entry.versions)


def _without_held(entry: Entry, held: Collection[str]) -> Entry | None:
    if entry.hold is True or entry.script in held:
        return None
    if entry.versions is None:
        return entry
    versions = tuple(
        version
        for version in entry.versions
        if not entry.holds(version) and _key(entry, entry.name_of(version)) not in held
    )
    return replace(entry, versions=versions, hold=False) if versions else None


def _made(entry: Entry, version: str) -> str:
    """Return what is run of a version that `hold` names, by its script's name for it or by that of what is run."""
    is_made = entry.changes is not None and version.endswith(entry.name_of(""))
    return version if is_made else entry.name_of(version)


def _key(entry: Entry, version: str) -> str:
    return version_key(model_name(entry.script), version)


def _name(entry: Entry, *, is_only_one: bool) -> str:
    return entry.script if is_only_one and entry.changes is None else str(entry)
