"""What stages made, kept for whoever needs the same."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mlpipeline.errors import DamagedArtifact, NotStored
from mlpipeline.pipelines import locks, readers, uses
from mlpipeline.pipelines.artifact_files import ArtifactFiles, Looks, sealed, serializer_of, size_of
from mlpipeline.pipelines.cache_folder import CacheFolder
from mlpipeline.pipelines.code_facts import KeptFacts
from mlpipeline.pipelines.numbers import numbers_of
from mlpipeline.pipelines.records import Basis, Made, StoredArtifact
from mlpipeline.pipelines.remembered import Remembered
from mlpipeline.pipelines.serializers import Refused, Serializer, save
from mlpipeline.pipelines.serializers.pickles import TRIED_BYTES
from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import to_json, write_whole
from mlpipeline.project.settings import host_name
from mlpipeline.project.storage import delete

#: Where there is less room, that is why something could not be written.
_NO_ROOM_BYTES = 2**16


def _nobody_waits(_holder: str | None) -> None:
    pass


class Cache:
    """What stages made, for all processes that share a folder, at the same time too.

    Args:
        folder: of the cache; made when something is first put there.

    Raises:
        CacheError: it is something else than a cache.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places = CacheFolder(folder)
        self._files = ArtifactFiles(self._places)
        #: What files outside held when they looked so.
        self.remembered = Remembered(self._places.files)
        #: What is known of the sources of stages.
        self.facts = KeptFacts(self._places.sources)

    def find(self, stage: str, key: str) -> Made | None:
        """What was made under that key; None where nothing was, or not all of it is there any more."""
        try:
            return self._found(stage, key)
        except DamagedArtifact:
            return None

    def use(self, stage: str, key: str) -> Made | None:
        """What was made under that key, which counts as used now; None where nothing was.

        Raises:
            DamagedArtifact: not all of it is there any more, or its record cannot be read.
        """
        made = self._found(stage, key)
        if made is not None:
            with suppress(OSError):
                os.utime(self._places.record(stage, key))
        return made

    def all_made(self, stage: str) -> list[Made]:
        """What the stage made, of whatever, as far as that can be read."""
        found = []
        for record in (self._places.made / stage).glob("*.json"):
            with suppress(OSError, DamagedArtifact):
                found.append(read_record(record))
        return found

    def gone(self, made: Made) -> list[str]:
        """The names of the artifacts of a stage that are not there any more."""
        return [artifact.name for artifact in made.artifacts if not os.access(self._files.path(artifact), os.F_OK)]

    def damaged(self, made: Made, *, at_a_glance: bool = False) -> list[str]:
        """The names of the artifacts of a stage that would not be loaded, as they are not what was stored.

        Args:
            made: by the stage.
            at_a_glance: look at no more than their size.
        """
        require = self._files.require_there if at_a_glance else self._files.require_sound
        found = []
        for artifact in made.artifacts:
            try:
                require(artifact)
            except DamagedArtifact:
                found.append(artifact.name)
        return found

    def path_of(self, artifact: StoredArtifact) -> Path:
        """Where an artifact lies: not to be written to.

        Raises:
            DamagedArtifact: nothing here can read it.
        """
        return self._files.path(artifact)

    def making(
        self, key: str, waits: locks.Waits = _nobody_waits, run: str | None = None
    ) -> AbstractContextManager[None]:
        """Keep every other process from making the same; wait for one that does.

        Args:
            key: of what is to be made.
            waits: hears several times a second who makes it meanwhile; what it raises ends the waiting.
            run: the id of the run that makes it.
        """
        who = f"process {os.getpid()}" if run is None else f"run {run}"
        host = host_name(os.environ, os.uname().nodename)
        return locks.held(self._places.locks / key, f"{who} on {host}", waits)

    def put(
        self,
        basis: Basis,
        values: Mapping[str, Any],
        seconds: float,
        run: str | None = None,
        own_formats: Mapping[str, Serializer] = MappingProxyType({}),
    ) -> Made:
        """Store what a stage made, and note what of, while `making` keeps the others out.

        Args:
            basis: what it was made of.
            values: artifact -> its value.
            seconds: how long that took.
            run: the id of the run that had it made.
            own_formats: artifact -> what stores it, of those that the script stores in its own way.

        Raises:
            NotStored: a value cannot be, there is no room, or it cannot be written; nothing is left of it.
        """
        key = basis.key()
        written: list[tuple[Path, StoredArtifact, Looks]] = []
        try:
            self._places.make()
            for name, value in values.items():
                aside = self._places.aside / f"{key}.{os.urandom(8).hex()}"
                written.append((aside, *self._written(name, value, aside, own_formats.get(name))))
            made = Made(
                key=key,
                basis=basis,
                artifacts=tuple(artifact for _, artifact, _ in written),
                seconds=seconds,
                made_at=timestamp(),
                run=run,
                numbers=numbers_of(values),
            )
            # What `gc` sees in place without a record is left over.
            with locks.shared(self._places.lock):
                for aside, artifact, looks in written:
                    self._files.put(aside, artifact, looks)
                record = self._places.record(basis.stage, key)
                record.parent.mkdir(exist_ok=True)
                write_whole(record, to_json(made.to_json()), to_disk=False)
        except NotStored:
            raise
        except Exception as error:
            raise NotStored(None, _reason(error, self._places.aside)) from error
        finally:
            for aside, _, _ in written:
                delete(aside)
        return made

    def load(self, artifact: StoredArtifact, own_format: Serializer | None = None) -> Any:
        """The value of an artifact. What lies in a folder, such as a path, `gc` leaves alone until this process ends.

        Args:
            artifact: which one.
            own_format: what loads it, if the script stores it in its own way.

        Raises:
            DamagedArtifact: it is not what was stored, or not to be trusted.
            Exception: what `own_format` raises: a mistake of the script's, which making it again would not mend.
        """
        if not artifact.suffix:
            # Before it is looked at: what `gc` decides on meanwhile is gone then.
            with locks.shared(self._places.lock):
                readers.keep(self._places.readers, artifact.file_name)
        path = self._files.require_sound(artifact)
        if own_format is not None:
            self._files.require_own(artifact)
            try:
                return own_format.load(path)
            except Exception:
                # If somebody deleted it while it was read, it is no mistake of the script's.
                self._files.require_sound(artifact)
                raise
        try:
            self._files.require_own(artifact)
            return serializer_of(artifact).load(path)
        except (DamagedArtifact, MemoryError):
            raise
        except Exception as error:
            # As where the class of a pickled object is not there any more.
            raise DamagedArtifact(artifact.name, f"{type(error).__name__}: {error}") from error

    def forget(self, made: Made) -> None:
        """Have what a stage made be made again, if it is damaged still; another process may have seen to it."""
        with suppress(OSError), locks.shared(self._places.lock):
            if any([self._files.drop(artifact) for artifact in made.artifacts]):
                self._places.record(made.basis.stage, made.key).unlink(missing_ok=True)

    def _found(self, stage: str, key: str) -> Made | None:
        path = self._places.record(stage, key)
        try:
            made = read_record(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DamagedArtifact(stage, f"its record cannot be read: {error.strerror}") from error
        if made.key != key or made.basis.stage != stage:
            raise DamagedArtifact(stage, "its record is another one's")
        for artifact in made.artifacts:
            self._files.require_there(artifact)
        return made

    def _written(
        self, name: str, value: Any, aside: Path, own_format: Serializer | None
    ) -> tuple[StoredArtifact, Looks]:
        """Write a value aside, and return what was written, and what that looked like before it was read for that.

        Raises:
            NotStored: it cannot be written; nothing is left of it.
        """
        try:
            with uses.noted() as used:
                serializer = own_format or save(value, aside, name)
                if own_format is not None:
                    own_format.save(value, aside)
                    _try(name, own_format, aside)
            content = sealed(aside)
            artifact = StoredArtifact(
                name=name,
                digest=content.digest,
                serializer=serializer.name,
                size_bytes=size_of(aside),
                suffix=serializer.suffix,
                uses=tuple(sorted(used)),
            )
            return artifact, content.looks
        except BaseException as error:
            reason = _reason(error, aside.parent)
            delete(aside)
            if not isinstance(error, Exception) or isinstance(error, NotStored):
                raise
            raise NotStored(name, reason) from error


def read_record(path: Path) -> Made:
    """What a record says.

    Raises:
        DamagedArtifact: it is none.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    try:
        return Made.from_json(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedArtifact(path.parent.name, "its record cannot be understood") from error


def _reason(error: BaseException, folder: Path) -> str:
    """Return why something could not be written to a folder."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    with suppress(OSError):
        # Most libraries have words of their own for it.
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < _NO_ROOM_BYTES:
            return os.strerror(errno.ENOSPC)
    return f"{type(error).__name__}: {error}{': is the disk full?' if isinstance(error, OSError) else ''}"


def _try(name: str, own_format: Serializer, path: Path) -> None:
    """See that what the script has written in its own way can be read, unless that would take too much memory.

    Raises:
        NotStored: it cannot.
    """
    if size_of(path) > TRIED_BYTES:
        return
    try:
        own_format.load(path)
    except Exception as error:
        where = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
        raise NotStored(name, f"it could not be loaded: {type(error).__name__}: {error}{where}") from error
