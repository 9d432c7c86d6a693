"""What stored values use of the user's code: a model's class is not in its pickle, and decides what it predicts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code import Codes
from mlpipeline.pipelines.code_sources import module_name
from mlpipeline.pipelines.content import text_digest
from mlpipeline.pipelines.installed import Origin, origin_of_module

#: What `collected` collects in this thread.
_COLLECTED: ContextVar[dict[str, Any] | None] = ContextVar("_COLLECTED", default=None)


@contextmanager
def collected() -> Iterator[dict[str, Any]]:
    """Collect the classes, functions and modules that are noted meanwhile, by what `use_of` calls them."""
    found: dict[str, Any] = {}
    token = _COLLECTED.set(found)
    try:
        yield found
    finally:
        _COLLECTED.reset(token)


def note(value: Any) -> None:
    """Have a class, function or module collected if it is the user's, as one that a pickle refers to by name."""
    found = _COLLECTED.get()
    if found is not None and isinstance(value, type | FunctionType | ModuleType):
        use = use_of(value)
        if use is not None:
            found[use] = value


def referred(value: Any) -> tuple[Any, tuple[str]] | None:
    """What to pickle for a class or function of the script itself while uses are collected; None for what it is.

    Else its code would be part of the pickle, and be the code of then whenever that is loaded.
    """
    note(value)
    if _COLLECTED.get() is None or getattr(value, "__module__", None) != "__main__":
        return None
    use = use_of(value) if isinstance(value, type | FunctionType) else None
    return None if use is None or _found(use) is not value else (used, (use,))


def used(use: str) -> Any:
    """The class or function of that name: what pickles call.

    Raises:
        AttributeError: it is not there any more.
    """
    found = _found(use)
    if found is None:
        raise AttributeError(f"{use} is not there any more")
    return found


def use_of(value: type | FunctionType | ModuleType) -> str | None:
    """What something of the user's is called in records: `nets:Net`, `nets:`; None where no name leads to it."""
    if isinstance(value, ModuleType):
        return f"{_name(value)}:" if origin_of_module(value.__name__) is Origin.PROJECT else None
    module = sys.modules.get(value.__module__ or "")
    if module is None or "<" in value.__qualname__ or origin_of_module(module.__name__) is not Origin.PROJECT:
        return None
    return f"{_name(module)}:{value.__qualname__}"


def uses_digest(uses: Iterable[str], codes: Codes) -> str:
    """The digest of the code that these names lead to now; of one that leads nowhere its name is all there is."""
    return text_digest(str([(use, _code_digest(_found(use), codes)) for use in sorted(uses)]))


def _code_digest(value: Any, codes: Codes) -> str | None:
    if value is None:
        return None
    try:
        code = codes.of(value)
    except CodeUnknown:
        return "unknown"
    return text_digest(str((sorted((part.name, part.digest) for part in code.parts), sorted(code.packages.items()))))


def _found(use: str) -> Any:
    """The class, function or module of that name; its module is imported, as unpickling would do anyway."""
    name, _, qualname = use.partition(":")
    value: Any = _module(name)
    for attribute in qualname.split(".") if qualname else ():
        value = getattr(value, attribute, None)
    return value


def _module(name: str) -> ModuleType | None:
    alike = [module for module in list(sys.modules.values()) if _is_named_by_file(module, name)]
    for module in (sys.modules["__main__"], *alike):
        if _name(module) == name:
            return module
    try:
        return import_module(name)
    except Exception:  # Whatever the user's module raises, loading what is stored raises it again.
        return None


def _is_named_by_file(module: Any, name: str) -> bool:
    """Whether a module's file is called like that: the queue imports a script by another name where it has to."""
    file = getattr(module, "__dict__", {}).get("__file__")
    return isinstance(file, str) and Path(file).stem == name


def _name(module: ModuleType) -> str:
    """What a module is called by its file: the script is called the same whether it is run or the queue imports it."""
    file = getattr(module, "__file__", None)
    return module_name(file) if isinstance(file, str) else module.__name__
