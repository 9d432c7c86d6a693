"""Where everything in a cache is, and what tells a cache from other folders."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from mlpipeline.errors import CacheError
from mlpipeline.project.files import create_exclusively

#: Of the layout below; another one lies beside it and is left alone.
FORMAT = 1

_TAG = "CACHEDIR.TAG"
_IGNORE = ".gitignore"
#: As https://bford.info/cachedir/ has it: what makes backups leaves such folders out.
_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
_TAG_TEXT = _SIGNATURE + b"\n# This folder is a cache of mlpipeline: what stages made. It may be deleted.\n"
#: What may lie in a cache: its formats, and what is written aside.
_OWN = re.compile(rf"[0-9]+|{re.escape(_TAG)}|{re.escape(_IGNORE)}|\..+\.[0-9a-f]{{12}}")


class CacheFolder:
    """A folder of artifacts by content, and of what was made of what.

        <folder>/1/made/<stage>/<key>.json        what was made of what; last used when its file was last touched
        <folder>/1/artifacts/<digest><suffix>    by content; read-only
        <folder>/1/checked/<digest><suffix>      what a large artifact looked like when its content was last known
        <folder>/1/files/<path's digest>.json    what files outside the cache held when they looked so
        <folder>/1/sources/<path's digest>.<Python>  what is known of the sources of stages, so that few are parsed
        <folder>/1/locks/<key>                   held while that is made
        <folder>/1/aside/<key>.…                 what is being written meanwhile
        <folder>/1/readers                       of each artifact that a process reads as files a byte, held meanwhile
        <folder>/1/lock                          held by all who put what they wrote in place; by `gc` alone

    Raises:
        CacheError: it is something else than a cache.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        own = path / str(FORMAT)
        self.made = own / "made"
        self.artifacts = own / "artifacts"
        self.checked = own / "checked"
        self.files = own / "files"
        self.sources = own / "sources"
        self.locks = own / "locks"
        self.aside = own / "aside"
        self.readers = own / "readers"
        self.lock = own / "lock"
        self._require_cache()

    def record(self, stage: str, key: str) -> Path:
        """What a stage made under that key."""
        return self.made / stage / f"{key}.json"

    def other_formats(self) -> dict[int, Path]:
        """What other versions of mlpipeline keep here, by the number of their format."""
        try:
            found = {
                int(path.name): path for path in self.path.iterdir() if path.name.isascii() and path.name.isdigit()
            }
        except OSError:
            return {}
        return {number: path for number, path in sorted(found.items()) if number != FORMAT}

    def make(self) -> None:
        """Have it there, and marked as what backups and git need not have.

        Raises:
            OSError: it cannot be written.
        """
        for folder in (self.made, self.artifacts, self.checked, self.aside):
            folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            if not (self.path / _TAG).exists():
                create_exclusively(self.path / _IGNORE, b"*\n", to_disk=False)
                create_exclusively(self.path / _TAG, _TAG_TEXT, to_disk=False)

    def _require_cache(self) -> None:
        try:
            with (self.path / _TAG).open("rb") as tag:
                if tag.read(len(_SIGNATURE)) == _SIGNATURE:
                    return
        except NotADirectoryError:
            raise CacheError(f"{self.path} is a file; a cache is a folder. Name another one.") from None
        except OSError:
            pass
        try:
            others = sorted(path.name for path in self.path.iterdir() if not _OWN.fullmatch(path.name))
        except OSError:
            return  # It is not there yet, or whoever writes will say why that is not possible.
        if others:
            raise CacheError(
                f'{self.path} is no cache: it holds "{others[0]}". Name a folder that is empty or not there yet.'
            )
