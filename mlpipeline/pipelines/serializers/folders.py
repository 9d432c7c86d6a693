"""Lists, tuples and dicts of arrays, tables, tensors and paths: each of these in a file of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlpipeline.pipelines.serializers.leaves import Leaves, loaded
from mlpipeline.pipelines.serializers.plain import is_plain, json_bytes
from mlpipeline.pipelines.serializers.registry import candidates
from mlpipeline.pipelines.serializers.serializer import Unsuited

_INDEX = "index.json"


class Folders:
    """Stores lists, tuples and dicts as an index, and what they hold in files beside it; nothing in it is a pickle.

    A leaf that is in it twice is so again, as the same object.
    """

    name, suffix, is_pickle = "folder", "", False

    def takes(self, value: Any) -> bool:
        """Whether it is such a container, and nothing in it would have to be pickled."""
        return _is_container(value) and not _has_own(value) and _is_stored(value, set())

    def save(self, value: Any, path: Path) -> None:
        """Write all of it."""
        path.mkdir()
        leaves = Leaves(path)
        index = _encoded(value, leaves)
        if leaves.has_pickles:
            raise Unsuited
        (path / _INDEX).write_bytes(json_bytes({"value": index, "leaves": leaves.to_json()}))

    def load(self, path: Path) -> Any:
        """Read all of it."""
        said = json.loads((path / _INDEX).read_bytes())
        return _decoded(said["value"], loaded(path, said["leaves"], with_pickles=False))


def _is_container(value: Any) -> bool:
    return type(value) in (list, tuple, dict)


def _has_own(value: Any) -> bool:
    """Whether a container has a serializer of its own, as a state dict has, or one that a plugin is for."""
    return any(serializer.name != "json" for serializer in candidates(value, before=Folders.name))


def _is_stored(value: Any, found: set[int]) -> bool:
    """Whether all of a value is; the ids of containers that are it are found once, however often they are in it."""
    if not _is_container(value):
        return next(candidates(value, before=Folders.name), None) is not None
    if id(value) not in found:
        items = value.values() if type(value) is dict else value
        has_keys = type(value) is not dict or all(map(_is_key, value))
        if not has_keys or not all(_is_stored(item, found) for item in items):
            return False
        found.add(id(value))
    return True


def _is_key(key: Any) -> bool:
    return all(map(_is_key, key)) if type(key) is tuple else is_plain(key)


def _encoded(value: Any, leaves: Leaves) -> Any:
    """Return a value as JSON: a container in a dict of one key, which says what it is; a leaf by its number."""
    if not _is_container(value):
        return value if is_plain(value) else {"leaf": leaves.number(value)}
    if _has_own(value):
        return {"leaf": leaves.number(value)}
    if type(value) is dict:
        return {"dict": [[_encoded(key, leaves), _encoded(item, leaves)] for key, item in value.items()]}
    return {type(value).__name__: [_encoded(item, leaves) for item in value]}


def _decoded(said: Any, leaves: list[Any]) -> Any:
    if type(said) is not dict:
        return said
    ((kind, inside),) = said.items()
    if kind == "leaf":
        return leaves[inside]
    if kind == "dict":
        return {_decoded(key, leaves): _decoded(item, leaves) for key, item in inside}
    items = [_decoded(item, leaves) for item in inside]
    return tuple(items) if kind == "tuple" else items
