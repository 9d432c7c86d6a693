"""What the code at one place leads to, and what stands there for the names and values that it refers to."""

from __future__ import annotations

import builtins
import sys
import types
from collections import deque
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from mlpipeline.domain.references import References
from mlpipeline.domain.syntax_walk import Imported
from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code_file import SourceFile
from mlpipeline.pipelines.code_sources import Sources, absolute
from mlpipeline.pipelines.code_values import Values, own_attributes
from mlpipeline.pipelines.code_ways import leads_anywhere, way_anywhere, way_named
from mlpipeline.pipelines.content import text_digest
from mlpipeline.pipelines.installed import (
    Origin,
    imported_names,
    origin_of_function,
    origin_of_module,
    package_of,
)

#: Names of every module that say where it is, or how it was loaded.
_OF_EVERY_MODULE = {
    "__name__",
    "__file__",
    "__spec__",
    "__loader__",
    "__package__",
    "__path__",
    "__doc__",
    "__builtins__",
    "__cached__",
    "__warningregistry__",
}
#: Values of which the source of their module says all.
_OF_SOURCE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
#: Builtins by which a function may reach all names of its module.
_REACH_ALL = {"globals", "eval", "exec"}

#: Those of a module, with their values.
Names = Mapping[str, Any]


class PlaceKind(StrEnum):
    """What is at a place; after the colon, the objects that it is read with."""

    #: A function with a source: itself.
    FUNCTION = "function"
    #: A function that was written by a program, such as `exec`, or typed: itself.
    BYTECODE = "bytecode"
    #: A class: itself.
    CLASS = "class"
    #: What a name of a module stands for: the names of the module, that name, and the value.
    VALUE = "value"
    #: A module that counts whole: its names.
    MODULE = "module"
    #: What a module sets outside of the project as it is loaded: the names of the module.
    EFFECTS = "effects"


class Place:
    """What counts: the very object, whatever else it is equal to.

    Args:
        kind: what it is.
        objects: what it is read with, by which places are told apart.
    """

    def __init__(self, kind: PlaceKind, *objects: Any) -> None:
        # The objects are kept, or their ids could become those of others.
        self.kind, self.objects = kind, objects
        self._identity = (kind, *[item if type(item) is str else id(item) for item in objects])
        self._hash = hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self._identity == other._identity

    def __hash__(self) -> int:
        return self._hash


class PartText(NamedTuple):
    """One part of what counts as code; its file and its line are None where they are not known."""

    name: str
    text: str
    file: SourceFile | None
    line: int | None


class Reach:
    """What there is at one place: the texts of its parts, the packages that it uses, and the places it leads to.

    It is the `Referrer` of the values there.
    """

    def __init__(self, sources: Sources) -> None:
        self.texts: list[PartText] = []
        #: Installed package -> its version.
        self.packages: dict[str, str] = {}
        self.leads_to: dict[Place, None] = {}
        #: Paths that it holds: what lies there may be read.
        self.paths: set[Path] = set()
        self.sources = sources
        #: Whether something here has no value, so that it counts how it was made.
        self.has_no_value = False
        #: Objects of others that have none.
        self.without_value: list[Any] = []
        # Functions and classes that hold themselves: id -> how deep.
        self._around: dict[int, int] = {}

    def function(self, function: types.FunctionType) -> str:
        """What stands for a function."""
        origin = origin_of_function(function)
        if origin is not Origin.PROJECT:
            text = self.named(str(function.__globals__.get("__name__")), function.__code__.co_qualname)
            return text if origin is Origin.OWN else f"{text}{self._held(function)}"
        if not self.sources.has_function(function):
            self.lead(PlaceKind.BYTECODE, function)
            name = f"function {self.bytecode_name(function)}"
            return f"{name}~{self._inner_digest(function, lambda: self.live(function))}"
        file, piece = self.sources.of_function(function)
        self.lead(PlaceKind.FUNCTION, function)
        name = f"function {file.name}.{function.__code__.co_qualname}"
        if _is_plain(function, file):
            return name
        return f"{name}~{self._inner_digest(function, lambda: file.references(piece).text + self.live(function))}"

    def kind(self, kind: type) -> str:
        """What stands for a class."""
        if not self.is_project_class(kind):
            return self.named(kind.__module__, kind.__qualname__)
        self.lead(PlaceKind.CLASS, kind)
        file, pieces = self.sources.of_class(kind)
        name = f"class {class_name(kind, file)}"
        if file is None or not pieces:
            # Made by a call: what that was given counts.
            self.has_no_value = True
        elif file.is_defined_once(kind.__qualname__) and "<locals>" not in kind.__qualname__:
            return name
        return f"{name}~{self._inner_digest(kind, lambda: Values(self).class_members(kind))}"

    def module(self, module: types.ModuleType) -> str:
        """What stands for a module that is reached as a whole."""
        if origin_of_module(module.__name__) is not Origin.PROJECT:
            return self.named(module.__name__, "")
        names = vars(module)
        self.lead(PlaceKind.MODULE, names)
        # Its source says all about its functions, classes and pipelines, and of other values how they were made.
        for name, value in list(names.items()):  # Another thread may import something meanwhile.
            is_told = isinstance(value, _OF_SOURCE) or hasattr(type(value), "__mlpipeline_parts__")
            if not is_told and name not in _OF_EVERY_MODULE:
                self.lead(PlaceKind.VALUE, *self._home(names, name, value), value)
        return f"module {self.sources.name_of(names)}"

    def named(self, module: str, name: str) -> str:
        """What stands for something that is not the user's, or not written in Python."""
        way = way_named(module, name)
        if way is not None:
            raise leads_anywhere(way, "it")
        origin = origin_of_module(module)
        if origin is Origin.OWN:
            return "mlpipeline"
        if origin is Origin.PROJECT and hasattr(sys.modules.get(module), "__file__"):
            self.lead(PlaceKind.MODULE, vars(sys.modules[module]))
        if origin is Origin.INSTALLED:
            self.packages.update([package_of(module)])
        return f"{origin} {module}.{name}"

    def is_project_class(self, kind: type) -> bool:
        """Whether a class is one of the user's."""
        if origin_of_module(kind.__module__) is not Origin.PROJECT:
            return False
        # Some extensions have types of modules that are nowhere.
        is_somewhere = hasattr(sys.modules.get(kind.__module__), "__file__")
        return is_somewhere or any(isinstance(member, types.FunctionType) for member in vars(kind).values())

    def path(self, path: Path) -> None:
        """There is a path, at which there may be a file."""
        self.paths.add(path)

    def no_value(self, value: Any) -> None:
        """There is something that has no value, so that it counts how it was made."""
        self.has_no_value = True
        self.without_value.append(value)

    def lead(self, kind: PlaceKind, *objects: Any) -> None:
        """Note that what is here leads to another place."""
        self.leads_to[Place(kind, *objects)] = None

    def resolved(self, names: Names, found: References, bound: Collection[str] = ()) -> str:
        """The text of all that a piece of code refers to.

        Args:
            names: of the module where it stands.
            found: what it refers to.
            bound: names that are not the module's.
        """
        chains = [*found.names, *((name,) for name in found.added_to if not _is_plain_collection(names.get(name)))]
        self.refuse_ways_anywhere(names, found, bound)
        chains += [chain for chain in found.said if way_anywhere(names, chain) is None or chain[0] in _REACH_ALL]
        read = [(chain, self.chain(names, chain)) for chain in chains if chain[0] not in bound]
        return f"{read} {[self.imported(one, names) for one in found.imports]}"

    def refuse_ways_anywhere(self, names: Names, found: References, bound: Collection[str] = ()) -> None:
        """See that what a piece of code refers to leads into no modules that nobody can name; as for `resolved`.

        Raises:
            CodeUnknown: it does.
        """
        ways = [*found.ways, *(way_anywhere(names, chain) for chain in found.names if chain[0] not in bound)]
        for way in filter(None, ways):
            raise leads_anywhere(self.sources.name_of(names), way)

    def imported(self, one: Imported, names: Names) -> str:
        """What stands for an import that is carried out when the code runs: project modules count whole."""
        if one.module is None:
            what = self.sources.name_of(names)
            raise CodeUnknown(what, "it imports a module by a name that is worked out only when it runs")
        module = absolute(one.level, one.module, names)
        return str([self._imported_module(name) for name in imported_names(module, one.names)] if module else None)

    def _imported_module(self, name: str) -> str:
        origin, names = self.sources.module(name)
        if origin is Origin.INSTALLED:
            self.packages.update([package_of(name)])
        if origin is Origin.PROJECT:
            self.lead(PlaceKind.MODULE, names)
        return f"{origin} {name}"

    def chain(self, names: Names, chain: tuple[str, ...]) -> str:
        """What stands for a dotted name that is read in a module of these names."""
        name, *rest = chain
        if name in _OF_EVERY_MODULE:
            return "its own"
        if name not in names:
            if name in _REACH_ALL:
                self.lead(PlaceKind.MODULE, names)
            return "builtin" if hasattr(builtins, name) else "nothing"
        value = names[name]
        while isinstance(value, types.ModuleType) and rest and origin_of_module(value.__name__) is Origin.PROJECT:
            inner, name = vars(value), rest.pop(0)
            if name not in inner:
                break  # What the module makes up when it is asked: all of it counts.
            names, value = inner, inner[name]
        if self._says_itself(value):
            return Values(self).text(value)
        names, name = self._home(names, name, value)
        self.lead(PlaceKind.VALUE, names, name, value)
        return f"value {self.sources.name_of(names)}.{name}"

    def _says_itself(self, value: Any) -> bool:
        """Whether it is a module, function or class of which its own name says enough."""
        match value:
            case types.ModuleType() | types.BuiltinFunctionType():
                return True
            case types.FunctionType() if origin_of_function(value) is Origin.PROJECT:
                return self.sources.has_function(value) and _is_plain(value, self.sources.of_function(value)[0])
            case types.FunctionType():
                return value.__closure__ is None and not hasattr(value, "__wrapped__")
            case type():
                return not self.is_project_class(value) or bool(self.sources.of_class(value)[1])
            case _:
                return False

    def _home(self, names: Names, name: str, value: Any) -> tuple[Names, str]:
        """The module that bound a value first, as far as it came from there by `from … import`, and its name there."""
        for _ in range(100):
            file = self.sources.of_module(names)
            for level, module, inner in () if file is None else file.imported_from(name):
                found = sys.modules.get(absolute(level, module, names) or "")
                if (
                    found is not None
                    and origin_of_module(found.__name__) is Origin.PROJECT
                    and vars(found).get(inner) is value
                ):
                    names, name = vars(found), inner
                    break
            else:
                break
        return names, name

    def bytecode_name(self, function: types.FunctionType) -> str:
        """What a function is called that has no source."""
        return f"{self.sources.name_of(function.__globals__)}.{function.__code__.co_qualname}"

    def live(self, function: types.FunctionType) -> str:
        """The text of the values that a function holds."""
        attributes = own_attributes(function)
        own = {name: value for name, value in attributes.items() if not name.startswith("__mlpipeline_")}
        if not (function.__defaults__ or function.__kwdefaults__ or function.__closure__ or own):
            return ""
        cells = dict(zip(function.__code__.co_freevars, map(_content, function.__closure__ or ()), strict=True))
        return Values(self).text([function.__defaults__, function.__kwdefaults__, cells, own])

    def _held(self, function: types.FunctionType) -> str:
        """The text of the functions that one holds which is not the user's: it may wrap one of his."""
        held = [*map(_content, function.__closure__ or ()), getattr(function, "__wrapped__", None)]
        registry = getattr(function, "registry", None)
        if isinstance(registry, types.MappingProxyType):  # functools.singledispatch
            held.append(dict(registry))
        held = [value for value in held if value is not None]
        callables = [value for value in held if isinstance(value, types.FunctionType | types.MethodType | type | dict)]
        if len(callables) < len(held):
            self.has_no_value = True
        return self._inner_digest(function, lambda: Values(self).text(callables)) if callables else ""

    def _inner_digest(self, holder: Any, text: Callable[[], str]) -> str:
        if id(holder) in self._around:
            return f"the {len(self._around) - self._around[id(holder)]} around"
        self._around[id(holder)] = len(self._around)
        try:
            return text_digest(text())
        finally:
            del self._around[id(holder)]


def class_name(kind: type, file: SourceFile | None) -> str:
    """What a class is called, by its file where that is known."""
    return f"{kind.__module__ if file is None else file.name}.{kind.__qualname__}"


def _is_plain_collection(value: Any) -> bool:
    return type(value) in (list, set, deque)


def _is_plain(function: types.FunctionType, file: SourceFile) -> bool:
    """Whether its name says which function it is."""
    return (
        function.__closure__ is None
        and "<" not in function.__code__.co_qualname
        and file.is_defined_once(function.__code__.co_qualname)
    )


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # It is empty so far.
        return None
