"""What leads from a piece of code into modules that nobody can name before it runs."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Mapping
from typing import Any

from mlpipeline.domain.references import MODULES_OF_WAYS, WAYS_ANYWHERE, WAYS_BY_ARGUMENT
from mlpipeline.errors import CodeUnknown

#: The last part of such a name -> the modules that have it.
_MODULES_BY_NAME = {
    name: [way.rpartition(".")[0] for way in WAYS_ANYWHERE if way.rpartition(".")[2] == name]
    for name in {way.rpartition(".")[2] for way in WAYS_ANYWHERE}
}


def leads_anywhere(what: str, way: str) -> CodeUnknown:
    """The error of code whose reach is not known, with what it is in it that leads so far."""
    if way in WAYS_BY_ARGUMENT.values():
        return CodeUnknown(what, f"{way} unpickles classes that nobody can name before it runs")
    return CodeUnknown(what, f"{way} leads into modules that nobody can name before it runs")


def way_anywhere(names: Mapping[str, Any], chain: tuple[str, ...]) -> str | None:
    """The full name of what leads into any module, where a dotted name in a module of these names is one of such."""
    value = value_at(names, chain)
    if isinstance(value, types.ModuleType):
        return value.__name__ if value.__name__ in MODULES_OF_WAYS else None
    way = way_of(value)
    return None if way is None else way.removeprefix("builtins.")


def way_of(value: Any) -> str | None:
    """The full name of a value that leads into any module; None for others.

    It is told by what it is: what `importlib.util` has says of itself that it is another module's.
    """
    if value is sys.modules:
        return "sys.modules"
    if not isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return None
    modules = _MODULES_BY_NAME.get(value.__name__, [])
    return next((f"{module}.{value.__name__}" for module in modules if _found(module, value.__name__) is value), None)


def way_named(module: str, name: str) -> str | None:
    """The full name of what leads into any module, by where it says that it is; None for others."""
    return way_of(_found(module, name))


def value_at(names: Mapping[str, Any], chain: tuple[str, ...]) -> Any:
    """What a dotted name stands for in a module of these names, as far as it leads through modules."""
    name, *rest = chain
    value = names[name] if name in names else getattr(builtins, name, None)
    while isinstance(value, types.ModuleType) and rest:
        value = vars(value).get(rest.pop(0))
    return value


def _found(module: str, name: str) -> Any:
    # What is in `sys.modules` may be None, where an import is to fail.
    return getattr(sys.modules.get(module), "__dict__", {}).get(name)
