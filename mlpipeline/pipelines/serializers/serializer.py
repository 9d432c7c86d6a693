"""What stores the values of some types."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Unsuited(Exception):
    """A value would not come back as it was: the next serializer is asked."""


class Refused(Exception):
    """A value is not to be stored at all, nor what holds it; it says in words why."""


class Serializer(Protocol):
    """Stores the values of some types; called in the process that runs the stages, by one thread at a time.

    A plugin is a class of this kind that is made without arguments, in the group `mlpipeline.serializers` of its
    package's entry points, under its own name.
    """

    #: How records name it; never changed, or what was stored cannot be read any more.
    name: str
    #: How the files end that it writes, with the full stop; nothing for folders.
    suffix: str
    #: Whether `load` executes what it reads, as unpickling does.
    is_pickle: bool

    def takes(self, value: Any) -> bool:
        """Whether a value is stored by this one, and comes back as it was. It costs little, whatever the value."""

    def save(self, value: Any, path: Path) -> None:
        """Write the value to `path`, where nothing is yet, as a file or a folder; equal values as equal bytes.

        Raises:
            Unsuited: it would not come back as it was.
            Refused: no other serializer may store it either.
            OSError: there is no room.
            Exception: it cannot be; whatever there is at `path` is deleted.
        """

    def load(self, path: Path) -> Any:
        """The value that was written to `path`, for its receiver to do with as he likes; what is there stays so."""
