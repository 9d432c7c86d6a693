"""The artifacts of a cache as files: putting them in place, and seeing that they still are what was put there."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.errors import DamagedArtifact
from mlpipeline.pipelines.cache_folder import CacheFolder
from mlpipeline.pipelines.content import file_digest, folder_digest, json_digest, stamp_of
from mlpipeline.pipelines.records import StoredArtifact
from mlpipeline.pipelines.serializers import Serializer, serializer_named
from mlpipeline.project.clock import boot_id
from mlpipeline.project.files import to_json, write_whole

#: Up to here an artifact is read and compared whenever it is loaded; a larger one when it looks different.
_SMALL_BYTES = 2**20
_READ_ONLY = 0o444
#: What `st_blocks` counts in.
_BLOCK_BYTES = 512

#: What a file looks like, its `Stamp`, or a digest of those of all files in a folder.
Looks = list[int] | str


@dataclass(frozen=True, kw_only=True)
class Content:
    """What was read of an artifact, which others may be writing to: it may be linked to the user's own file."""

    digest: str
    #: From before it was read.
    looks: Looks


class ArtifactFiles:
    """The artifacts of a cache, each a file or a folder called by the digest of its content."""

    def __init__(self, folder: CacheFolder) -> None:
        self._folder = folder

    def path(self, artifact: StoredArtifact) -> Path:
        """Where an artifact is, if it is there."""
        return self._folder.artifacts / artifact.file_name

    def require_there(self, artifact: StoredArtifact) -> None:
        """See that an artifact is there and as long as it was, which costs next to nothing.

        Raises:
            DamagedArtifact: it is not.
        """
        try:
            status = self.path(artifact).stat()
        except OSError as error:
            raise DamagedArtifact(artifact.name, _reason(error)) from error
        if not stat.S_ISDIR(status.st_mode) and status.st_size != artifact.size_bytes:
            size = f"it has {status.st_size} bytes, and had {artifact.size_bytes}"
            raise DamagedArtifact(artifact.name, size)

    def require_own(self, artifact: StoredArtifact) -> None:
        """See that no other user wrote an artifact that executes what it says; root trusts nobody either.

        Raises:
            DamagedArtifact: another user did.
            OSError: it is gone.
        """
        if serializer_of(artifact).is_pickle and (owner := self.path(artifact).stat().st_uid) != os.geteuid():
            raise DamagedArtifact(artifact.name, f"another user wrote it, uid {owner}, and it is a pickle")

    def require_sound(self, artifact: StoredArtifact, *, is_thorough: bool = False) -> Path:
        """See that an artifact is what was stored, and return where it is.

        Args:
            artifact: which one.
            is_thorough: read it, however large it is, and whatever it looks like.

        Raises:
            DamagedArtifact: it is not.
        """
        self.require_there(artifact)
        path = self.path(artifact)
        try:
            looks = _looks(path) if artifact.size_bytes > _SMALL_BYTES else None
            if looks is not None and not is_thorough and self._is_checked(path, looks):
                return path
            found = content_digest(path)
        except OSError as error:
            raise DamagedArtifact(artifact.name, _reason(error)) from error
        if found != artifact.digest:
            raise DamagedArtifact(artifact.name, "its content has changed")
        if looks is not None:
            self._note_checked(path, looks)
        return path

    def put(self, aside: Path, artifact: StoredArtifact, looks: Looks) -> None:
        """Put what was written aside in its place, unless it is there already.

        Args:
            aside: where it was written.
            artifact: what it is.
            looks: what it looked like before it was read for its digest.

        Raises:
            OSError: it could not be put there.
        """
        path = self.path(artifact)
        with suppress(DamagedArtifact):
            self.require_sound(artifact)
            self.require_own(artifact)
            return
        if path.is_dir() or (aside.is_dir() and path.exists()):
            # No folder is replaced at once.
            self._discard(path)
        try:
            aside.replace(path)
        except OSError:
            if not path.is_dir():
                raise
            return  # Without locks, somebody else was faster.
        if artifact.size_bytes > _SMALL_BYTES and _is_same_renamed(looks, now := _looks(path)):
            self._note_checked(path, now)

    def drop(self, artifact: StoredArtifact) -> bool:
        """Delete an artifact if it is damaged, or cannot be trusted; return whether it cannot be used here.

        Raises:
            OSError: it could not be deleted.
        """
        try:
            serializer_of(artifact)
        except DamagedArtifact:
            return True  # Elsewhere it can.
        try:
            self.require_sound(artifact, is_thorough=True)
            self.require_own(artifact)
        except DamagedArtifact:
            self._discard(self.path(artifact))
            return True
        return False

    def _discard(self, path: Path) -> None:
        if not path.is_dir():
            path.unlink(missing_ok=True)
            return
        from mlpipeline.project.storage import delete

        trash = self._folder.aside / f"{path.name}.{os.urandom(4).hex()}"
        path.rename(trash)
        delete(trash)

    def _is_checked(self, path: Path, looks: Looks) -> bool:
        """Whether something looks as it did when its content was last compared, and that is on the disk by now."""
        try:
            said = json.loads((self._folder.checked / path.name).read_bytes())
            return bool(said["looks"] == looks and said["boot"] in (None, boot_id()))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _note_checked(self, path: Path, looks: Looks) -> None:
        """Note what something looked like before its content was read, which is as it is to be.

        What was written since the machine was started may be lost with its power, and look as if it was not: it is
        compared once more by whoever comes after that, and then it is on the disk.
        """
        note = self._folder.checked / path.name
        boot: str | None = boot_id()
        with suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(note.read_bytes())
            if said["looks"] == looks and said["boot"] != boot:
                boot = None
        with suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            write_whole(note, to_json({"looks": looks, "boot": boot}), to_disk=False)


def serializer_of(artifact: StoredArtifact) -> Serializer:
    """What stores and loads an artifact.

    Raises:
        DamagedArtifact: it is not installed here.
    """
    try:
        return serializer_named(artifact.serializer)
    except LookupError as error:
        why = f'it was stored by the serializer "{artifact.serializer}", which is not installed here'
        raise DamagedArtifact(artifact.name, why) from error


def sealed(aside: Path) -> Content:
    """What was written aside holds, which is kept from being changed by mistake.

    Raises:
        OSError: it cannot be read.
    """
    _make_read_only(aside)
    looks = _looks(aside)
    return Content(digest=content_digest(aside), looks=looks)


def content_digest(path: Path) -> str:
    """The digest of an artifact: of its file, or of all files of its folder.

    Raises:
        OSError: it cannot be read.
    """
    return folder_digest(path, lambda _name, file: file_digest(file)) if path.is_dir() else file_digest(path)


def size_of(path: Path) -> int:
    """How many bytes the files of an artifact hold; 0 where nothing lies."""
    return sum(status.st_size for status in _files(path))


def room_of(path: Path) -> int:
    """How many bytes are freed when what lies at a path is deleted: none of a file that has another name, too."""
    return sum(_room(status) for status in _files(path))


def _room(status: os.stat_result) -> int:
    if status.st_nlink > 1:
        return 0
    # A file may have holes; what was just written may have no blocks yet.
    return min(status.st_size, status.st_blocks * _BLOCK_BYTES or status.st_size)


def _is_same_renamed(before: Looks, now: Looks) -> bool:
    """Return whether something looks as before it was renamed, which changes when a file itself was changed last."""
    if isinstance(before, str) or isinstance(now, str):
        return before == now
    return (*before[:2], *before[3:]) == (*now[:2], *now[3:])


def _looks(path: Path) -> Looks:
    """Return what changes with a file, or with any in a folder."""
    if not path.is_dir():
        return [*stamp_of(path.stat())]
    return json_digest(sorted(stamp_of(status) for status in _files(path)))


def _files(path: Path) -> Iterator[os.stat_result]:
    """Yield what the system says of a file, or of all files in a folder."""
    try:
        status = path.lstat()
    except OSError:
        return
    if not stat.S_ISDIR(status.st_mode):
        yield status
        return
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                yield Path(folder, name).lstat()


def _make_read_only(path: Path) -> None:
    """Keep a mere slip from changing an artifact; what has another name, too, may be the user's own."""
    for folder, _, names in os.walk(path) if path.is_dir() else ():
        for name in names:
            _make_read_only(Path(folder, name))
    status = path.lstat()
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        path.chmod(_READ_ONLY)


def _reason(error: OSError) -> str:
    return "it is gone" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
