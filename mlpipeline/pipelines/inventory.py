"""What there is in a cache, without loading any of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlpipeline.errors import DamagedArtifact
from mlpipeline.pipelines.artifact_files import ArtifactFiles, content_digest, room_of
from mlpipeline.pipelines.cache import read_record
from mlpipeline.pipelines.cache_folder import CacheFolder
from mlpipeline.pipelines.content import Stamp, stamp_of
from mlpipeline.pipelines.records import Made, StoredArtifact


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A record, and what is known of what it tells of."""

    path: Path
    #: None where it cannot be understood.
    made: Made | None
    #: What is wrong with it, or missing, as far as a glance shows; None if nothing is.
    trouble: str | None
    #: In seconds since the epoch, by the clock of the machine that stores it.
    used_at: float
    #: Of the record itself.
    size_bytes: int
    #: Where its artifacts are to be, and how large they are.
    artifacts: tuple[tuple[Path, int], ...] = ()

    @property
    def stage(self) -> str:
        """The stage that it is of."""
        return self.path.parent.name

    @property
    def total_bytes(self) -> int:
        """How much room its artifacts take; other records may name the same ones."""
        return sum(dict(self.artifacts).values())


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Something in a cache that is not what was put there."""

    path: Path
    stage: str | None
    #: The artifact; None where it is the record itself.
    artifact: str | None
    record: Path | None
    what: str


class Inventory:
    """What lies in a cache at this moment.

    Args:
        folder: the cache.
        before: what lay there before: only what has changed since is read.
    """

    def __init__(self, folder: CacheFolder, before: Inventory | None = None) -> None:
        self._folder = folder
        self._files = ArtifactFiles(folder)
        self._sizes: dict[Path, int] = (
            {} if before is None else {path: size for path, size in before._sizes.items() if size}
        )
        self._before: dict[Path, tuple[Stamp, Entry]] = {} if before is None else before._seen
        self._seen: dict[Path, tuple[Stamp, Entry]] = {}
        #: Of what lies in this version's format; those last that were used last.
        self.entries = sorted(self._entries(), key=lambda entry: (entry.used_at, entry.path))

    @cached_property
    def artifacts(self) -> dict[Path, int]:
        """All artifacts that are there, and how large each is."""
        return {path: self._size(path) for path in listed(self._folder.artifacts)}

    @cached_property
    def unnamed(self) -> list[Path]:
        """The artifacts that no record names."""
        named = {path for entry in self.entries for path, _ in entry.artifacts}
        return [path for path in self.artifacts if path not in named]

    @cached_property
    def size_bytes(self) -> int:
        """How much room all artifacts and records take."""
        return sum(self.artifacts.values()) + sum(entry.size_bytes for entry in self.entries)

    def damages(self) -> Iterator[Damage]:
        """Yield what is not as it was stored, after reading everything."""
        sound: dict[Path, str | None] = {}
        for entry in self.entries:
            yield from self._damages_of(entry, sound)
        for path in self.unnamed:
            if _has_changed(path):
                what = "no record names it, and its content has changed"
                yield Damage(path=path, stage=None, artifact=None, record=None, what=what)

    def is_damaged_still(self, damage: Damage) -> bool:
        """Whether something has not been made again, or deleted, since it was found to be damaged."""
        if damage.record is None:
            return _has_changed(damage.path)
        try:
            entry = self._entry(damage.record, damage.record.stat())
        except OSError:
            return False
        return any(found.path == damage.path for found in self._damages_of(entry, {}))

    def _damages_of(self, entry: Entry, sound: dict[Path, str | None]) -> Iterator[Damage]:
        if entry.made is None:
            yield Damage(path=entry.path, stage=entry.stage, artifact=None, record=entry.path, what=entry.trouble or "")
            return
        for artifact, (path, _) in zip(entry.made.artifacts, entry.artifacts, strict=True):
            if path not in sound:
                sound[path] = self._what_is_wrong(artifact)
            what = sound[path]
            # `gc` may have taken it meanwhile.
            if what is not None and entry.path.exists():
                yield Damage(path=path, stage=entry.stage, artifact=artifact.name, record=entry.path, what=what)

    def _what_is_wrong(self, artifact: StoredArtifact) -> str | None:
        try:
            self._files.require_sound(artifact, is_thorough=True)
        except DamagedArtifact as error:
            return error.message
        return None

    def _entries(self) -> Iterator[Entry]:
        for stage in listed(self._folder.made):
            for path in listed(stage):
                # What is written aside begins with a full stop.
                if path.suffix == ".json" and not path.name.startswith("."):
                    with suppress(FileNotFoundError):
                        status = path.stat()
                        looked, entry = self._before.get(path, (None, None))
                        if entry is None or looked != stamp_of(status):
                            entry = self._entry(path, status)
                        self._seen[path] = stamp_of(status), entry
                        yield entry

    def _entry(self, path: Path, status: os.stat_result) -> Entry:
        made, trouble, artifacts = None, None, []
        try:
            made = read_record(path)
            artifacts = [(where := self._files.path(one), self._size(where)) for one in made.artifacts]
            for artifact in made.artifacts:
                self._files.require_there(artifact)
        except FileNotFoundError:
            raise
        except OSError as error:
            trouble = f"its record cannot be read: {error.strerror}"
        except DamagedArtifact as error:
            trouble = error.message if made is None else str(error)
        return Entry(
            path=path,
            made=made,
            trouble=trouble,
            used_at=status.st_mtime,
            size_bytes=status.st_size,
            artifacts=tuple(artifacts),
        )

    def _size(self, path: Path) -> int:
        if path not in self._sizes:
            self._sizes[path] = room_of(path)
        return self._sizes[path]


def _has_changed(path: Path) -> bool:
    """Return whether an artifact that no record names holds something else than its name says."""
    try:
        return content_digest(path) != path.name.partition(".")[0]
    except OSError:
        return False


def listed(folder: Path) -> list[Path]:
    """What lies in a folder, in the order of the names; nothing where it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
