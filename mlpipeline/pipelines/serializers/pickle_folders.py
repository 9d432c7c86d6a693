"""Pickles of containers, with the arrays, tables and paths in them each in a file of its own."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from mlpipeline.pipelines.serializers.folders import Folders
from mlpipeline.pipelines.serializers.leaves import Leaves, loaded
from mlpipeline.pipelines.serializers.pickles import TRIED_BYTES, pickler_class
from mlpipeline.pipelines.serializers.registry import candidates
from mlpipeline.pipelines.serializers.serializer import Refused, Unsuited

_PICKLE, _INDEX = "value.pkl", "index.json"
#: Stored by the pickle itself: what is small there, and tensors, which may share their memory.
_NOT_LEAVES = frozenset({"text", "bytes", "json", "numpy-scalar", "torch"})


class PickleFolders:
    """Stores containers, data classes and named tuples in which there are arrays, tables or paths.

    These lie beside the pickle of the rest, so that arrays are mapped when they are loaded.
    """

    name, suffix, is_pickle = "pickle-folder", "", True

    def takes(self, value: Any) -> bool:
        """Whether there is something in it for another serializer than the one for pickles."""
        return _inside(value) is not None and next(_leaves(value, set()), None) is not None

    def save(self, value: Any, path: Path) -> None:
        """Write all of it."""
        path.mkdir()
        leaves = Leaves(path)
        apart = {id(leaf) for leaf in _leaves(value, set())}
        try:
            with (path / _PICKLE).open("wb") as file:
                _dump(value, file, leaves, apart)
            (path / _INDEX).write_text(json.dumps(leaves.to_json()), "ascii")
            if (path / _PICKLE).stat().st_size <= TRIED_BYTES:
                self.load(path)
        except (OSError, Refused):
            raise
        except Exception as error:  # The serializer for pickles says what there is to say of it.
            raise Unsuited from error

    def load(self, path: Path) -> Any:
        """Unpickle it, which executes what it says."""
        leaves = loaded(path, json.loads((path / _INDEX).read_bytes()), with_pickles=True)
        with (path / _PICKLE).open("rb") as file:
            return _Unpickler(file, leaves).load()


def _leaves(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield what is in a container, or in containers in it, that others store than pickles.

    Args:
        value: the container.
        seen: the ids of containers that were gone through: each is once, however often it is in there.

    Raises:
        RecursionError: it holds itself.
    """
    inside = _inside(value)
    for part in inside if inside is not None and id(value) not in seen else ():
        if _inside(part) is not None:
            yield from _leaves(part, seen)
        elif any(serializer.name not in _NOT_LEAVES for serializer in candidates(part, before=Folders.name)):
            yield part
    seen.add(id(value))


def _inside(value: Any) -> Iterable[Any] | None:
    """What a container holds; None of what is none."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return vars(value).values() if hasattr(value, "__dict__") else None
    return None


def _dump(value: Any, file: IO[bytes], leaves: Leaves, apart: set[int]) -> None:
    class Pickler(pickler_class()):  # type: ignore[misc]  # which is made only when it is needed
        def persistent_id(self, part: Any) -> int | None:
            return leaves.number(part) if id(part) in apart else None

    Pickler(file, protocol=5).dump(value)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], leaves: Sequence[Any]) -> None:
        super().__init__(file)
        self._leaves = leaves

    def persistent_load(self, number: Any) -> Any:
        return self._leaves[number]
