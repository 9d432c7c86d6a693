"""An archive as a file: a zip whose `manifest.json` says what else is in it, and what that is to be."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from mlpipeline.errors import ArchiveError
from mlpipeline.pipelines.content import file_digest

#: Of the manifest, and of how members are called; another one is not read.
FORMAT = 1
_MANIFEST = "manifest.json"
#: What reading a member raises that is not what it was, or that no `save` wrote.
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)
_AGAIN = "Save the pipeline, or copy the file, again."
#: What is a text, and worth compressing: a gigabyte of weights is not.
_TEXTS = {".py", ".json"}


def write_archive(path: Path, manifest: Mapping[str, Any], folder: Path) -> None:
    """Put all files of a folder into a zip at `path`, at once: written aside, then renamed.

    Args:
        path: of the archive; what is there is replaced.
        manifest: what is to be known of it; its format and the digests of all files are added.
        folder: of the files.

    Raises:
        ArchiveError: it cannot be written; what stood at `path` still does.
    """
    members = {
        str(PurePosixPath(file.relative_to(folder))): file for file in sorted(folder.rglob("*")) if file.is_file()
    }
    digests = {name: file_digest(file) for name, file in members.items()}
    aside = path.with_name(f".{path.name[:32]}.{secrets.token_hex(6)}")
    try:
        try:
            with zipfile.ZipFile(aside, "x") as archive:
                text = json.dumps({"format": FORMAT, **manifest, "members": digests}, indent=2, ensure_ascii=False)
                archive.writestr(_MANIFEST, text, zipfile.ZIP_DEFLATED)
                for name, file in members.items():
                    compression = zipfile.ZIP_DEFLATED if file.suffix in _TEXTS else zipfile.ZIP_STORED
                    archive.write(file, name, compression)
            with aside.open("rb") as written:
                os.fsync(written.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise ArchiveError(path, f"cannot be written: {error.strerror}") from error


class ArchiveFile:
    """A zip that was opened, and what its manifest says."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: Mapping[str, Any]) -> None:
        self._path = path
        self._archive = archive
        self.manifest = manifest

    def unpack(self, folder: Path) -> None:
        """Write its members into an empty folder.

        Raises:
            ArchiveError: one is not there, or not what was saved.
        """
        for name, digest in self.manifest["members"].items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self._archive.open(name) as member, file.open("xb") as target:
                    shutil.copyfileobj(member, target, 1 << 20)
            except KeyError as error:
                raise ArchiveError(self._path, f'"{name}" is missing in it. {_AGAIN}') from error
            except _DAMAGES as error:
                raise ArchiveError(self._path, f'"{name}" in it is damaged ({error}). {_AGAIN}') from error
            if file_digest(file) != digest:
                raise ArchiveError(self._path, f'"{name}" in it is not what was saved. {_AGAIN}')


@contextmanager
def opened_archive(path: Path) -> Iterator[ArchiveFile]:
    """An archive, whose manifest is checked and whose members can be unpacked without harm.

    Raises:
        ArchiveError: it is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield ArchiveFile(path, archive, _manifest(path, archive))
    except zipfile.BadZipFile as error:
        raise ArchiveError(
            path, f"is no archive of a pipeline, or not all of it is there: {error}. {_AGAIN}"
        ) from error
    except OSError as error:
        raise ArchiveError(path, f"cannot be read: {error.strerror or error}.") from error


def _manifest(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        manifest: Any = json.loads(archive.read(_MANIFEST))
    except KeyError as error:
        raise ArchiveError(path, f"is a zip, but no archive of a pipeline: {_MANIFEST} is missing in it.") from error
    except _DAMAGES as error:
        raise ArchiveError(path, f"{_MANIFEST} in it is damaged ({error}). {_AGAIN}") from error
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise ArchiveError(path, f"is a zip, but no archive of a pipeline: {_MANIFEST} names no format.")
    if manifest["format"] != FORMAT:
        raise ArchiveError(
            path,
            f"has format {manifest['format']}, and this mlpipeline reads format {FORMAT}. It was saved by mlpipeline "
            f"{manifest.get('mlpipeline', 'unknown')}: load it with that, or save the pipeline again with this.",
        )
    members = manifest.get("members")
    if not isinstance(members, dict):
        raise ArchiveError(path, f"{_MANIFEST} in it is damaged (it names no members). {_AGAIN}")
    for name in [*members, *archive.namelist()]:
        if not _is_safe(name):
            raise ArchiveError(path, f'"{name}" in it would lie outside of it. Nobody saved that with mlpipeline.')
    return manifest


def _is_safe(name: str) -> bool:
    parts = name.split("/")
    return bool(name) and "\\" not in name and "\0" not in name and not {"", ".", ".."} & set(parts)
