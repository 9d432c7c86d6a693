"""What one function, class, value or module comes to as code, and what it leads to."""

from __future__ import annotations

import builtins
import sys
import types
from collections import deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from mlpipeline.domain.references import WAYS_BY_ATTRIBUTE, Imported, References, is_way_anywhere
from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code_effects import read_effects
from mlpipeline.pipelines.code_file import Piece, SourceFile
from mlpipeline.pipelines.code_sources import Sources, absolute
from mlpipeline.pipelines.code_values import Values
from mlpipeline.pipelines.content import bytes_digest, text_digest
from mlpipeline.pipelines.installed import (
    Origin,
    imported_names,
    origin_of_file,
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
}
_LEADS_ANYWHERE = "leads into modules that nobody can name before it runs"
#: Builtins by which a function may reach all names of its module.
_REACH_ALL = {"globals", "eval", "exec"}

_Names = Mapping[str, Any]


class Place:
    """A function, class, value or module that counts: the very object, whatever else it is equal to.

    Args:
        read: has a reach note what is there.
        objects: what `read` gets, by which places are told apart.
    """

    def __init__(self, read: Callable[..., None], *objects: Any) -> None:
        self._read, self._objects = read, objects
        # The objects are kept, or their ids could become those of others.
        self._identity = (read, *[item if type(item) is str else id(item) for item in objects])
        self._hash = hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self._identity == other._identity

    def __hash__(self) -> int:
        return self._hash

    def read(self, reach: Reach) -> None:
        """Have a reach note what is there.

        Raises:
            CodeUnknown: it cannot be said.
        """
        self._read(reach, *self._objects)


class Reach:
    """What there is at one place: the texts of its parts, the packages that it uses, and the places it leads to.

    It is the `Referrer` of the values there.
    """

    def __init__(self, sources: Sources) -> None:
        #: Of each part its name, its text, its file and its line.
        self.texts: list[tuple[str, str, SourceFile | None, int | None]] = []
        #: Installed package -> its version.
        self.packages: dict[str, str] = {}
        self.leads_to: dict[Place, None] = {}
        self._sources = sources
        self._has_no_value = False
        # Functions and classes that hold themselves: id -> how deep.
        self._around: dict[int, int] = {}

    def function(self, function: types.FunctionType) -> str:
        """What stands for a function."""
        origin = _origin_of_function(function)
        if origin is not Origin.PROJECT:
            text = self.named(str(function.__globals__.get("__name__")), function.__code__.co_qualname)
            return text if origin is Origin.OWN else f"{text}{self._held(function)}"
        if not self._sources.has_function(function):
            self._lead(_read_bytecode, function)
            name = f"function {self._bytecode_name(function)}"
            return f"{name}~{self._inner_digest(function, lambda: self._live(function))}"
        file, piece = self._sources.of_function(function)
        self._lead(_read_function, function)
        name = f"function {file.name}.{function.__code__.co_qualname}"
        if _is_plain(function, file):
            return name
        return f"{name}~{self._inner_digest(function, lambda: file.references(piece).text + self._live(function))}"

    def kind(self, kind: type) -> str:
        """What stands for a class."""
        if not self.is_project_class(kind):
            return self.named(kind.__module__, kind.__qualname__)
        self._lead(_read_class, kind)
        file, pieces = self._class_source(kind)
        name = f"class {_name(file, kind.__module__)}.{kind.__qualname__}"
        if file is None or not pieces:
            # Made by a call: what that was given counts.
            self.no_value()
        elif file.is_defined_once(kind.__qualname__) and "<locals>" not in kind.__qualname__:
            return name
        return f"{name}~{self._inner_digest(kind, lambda: Values(self).class_members(kind))}"

    def module(self, module: types.ModuleType) -> str:
        """What stands for a module that is reached as a whole."""
        if origin_of_module(module.__name__) is not Origin.PROJECT:
            return self.named(module.__name__, "")
        self._lead(_read_module, vars(module))
        return f"module {_name(self._sources.of_module(vars(module)), module.__name__)}"

    def named(self, module: str, name: str) -> str:
        """What stands for something that is not the user's, or not written in Python."""
        if is_way_anywhere(f"{module}.{name}"):
            raise CodeUnknown(f"{module}.{name}", f"it {_LEADS_ANYWHERE}")
        origin = origin_of_module(module)
        if origin is Origin.OWN:
            return "mlpipeline"
        if origin is Origin.PROJECT and hasattr(sys.modules.get(module), "__file__"):
            self._lead(_read_module, vars(sys.modules[module]))
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

    def no_value(self) -> None:
        """There is something that has no value, so that it counts how it was made."""
        self._has_no_value = True

    def _lead(self, read: Callable[..., None], *objects: Any) -> None:
        self.leads_to[Place(read, *objects)] = None

    def _resolved(self, names: _Names, found: References, bound: Collection[str] = ()) -> str:
        """The text of all that a piece of code refers to.

        Args:
            names: of the module where it stands.
            found: what it refers to.
            bound: names that are not the module's.
        """
        chains = [*found.names, *((name,) for name in found.added_to if not _is_plain_collection(names.get(name)))]
        self._refuse_ways_anywhere(names, found, bound)
        chains += [chain for chain in found.said if _way_anywhere(names, chain) is None or chain[0] in _REACH_ALL]
        read = [(chain, self._chain(names, chain)) for chain in chains if chain[0] not in bound]
        return f"{read} {[self._imported(one, names) for one in found.imports]}"

    def _refuse_ways_anywhere(self, names: _Names, found: References, bound: Collection[str] = ()) -> None:
        ways = [*found.ways, *(_way_anywhere(names, chain) for chain in found.names if chain[0] not in bound)]
        for way in filter(None, ways):
            what = _name(self._sources.of_module(names), str(names.get("__name__")))
            raise CodeUnknown(what, f"{way} {_LEADS_ANYWHERE}")

    def _imported(self, one: Imported, names: _Names) -> str:
        """What stands for an import that is carried out when the code runs: project modules count whole."""
        if one.module is None:
            what = _name(self._sources.of_module(names), str(names.get("__name__")))
            raise CodeUnknown(what, "it imports a module by a name that is worked out only when it runs")
        module = absolute(one.level, one.module, names)
        return str([self._imported_module(name) for name in imported_names(module, one.names)] if module else None)

    def _imported_module(self, name: str) -> str:
        origin, names = self._sources.module(name)
        if origin is Origin.INSTALLED:
            self.packages.update([package_of(name)])
        if origin is Origin.PROJECT:
            self._lead(_read_module, names)
        return f"{origin} {name}"

    def _chain(self, names: _Names, chain: tuple[str, ...]) -> str:
        name, *rest = chain
        if name in _OF_EVERY_MODULE:
            return "its own"
        if name not in names:
            if name in _REACH_ALL:
                self._lead(_read_module, names)
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
        self._lead(_read_value, names, name, value)
        return f"value {_name(self._sources.of_module(names), str(names.get('__name__')))}.{name}"

    def _says_itself(self, value: Any) -> bool:
        """Whether it is a module, function or class of which its own name says enough."""
        match value:
            case types.ModuleType() | types.BuiltinFunctionType():
                return True
            case types.FunctionType() if _origin_of_function(value) is Origin.PROJECT:
                return self._sources.has_function(value) and _is_plain(value, self._sources.of_function(value)[0])
            case types.FunctionType():
                return value.__closure__ is None and not hasattr(value, "__wrapped__")
            case type():
                return not self.is_project_class(value) or bool(self._class_source(value)[1])
            case _:
                return False

    def _home(self, names: _Names, name: str, value: Any) -> tuple[_Names, str]:
        """The module that bound a value first, as far as it came from there by `from … import`, and its name there."""
        for _ in range(100):
            file = self._sources.of_module(names)
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

    def _bytecode_name(self, function: types.FunctionType) -> str:
        names = function.__globals__
        return f"{_name(self._sources.of_module(names), str(names.get('__name__')))}.{function.__code__.co_qualname}"

    def _live(self, function: types.FunctionType) -> str:
        """The text of the values that a function holds."""
        own = {name: value for name, value in vars(function).items() if not name.startswith("__mlpipeline_")}
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
            self.no_value()
        return self._inner_digest(function, lambda: Values(self).text(callables)) if callables else ""

    def _inner_digest(self, holder: Any, text: Callable[[], str]) -> str:
        if id(holder) in self._around:
            return f"the {len(self._around) - self._around[id(holder)]} around"
        self._around[id(holder)] = len(self._around)
        try:
            return text_digest(text())
        finally:
            del self._around[id(holder)]

    def _class_source(self, kind: type) -> tuple[SourceFile | None, list[Piece]]:
        """The file of a class and where it stands there, as far as they are known."""
        return self._sources.of_class(kind, self._find_class)

    def _find_class(self, kind: type) -> tuple[SourceFile | None, list[Piece]]:
        methods = [
            value
            for value in (getattr(value, "fget", getattr(value, "__func__", value)) for value in vars(kind).values())
            if isinstance(value, types.FunctionType) and value.__code__.co_qualname.startswith(f"{kind.__qualname__}.")
        ]
        # Others are what decorators and metaclasses wrote.
        written = [
            method
            for method in methods
            if _origin_of_function(method) is Origin.PROJECT and self._sources.has_function(method)
        ]
        module = sys.modules.get(kind.__module__)
        file = None
        if written:
            file = self._sources.of_function(written[0])[0]
        elif module is not None:
            file = self._sources.of_module(vars(module))
        if file is None:
            return None, []
        pieces = file.classes(kind.__qualname__)
        lines = [method.__code__.co_firstlineno for method in written]
        holding = [piece for piece in pieces if any(piece.line <= line <= piece.end_line for line in lines)]
        return file, holding or pieces


def _read_function(reach: Reach, function: types.FunctionType) -> None:
    file, piece = reach._sources.of_function(function)
    found = file.references(piece)
    resolved = reach._resolved(function.__globals__, found, function.__code__.co_freevars)
    text = f"{found.text} {file.portable(reach._live(function))} {resolved}"
    reach.texts.append((f"{file.name}.{function.__code__.co_qualname}", text, file, piece.line))
    reach._lead(read_effects, function.__globals__)


def _read_bytecode(reach: Reach, function: types.FunctionType) -> None:
    """Of a function that was written by a program, such as `exec`, or typed."""
    code, names = function.__code__, function.__globals__
    for name in _names_in(code):
        if name in WAYS_BY_ATTRIBUTE or _way_anywhere(names, (name,)) is not None:
            raise CodeUnknown(reach._bytecode_name(function), f"{name} {_LEADS_ANYWHERE}")
    read = [(name, reach._chain(names, (name,))) for name in _names_in(code) if name in names]
    text = f"{Values(reach).text(code)} {reach._live(function)} {read}"
    reach.texts.append((reach._bytecode_name(function), text, None, None))


def _read_class(reach: Reach, kind: type) -> None:
    file, pieces = reach._class_source(kind)
    names = vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}
    name = f"{_name(file, kind.__module__)}.{kind.__qualname__}"
    if file is None and "__file__" in names:
        reach._lead(_read_module, names)
    values = Values(reach)
    texts = [values.text(base) for base in (*kind.__bases__, type(kind))]
    for piece in pieces if file else ():
        found = file.references(piece)  # type: ignore[union-attr]
        texts += [found.text, reach._resolved(names, found)]
    members = values.class_members(kind)
    texts.append(members if file is None else file.portable(members))
    if reach._has_no_value and file is None:
        raise CodeUnknown(name, "its source cannot be read")
    reach.texts.append((name, " ".join(texts), file, pieces[0].line if pieces else None))
    reach._lead(read_effects, names)


def _read_value(reach: Reach, names: _Names, name: str, value: Any) -> None:
    file = reach._sources.of_module(names)
    texts = [Values(reach).text(value)]
    if file is not None:
        texts = [file.portable(texts[0])]
    full_name = f"{_name(file, str(names.get('__name__')))}.{name}"
    if reach._has_no_value:
        statements = [] if file is None else file.binding(name)
        if not statements and origin_of_module(type(value).__module__) is not Origin.STANDARD:
            raise CodeUnknown(full_name, f"how this {type(value).__qualname__} was made cannot be read")
        for statement in statements:
            assert file is not None
            found = file.references(statement)
            texts += [found.text, reach._resolved(names, found)]
    reach.texts.append((full_name, " ".join(texts), file, None if file is None else file.line(name)))


def _read_module(reach: Reach, names: _Names) -> None:
    file = reach._sources.of_whole_module(names)
    name = _name(file, str(names.get("__name__")))
    if file is not None:
        reach._refuse_ways_anywhere(names, file.whole)
        imports = [reach._imported(one, names) for one in file.whole.imports]
        reach.texts.append((name, f"{file.digest} {imports}", file, None))
    elif "__path__" not in names:
        # One that was compiled to machine code.
        try:
            content = Path(names["__file__"]).read_bytes()
        except (KeyError, OSError) as error:
            raise CodeUnknown(name, "its source cannot be read") from error
        reach.texts.append((name, bytes_digest(content), None, None))


def _way_anywhere(names: _Names, chain: tuple[str, ...]) -> str | None:
    """The full name of what leads into any module, where a name is that of such a thing."""
    name, *rest = chain
    value = names[name] if name in names else getattr(builtins, name, None)
    while isinstance(value, types.ModuleType) and rest:
        value = vars(value).get(rest.pop(0))
    if value is sys.modules:
        return "sys.modules"
    if isinstance(value, types.ModuleType):
        full_name = value.__name__
    elif isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        full_name = f"{value.__module__}.{value.__qualname__}"
    else:
        return None
    return full_name.removeprefix("builtins.") if is_way_anywhere(full_name) else None


def _is_plain_collection(value: Any) -> bool:
    return type(value) in (list, set, deque)


def _is_plain(function: types.FunctionType, file: SourceFile) -> bool:
    """Whether its name says which function it is."""
    return (
        function.__closure__ is None
        and "<" not in function.__code__.co_qualname
        and file.is_defined_once(function.__code__.co_qualname)
    )


def _origin_of_function(function: types.FunctionType) -> Origin:
    path = function.__code__.co_filename
    if path.startswith("<") and not path.startswith("<frozen"):
        return origin_of_module(str(function.__globals__.get("__name__")))
    return origin_of_file(path)


def _names_in(code: types.CodeType) -> list[str]:
    inner = [
        name for constant in code.co_consts if isinstance(constant, types.CodeType) for name in _names_in(constant)
    ]
    return list(dict.fromkeys([*code.co_names, *inner]))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # It is empty so far.
        return None


def _name(file: SourceFile | None, module: str) -> str:
    return module if file is None else file.name
