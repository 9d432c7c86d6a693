"""The values in a container that are stored each in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlpipeline.pipelines.serializers.registry import save, serializer_named

#: So many are mapped at once: each holds a file open, of which a process may have a thousand or so.
_MAPPED = 100


class Leaves:
    """The leaves of a container that is being stored in a folder, each once, however often it is in there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[int, int] = {}
        # As long as they are held, no other value has their identity.
        self._values: list[Any] = []
        self._said: list[dict[str, str]] = []
        self.has_pickles = False

    def number(self, value: Any) -> int:
        """The number of a leaf, which is stored if it is not yet.

        Raises:
            NotStored: it cannot be.
            Refused: it is not to be.
            OSError: there is no room.
        """
        if id(value) not in self._numbers:
            number = len(self._values)
            aside = self._folder / f"{number}"
            serializer = save(value, aside, f"leaf {number}")
            file = f"{number}{serializer.suffix}"
            aside.rename(self._folder / file)
            self._numbers[id(value)] = number
            self._values.append(value)
            self._said.append({"serializer": serializer.name, "file": file})
            self.has_pickles = self.has_pickles or serializer.is_pickle
        return self._numbers[id(value)]

    def to_json(self) -> list[dict[str, str]]:
        """What `loaded` reads."""
        return self._said


def loaded(folder: Path, said: Sequence[Mapping[str, str]], *, with_pickles: bool) -> list[Any]:
    """Return the leaves that were stored in a folder.

    Raises:
        ValueError: there is a pickle among them, and there must be none.
        LookupError: a serializer of one is not installed.
        Exception: whatever that raises.
    """
    import sys

    values = []
    for leaf in said:
        serializer = serializer_named(leaf["serializer"])
        if serializer.is_pickle and not with_pickles:
            raise ValueError(f"{leaf['file']} is a pickle, where none is to be")
        value = serializer.load(folder / Path(leaf["file"]).name)
        if len(said) > _MAPPED and "numpy" in sys.modules and type(value) is sys.modules["numpy"].ndarray:
            value = value.copy()
        values.append(value)
    return values
