"""What values use of the user's code: a model's class is not in its pickle, and decides what it predicts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from types import CellType, FunctionType, ModuleType
from typing import Any

from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code import Codes
from mlpipeline.pipelines.code_sources import Sources, module_name
from mlpipeline.pipelines.content import text_digest
from mlpipeline.pipelines.installed import Origin, origin_of_module

#: The uses that are noted in this thread; None where nobody asked for that.
_NOTED: ContextVar[dict[str, Any] | None] = ContextVar("_NOTED", default=None)
#: What the script is called where it is run, and in the children of multiprocessing.
_SCRIPTS = ("__main__", "__mp_main__")


class Uses:
    """The code that values use. It counts as it is when this is made; each is looked at once."""

    def __init__(self, codes: Codes | None = None) -> None:
        self._codes = Codes() if codes is None else codes
        self._sources = Sources()
        self._loaded = frozenset(sys.modules)
        self._by_use: dict[str, str] = {}
        # The values are kept, or their ids could become those of others.
        self._by_id: dict[int, tuple[Any, str]] = {}

    def digest(self, uses: Iterable[str]) -> str:
        """The digest of the code that the names in a record lead to. Nothing is imported to find it.

        What only a stage imports counts as its file is, and as what that imports of the project: the key is then the
        same whether that stage has run in this process or not.

        Raises:
            CodeUnknown: one leads nowhere, or it cannot be said what its code is.
        """
        return text_digest(str([(use, self._of_use(use)) for use in sorted(uses)]))

    def of(self, value: type | FunctionType | ModuleType) -> str:
        """The digest of the code of a class, function or module of the user's; nothing if it is not the user's.

        What a function holds, such as its defaults, does not count.

        Raises:
            CodeUnknown: it cannot be said what it is.
        """
        known = self._by_id.get(id(value))
        if known is None:
            code = _bare(value) if isinstance(value, FunctionType) else value
            digest = self._digest(code) if origin_of_module(_module_of(value)) is Origin.PROJECT else ""
            known = self._by_id[id(value)] = (value, digest)
        return known[1]

    def _of_use(self, use: str) -> str:
        digest = self._by_use.get(use)
        if digest is None:
            value = _found(use, self._loaded)
            if value is None:
                value = self._unloaded(use)
            digest = self._by_use[use] = self._digest(value)
        return digest

    def _unloaded(self, use: str) -> ModuleType:
        """What stands for a module that was not loaded: its code is read, and not run."""
        name = use.partition(":")[0]
        is_name = all(part.isidentifier() for part in name.split("."))
        origin, names = self._sources.module(name) if is_name and name not in self._loaded else (None, {})
        if origin is not Origin.PROJECT:
            raise CodeUnknown(use, "nothing in the project is called so")
        module = ModuleType(name)
        vars(module).update((key, value) for key, value in names.items() if key in _SAY_WHERE)
        return module

    def _digest(self, value: Any) -> str:
        code = self._codes.of(value)
        parts = sorted((part.name, part.digest) for part in code.parts)
        return text_digest(str((parts, sorted(code.packages.items()))))


#: The names of a module that say what it is loaded from.
_SAY_WHERE = ("__name__", "__file__", "__loader__", "__package__", "__path__")


@contextmanager
def noted() -> Iterator[dict[str, Any]]:
    """Note the classes, functions and modules that are referred to meanwhile, by what `use_of` calls them."""
    found: dict[str, Any] = {}
    token = _NOTED.set(found)
    try:
        yield found
    finally:
        _NOTED.reset(token)


def referred(value: Any) -> tuple[Any, tuple[str]] | None:
    """What to pickle for a class or function of the script itself while uses are noted; None for what it is.

    Else its code would be part of the pickle, and be the code of then whenever that is loaded.
    """
    found = _NOTED.get()
    use = use_of(value) if found is not None and isinstance(value, type | FunctionType | ModuleType) else None
    if found is None or use is None:
        return None
    found[use] = value
    is_of_script = not isinstance(value, ModuleType) and value.__module__ == "__main__"
    return (used, (use,)) if is_of_script else None


def used(use: str) -> Any:
    """The class or function of that name: what pickles call. Its module is imported, as unpickling any does.

    Raises:
        AttributeError: it is not there any more.
    """
    found = _found(use)
    if found is None:
        name = use.partition(":")[0]
        if Sources().module(name)[0] is Origin.PROJECT:
            import_module(name)
            found = _found(use)
    if found is None:
        raise AttributeError(f"{use} is not there any more")
    return found


def use_of(value: type | FunctionType | ModuleType) -> str | None:
    """What something of the user's is called in records: `nets:Net`, or `nets:` for a module as a whole.

    None where no name leads to it.
    """
    if isinstance(value, ModuleType):
        return f"{_name(value)}:" if origin_of_module(value.__name__) is Origin.PROJECT else None
    module = sys.modules.get(value.__module__ or "")
    if module is None or origin_of_module(module.__name__) is not Origin.PROJECT:
        return None
    use = f"{_name(module)}:{value.__qualname__}"
    return use if _found(use) is value else None


def _found(use: str, loaded: Iterable[str] | None = None) -> Any:
    """The class or function of that name in a module that is loaded, or the module; None if there is none.

    Args:
        use: as `use_of` says it.
        loaded: the names of the modules among which to look; None for all.
    """
    name, _, qualname = use.partition(":")
    for module in _modules(name):
        if loaded is not None and module.__name__ not in loaded:
            continue
        value: Any = module
        for attribute in qualname.split(".") if qualname else ():
            # Not getattr: a module may import something when it is asked for a name.
            value = vars(value).get(attribute) if isinstance(value, type | ModuleType) else None
            value = getattr(value, "__func__", value)
        if isinstance(value, type | FunctionType) or value is module:
            return value
    return None


def _modules(name: str) -> Iterator[ModuleType]:
    """The project modules that a name may mean: the script that is run, else the one that is imported by it.

    The queue imports a script as `<name>_script` where its own name is that of another module.
    """
    for loaded in (*_SCRIPTS, name, f"{name}_script"):
        module = sys.modules.get(loaded)
        if module is None or origin_of_module(loaded) is not Origin.PROJECT:
            continue
        if loaded not in _SCRIPTS or _name(module) == name:
            yield module


def _name(module: ModuleType) -> str:
    """What a module is called: the script by its file, so that it is the same whether it is run or imported."""
    file = vars(module).get("__file__")
    return module_name(file) if module.__name__ in _SCRIPTS and isinstance(file, str) else module.__name__


def _module_of(value: type | FunctionType | ModuleType) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    return str(value.__globals__.get("__name__") if isinstance(value, FunctionType) else value.__module__)


def _bare(function: FunctionType) -> FunctionType:
    """A function without what it holds."""
    code = function.__code__
    cells = tuple(CellType() for _ in code.co_freevars)
    return FunctionType(code, function.__globals__, code.co_name, None, cells or None)
