"""A folder of artifacts by content, and of what was made of what."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlpipeline.errors import DamagedArtifact
from mlpipeline.pipelines.content import file_digest
from mlpipeline.pipelines.records import Basis, Made, StoredArtifact
from mlpipeline.pipelines.serializers import serializer_for, serializer_named
from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import read_json, to_json, write_whole

#: Of the layout below; another one lies beside it and is left alone.
_FORMAT = "1"


class Cache:
    """What stages made, for all processes that share the folder, at the same time too.

    <folder>/1/made/<step>/<key>.json    what was made of what
    <folder>/1/artifacts/<digest><suffix>    by content
    <folder>/1/locks/<key>               held while that is made
    <folder>/1/aside/                    what is being written
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = folder / _FORMAT / "made"
        self._artifacts = folder / _FORMAT / "artifacts"
        self._locks = folder / _FORMAT / "locks"
        self._aside = folder / _FORMAT / "aside"

    def find(self, step: str, key: str) -> Made | None:
        """What was made under that key; None where nothing was, or not all of it is there any more."""
        try:
            made = Made.from_json(read_json(self._record(step, key)))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return made if all(self._path(artifact).exists() for artifact in made.artifacts) else None

    @contextmanager
    def making(self, key: str) -> Iterator[None]:
        """Keep every other process from making the same; wait for one that does."""
        from filelock import FileLock

        self._locks.mkdir(parents=True, exist_ok=True)
        with FileLock(self._locks / key):
            yield

    def put(self, basis: Basis, values: Mapping[str, Any], seconds: float, run: str | None = None) -> Made:
        """Store what a step made, and note what of.

        Args:
            basis: what it was made of.
            values: artifact -> its value.
            seconds: how long that took.
            run: the id of the run that had it made.

        Raises:
            OSError: there is no room, or it cannot be written.
            Exception: a value cannot be stored.
        """
        artifacts = tuple(self._stored(name, value) for name, value in values.items())
        key = basis.key()
        made = Made(key=key, basis=basis, artifacts=artifacts, seconds=seconds, made_at=timestamp(), run=run)
        record = self._record(basis.step, key)
        record.parent.mkdir(parents=True, exist_ok=True)
        write_whole(record, to_json(made.to_json()))
        return made

    def load(self, artifact: StoredArtifact) -> Any:
        """The value of an artifact.

        Raises:
            DamagedArtifact: it is not what was stored.
        """
        path = self._path(artifact)
        try:
            if file_digest(path) == artifact.digest:
                return serializer_named(artifact.serializer).load(path)
        except (OSError, LookupError) as error:
            raise DamagedArtifact(artifact.name, str(error)) from error
        raise DamagedArtifact(artifact.name, "its content has changed")

    def forget(self, made: Made) -> None:
        """Have what a step made be made again."""
        self._record(made.basis.step, made.key).unlink(missing_ok=True)
        for artifact in made.artifacts:
            self._path(artifact).unlink(missing_ok=True)

    def _stored(self, name: str, value: Any) -> StoredArtifact:
        serializer = serializer_for(value)
        self._aside.mkdir(parents=True, exist_ok=True)
        aside = self._aside / secrets.token_hex(8)
        serializer.save(value, aside)
        artifact = StoredArtifact(
            name=name, digest=file_digest(aside), serializer=serializer.name, size_bytes=aside.stat().st_size
        )
        self._artifacts.mkdir(parents=True, exist_ok=True)
        aside.replace(self._path(artifact))
        return artifact

    def _path(self, artifact: StoredArtifact) -> Path:
        return self._artifacts / f"{artifact.digest}{serializer_named(artifact.serializer).suffix}"

    def _record(self, step: str, key: str) -> Path:
        return self._made / step / f"{key}.json"
