"""The sources of project modules as they were loaded, and where in them a function or a class stands."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, SourceFileLoader
from importlib.util import decode_source, resolve_name
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code_facts import KeptFacts
from mlpipeline.pipelines.code_file import SourceFile
from mlpipeline.pipelines.code_outline import Piece
from mlpipeline.pipelines.installed import Origin, origin_of_function, origin_of_module, origin_of_spec, spec_of

#: Source files that were read, by path: the last one is how it looks now. Earlier ones stay, because what was imported
#: of them may still run.
_READ: dict[str, list[SourceFile]] = {}
#: id of a code object -> it, and where its syntax is: found once, though every execution asks for it.
_PLACES: dict[int, tuple[CodeType, SourceFile, Piece]] = {}


class Sources:
    """The source files of what is loaded; each is looked at once by one of these, and again by the next."""

    def __init__(self, kept: KeptFacts | None = None) -> None:
        """Take what is known of sources already, and is to be told what is found out; None for nothing."""
        self._kept = kept
        self._looked_at: dict[str, list[SourceFile]] = {}
        # id of a class -> it, and what was found; what is not found raises, and is looked for again.
        self._classes: dict[int, tuple[type, tuple[SourceFile | None, list[Piece]]]] = {}
        self._modules: dict[str, tuple[Origin | None, Mapping[str, Any]]] = {}

    def of_function(self, function: FunctionType) -> tuple[SourceFile, Piece]:
        """The source file of a function, and where in it the function stands.

        Raises:
            CodeUnknown: it cannot be read, or is another one by now.
        """
        code = function.__code__
        known = _PLACES.get(id(code))
        if known is not None:
            return known[1:]
        name = f"{function.__module__}.{function.__qualname__}"
        files = self._files(code.co_filename, function.__globals__)
        if not files:
            raise CodeUnknown(name, "its source cannot be read")
        for file in reversed(files):
            piece = file.place(code)
            if piece is not None:
                _PLACES[id(code)] = (code, file, piece)
                return file, piece
        raise CodeUnknown(name, f"{files[-1].shown_path} was edited after it was imported")

    def of_class(self, kind: type) -> tuple[SourceFile | None, list[Piece]]:
        """The source file of a class and where in it the class stands, as far as they are known."""
        known = self._classes.get(id(kind))
        if known is None:
            known = self._classes[id(kind)] = kind, self._find_class(kind)
        return known[1]

    def of_module(self, namespace: Mapping[str, Any]) -> SourceFile | None:
        """The source file of a module by its names; None where it has none that can be read."""
        path = namespace.get("__file__")
        is_source = isinstance(path, str) and not path.endswith((*EXTENSION_SUFFIXES, ".pyc"))
        files = self._files(str(path), namespace) if is_source else []
        return files[-1] if files else None

    def of_whole_module(self, namespace: Mapping[str, Any]) -> SourceFile | None:
        """The source file of a module that counts whole; None where it has none that can be read.

        Raises:
            CodeUnknown: functions or classes of it are not what stands there: it was edited after it was imported.
        """
        file = self.of_module(namespace)
        for value in [] if file is None else list(namespace.values()):
            is_class = isinstance(value, type) and value.__module__ == namespace.get("__name__")
            for one in [value, *vars(value).values()] if is_class else [value]:
                function = getattr(one, "__func__", one)
                if (
                    isinstance(function, FunctionType)
                    and function.__globals__ is namespace
                    and function.__code__.co_filename == namespace.get("__file__")
                    and file is not None
                    and self.of_function(function)[0].digest != file.digest
                ):
                    raise CodeUnknown(file.name, f"{file.shown_path} was edited after it was imported")
        return file

    def has_function(self, function: FunctionType) -> bool:
        """Whether there is a source of a function."""
        code = function.__code__
        if id(code) in _PLACES:
            return True
        files = self._files(code.co_filename, function.__globals__)
        # A text without a file is never edited, so where the code is not in it, somebody else compiled it, as attrs
        # does: it counts as bytecode.
        return bool(files) and (not _is_no_file(code.co_filename) or any(file.place(code) for file in files))

    def module(self, name: str) -> tuple[Origin | None, Mapping[str, Any]]:
        """Whose a module is that may not be loaded, None if there is none, and its names, as far as they are known."""
        if name not in self._modules:
            spec, loaded = spec_of(name), sys.modules.get(name)
            names = vars(loaded) if loaded is not None else {} if spec is None else _names_of(spec)
            origin = None if spec is None else origin_of_spec(spec)
            if spec is None and loaded is not None:
                # As the script that is run, which nothing would find by the name `__main__`.
                origin = origin_of_module(name)
            self._modules[name] = (origin, names)
        return self._modules[name]

    def name_of(self, namespace: Mapping[str, Any]) -> str:
        """What a module of these names is called: by its file where that can be read."""
        file = self.of_module(namespace)
        return str(namespace.get("__name__")) if file is None else file.name

    def keep(self) -> None:
        """Keep what was found out of the files that were looked at, as they are now."""
        if self._kept is None:
            return
        for files in self._looked_at.values():
            if files and files[-1].has_new_facts and files[-1].signature is not None:
                self._kept.keep(files[-1].path, files[-1].text, files[-1].facts)
                files[-1].has_new_facts = False

    def _find_class(self, kind: type) -> tuple[SourceFile | None, list[Piece]]:
        methods = [
            value
            for value in (getattr(value, "fget", getattr(value, "__func__", value)) for value in vars(kind).values())
            if isinstance(value, FunctionType) and value.__code__.co_qualname.startswith(f"{kind.__qualname__}.")
        ]
        # Others are what decorators and metaclasses wrote.
        written = [
            method for method in methods if origin_of_function(method) is Origin.PROJECT and self.has_function(method)
        ]
        module = sys.modules.get(kind.__module__)
        file = None
        if written:
            file = self.of_function(written[0])[0]
        elif module is not None:
            file = self.of_module(vars(module))
        if file is None:
            return None, []
        pieces = file.classes(kind.__qualname__)
        lines = [method.__code__.co_firstlineno for method in written]
        holding = [piece for piece in pieces if any(piece.line <= line <= piece.end_line for line in lines)]
        return file, holding or pieces

    def _files(self, path: str, namespace: Mapping[str, Any]) -> list[SourceFile]:
        """All readings of a file, of which the last is how it is now; empty where it cannot be read."""
        seen = self._looked_at.get(path)
        if seen is None:
            where = path if _is_no_file(path) else os.path.abspath(path)
            seen = self._looked_at[path] = self._look(where, namespace)
        return seen

    def _look(self, path: str, namespace: Mapping[str, Any]) -> list[SourceFile]:
        known = _READ.setdefault(path, [])
        loader = namespace.get("__loader__") if namespace.get("__file__") == path else None
        signature = _signature(path)
        is_live = loader is None or type(loader) is SourceFileLoader
        if is_live and known and signature is not None and known[-1].signature == signature:
            return known
        text = _text(path, loader)
        if text is not None and not (known and known[-1].text == text):
            is_compiled_as_written = loader is None or (
                isinstance(loader, SourceFileLoader) and type(loader).source_to_code is SourceFileLoader.source_to_code
            )
            name = str(namespace.get("__name__")) if signature is None else module_name(path)
            facts = {} if self._kept is None or signature is None else self._kept.of(path, text)
            known.append(SourceFile(path, text, name, signature, is_compiled_as_written, facts))
        return known


def absolute(level: int, module: str, names: Mapping[str, Any]) -> str | None:
    """The full name of a module that an import names in a module of these names; None where there is no such."""
    try:
        return resolve_name("." * level + module, names.get("__package__")) if level else module
    except ImportError:
        return None


@cache
def module_name(path: str) -> str:
    """What a source file is called as a module, by the packages that it lies in: the same for whoever imports it."""
    folder, file = os.path.split(path)
    names = [] if file == "__init__.py" else [file.removesuffix(".py")]
    while os.path.isfile(os.path.join(folder, "__init__.py")) and os.path.dirname(folder) != folder:
        folder, package = os.path.split(folder)
        names.insert(0, package)
    return ".".join(names)


def _is_no_file(path: str) -> bool:
    # Such as `<stdin>`, what is written by a program, and a cell of a notebook.
    return path.startswith("<")


def _names_of(spec: ModuleSpec) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": spec.name, "__loader__": spec.loader, "__package__": spec.parent}
    if spec.has_location:
        names["__file__"] = spec.origin
    if spec.submodule_search_locations is not None:
        names["__path__"] = list(spec.submodule_search_locations)
    return names


def _signature(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _text(path: str, loader: Any) -> str | None:
    get_source = getattr(loader, "get_source", None)
    if get_source is not None and type(loader) is not SourceFileLoader:
        try:
            source = get_source(loader.name)
        except (ImportError, AttributeError):
            source = None
        if isinstance(source, str):
            return source
    try:
        return decode_source(Path(path).read_bytes())
    except (OSError, ValueError, SyntaxError):
        # The cell of a notebook, or what was typed.
        return "".join(linecache.getlines(path)) or None
