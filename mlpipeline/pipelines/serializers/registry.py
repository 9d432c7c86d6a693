"""Which serializers there are, and which one stores what."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from mlpipeline.errors import NotStored
from mlpipeline.pipelines.serializers.own import PREFIX, OwnFormat
from mlpipeline.pipelines.serializers.serializer import Refused, Serializer, Unsuited
from mlpipeline.project.storage import delete

_log = logging.getLogger("mlpipeline.pipelines")

#: The entry points in which packages offer serializers.
GROUP = "mlpipeline.serializers"
#: Those of our own, as pyproject.toml has them, in the order in which they are asked, after those of other packages.
#: They stand here, too: to look up the entry points of all that is installed takes longer than a cached stage may.
BUILT_IN = {
    "text": "mlpipeline.pipelines.serializers.plain:Text",
    "bytes": "mlpipeline.pipelines.serializers.plain:Bytes",
    "json": "mlpipeline.pipelines.serializers.plain:Json",
    "numpy": "mlpipeline.pipelines.serializers.arrays:Arrays",
    "numpy-scalar": "mlpipeline.pipelines.serializers.arrays:Scalars",
    "pandas": "mlpipeline.pipelines.serializers.frames:Frames",
    "arrow": "mlpipeline.pipelines.serializers.arrow_tables:ArrowTables",
    "torch": "mlpipeline.pipelines.serializers.tensors:Tensors",
    "path": "mlpipeline.pipelines.serializers.files:Files",
    "folder": "mlpipeline.pipelines.serializers.folders:Folders",
    "pickle-folder": "mlpipeline.pipelines.serializers.pickle_folders:PickleFolders",
    "pickle": "mlpipeline.pipelines.serializers.pickles:Pickles",
}
#: It takes what no other one does, so it is asked last.
LAST = "pickle"


def save(value: Any, path: Path, name: str) -> Serializer:
    """Have a value written by the first serializer with which it comes back as it was; return that.

    Args:
        value: any.
        path: of the file or folder to write, where nothing is yet.
        name: what errors call the value.

    Raises:
        NotStored: not even a pickle can be made of it. There is nothing at `path`.
        Refused: it is not to be. There is nothing at `path`.
        OSError: there is no room, or it cannot be written; some of it may be at `path`.
    """
    stored = _saved(value, path, name, candidates(value, before=LAST))
    return stored or _pickled(value, path, name)


def save_unpickled(value: Any, path: Path, name: str) -> Serializer | None:
    """Have a value written by the first serializer that does so exactly and is not for pickles; None if none does.

    The arguments and errors are those of `save`.
    """
    with suppress(Refused):
        return _saved(value, path, name, (one for one in candidates(value, before=LAST) if not one.is_pickle))
    return None


def _saved(value: Any, path: Path, name: str, serializers: Iterable[Serializer]) -> Serializer | None:
    for serializer in serializers:
        try:
            serializer.save(value, path)
            return serializer
        except Unsuited:
            pass
        except Refused:
            delete(path)
            raise
        except OSError:
            raise
        except Exception as error:
            _log.warning(
                '"%s" is not stored by the serializer "%s", as that raised %s: %s',
                *(name, serializer.name, type(error).__name__, error),
            )
        delete(path)
    return None


def _pickled(value: Any, path: Path, name: str) -> Serializer:
    last = _built_in(LAST)
    try:
        last.save(value, path)
    except OSError:
        raise
    except Exception as error:
        delete(path)
        from mlpipeline.pipelines.serializers.unpicklable import why_not

        raise NotStored(name, why_not(value, error)) from error
    return last


def candidates(value: Any, before: str | None = None) -> Iterator[Serializer]:
    """The serializers that take a value, in the order in which they are to be asked; the one for pickles is last.

    Args:
        value: any.
        before: one of our own that is not asked, nor are those after it; None for all.
    """
    for serializer in _all():
        if serializer.name == before:
            return
        try:
            takes = serializer.takes(value)
        except RecursionError:  # What holds itself, or is nested very deeply.
            takes = False
        except Exception as error:
            takes = False
            _warn_of(serializer.name, error)
        if takes:
            yield serializer


def serializer_named(name: str) -> Serializer:
    """The serializer that a record names.

    Raises:
        LookupError: there is none of that name here.
    """
    if name in BUILT_IN:
        return _built_in(name)
    if name.startswith(PREFIX):
        return OwnFormat(name)
    for serializer in _plugins():
        if serializer.name == name:
            return serializer
    raise LookupError(f'the serializer "{name}" is not installed here')


@cache
def _all() -> tuple[Serializer, ...]:
    return (*_plugins(), *map(_built_in, BUILT_IN))


@cache
def _built_in(name: str) -> Serializer:
    module, _, kind = BUILT_IN[name].partition(":")
    return cast("Serializer", getattr(import_module(module), kind)())


@cache
def _plugins() -> tuple[Serializer, ...]:
    """Return the serializers of other packages, in the order of their names."""
    from importlib.metadata import entry_points

    found: dict[str, Serializer] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        if BUILT_IN.get(entry.name) == entry.value:
            continue
        if entry.name in BUILT_IN or entry.name in found:
            _log.warning('%s of the group %s is not used: "%s" is another\'s name.', entry.value, GROUP, entry.name)
            continue
        try:
            found[entry.name] = _checked(entry.load()(), entry.name)
        except Exception as error:
            _warn_of(entry.name, error)
    return tuple(found.values())


def _checked(plugin: Any, name: str) -> Serializer:
    wants = {"name": str, "suffix": str, "is_pickle": bool}
    if wrong := [
        attribute for attribute, kind in wants.items() if not isinstance(getattr(plugin, attribute, None), kind)
    ]:
        raise TypeError(f"its {wrong[0]} is no {wants[wrong[0]].__name__}")
    if missing := [method for method in ("takes", "save", "load") if not callable(getattr(plugin, method, None))]:
        raise TypeError(f"it has no method {missing[0]}")
    if plugin.name != name:
        raise ValueError(f'it calls itself "{plugin.name}"')
    return cast("Serializer", plugin)


def _warn_of(name: str, error: Exception) -> None:
    # By its text: it is another object each time.
    _warn_once(name, f"{type(error).__name__}: {error}")


@cache
def _warn_once(name: str, said: str) -> None:
    """Say that a serializer is passed over, once in a process."""
    _log.warning('the serializer "%s" is passed over: %s', name, said)
