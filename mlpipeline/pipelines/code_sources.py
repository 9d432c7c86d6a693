"""The sources of project modules as they were loaded, and where in them a function or a class stands."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, SourceFileLoader
from importlib.util import decode_source, resolve_name
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from mlpipeline.domain.references import Imported, References, class_outline, references
from mlpipeline.domain.scope import bound_names
from mlpipeline.domain.syntax import canonical, children, syntax_tree
from mlpipeline.errors import CodeUnknown, SettingsError
from mlpipeline.pipelines.code_facts import Facts, KeptFacts
from mlpipeline.pipelines.content import text_digest
from mlpipeline.pipelines.installed import Origin, origin_of_spec, spec_of
from mlpipeline.pipelines.top_level import TopLevel, top_level
from mlpipeline.project.settings import find_project

#: Source files that were read, by path: the last one is how it looks now. Earlier ones stay, because what was imported
#: of them may still run.
_READ: dict[str, list[SourceFile]] = {}
#: id of a code object -> it, and where its syntax is: found once, though every execution asks for it.
_PLACES: dict[int, tuple[CodeType, SourceFile, Piece]] = {}


class Piece(NamedTuple):
    """A definition or a statement of a source file."""

    #: By which its file knows it: `definition 12`, `statement 3`.
    key: str
    line: int
    end_line: int


class SourceFile:
    """One source file, as some module was loaded from it. It is parsed only for what is not known of it already.

    Args:
        path: where it was.
        text: what it held.
        name: what parts are called that lie in it: by its place, whatever it was imported as.
        signature: by which a change of the file is seen.
        is_compiled_as_written: whether what runs is what Python makes of this text; a loader may rewrite assertions.
        facts: what is known of this text already; what is found out is added.
    """

    def __init__(
        self, path: str, text: str, name: str, signature: object, is_compiled_as_written: bool, facts: Facts
    ) -> None:
        self.path, self.text, self.name, self.signature = path, text, name, signature
        self._is_compiled_as_written = is_compiled_as_written
        self.facts = facts
        #: Whether more is known of it than was at first.
        self.has_new_facts = False
        if not facts:
            self._require_tree()
        self._references: dict[str, References] = {}

    @cached_property
    def shown_path(self) -> str:
        """Its path below the project, else below the folder that its modules are imported from."""
        return os.path.relpath(self.path, self.root)

    @cached_property
    def root(self) -> str:
        """The folder of the project that it lies in, else the one that its modules are imported from."""
        return _root(os.path.dirname(self.path))

    @cached_property
    def digest(self) -> str:
        """What stands for the syntax of all of it."""
        return str(self._fact("digest", lambda: text_digest(canonical(self._tree))))

    def portable(self, text: str) -> str:
        """A text of values in which nothing says where the project is."""
        return text.replace(self._root_in_texts, "<project>/") if text else text

    @cached_property
    def _root_in_texts(self) -> str:
        return ascii(self.root + os.sep)[1:-1]

    def references(self, piece: Piece) -> References:
        """What a definition or a statement in it refers to; what stands for its syntax is a digest."""
        return self._found_references(piece.key, lambda: self._node(piece.key))

    @property
    def whole(self) -> References:
        """What all of it refers to."""
        return self._found_references("all", lambda: self._tree)

    def place(self, code: CodeType) -> Piece | None:
        """Where the code of a function stands; None if it was not made of this text."""
        candidates = self._functions.get((code.co_name, code.co_firstlineno), [])
        if self._is_compiled_as_written and code not in self._compiled.get((code.co_name, code.co_firstlineno), ()):
            return None
        if len(candidates) > 1:
            candidates = [(piece, extent) for piece, extent in candidates if _holds(extent, code)]
        # Of lambdas in each other, the innermost.
        return candidates[-1][0] if candidates else None

    def classes(self, qualname: str) -> list[Piece]:
        """All classes of that name in it."""
        return self._classes.get(qualname, [])

    def is_defined_once(self, qualname: str) -> bool:
        """Whether that name is that of one function or class."""
        return self._defined[qualname] == 1

    def binding(self, name: str) -> list[Piece]:
        """The statements of its top level that bind a name, and those that may do something with its value."""
        return [
            piece
            for piece, bound, may_change in self._statements
            if name in bound or (may_change and any(chain[0] == name for chain in self.references(piece).names))
        ]

    def line(self, name: str) -> int | None:
        """The line where its top level first binds a name."""
        return next((piece.line for piece, bound, _ in self._statements if name in bound), None)

    @cached_property
    def top_level(self) -> TopLevel:
        """What its top level sets outside of the project, assigns and imports."""
        return self._fact("top level", lambda: top_level(self._tree))  # type: ignore[no-any-return]

    def statement(self, number: int) -> Piece:
        """A statement of its top level."""
        return self._statements[number][0]

    def assigning(self, name: str) -> list[int]:
        """The numbers of the statements of its top level that assign a name."""
        return [number for number in sorted(self.top_level[1]) if name in self._statements[number][1]]

    def imported_from(self, name: str) -> list[tuple[int, str, str]]:
        """From where its top level may have a name: the dots of the import, the module, and what it is called there."""
        return self._imports.get(name, []) + [(level, module, name) for level, module, _ in self._imports.get("*", [])]

    def _fact(self, name: str, found: Callable[[], Any]) -> Any:
        if name not in self.facts:
            self.facts[name] = found()
            self.has_new_facts = True
        return self.facts[name]

    def _found_references(self, key: str, node: Callable[[], ast.AST]) -> References:
        found = self._references.get(key)
        if found is None:
            said = self._fact(f"references {key}", lambda: self._read_references(node()))
            imports = tuple(
                Imported(level=level, module=module, names=names) for level, module, names in said["imports"]
            )
            found = References(**{**said, "imports": imports})
            self._references[key] = found
        return found

    def _read_references(self, node: ast.AST) -> dict[str, Any]:
        outline = class_outline(node) if isinstance(node, ast.ClassDef) else node
        found = references(outline, evaluates_annotations=self._evaluates_annotations)
        imports = tuple((one.level, one.module, one.names) for one in found.imports)
        return {**vars(found), "text": text_digest(found.text), "imports": imports}

    def _require_tree(self) -> ast.Module:
        tree = syntax_tree(self.text)
        if tree is None:
            raise CodeUnknown(self.name, f"{self.path} does not parse any more")
        self._tree = tree
        return tree

    @cached_property
    def _tree(self) -> ast.Module:
        return self._require_tree()

    @cached_property
    def _evaluates_annotations(self) -> bool:
        return not any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and "annotations" in {alias.name for alias in node.names}
            for node in self._tree.body
        )

    def _node(self, key: str) -> ast.AST:
        kind, _, number = key.partition(" ")
        return self._nodes[int(number)][1] if kind == _DEFINITION else self._tree.body[int(number)]

    @cached_property
    def _imports(self) -> Mapping[str, list[tuple[int, str, str]]]:
        return self._fact("imports", lambda: _imports(self._tree))  # type: ignore[no-any-return]

    @cached_property
    def _statements(self) -> list[tuple[Piece, frozenset[str], bool]]:
        """Of the top level: each with the names that it binds, and whether it may do something with a value."""
        found = self._fact("statements", lambda: list(map(_statement, self._tree.body)))
        return [
            (Piece(f"{_STATEMENT} {number}", line, end_line), bound, may_change)
            for number, (line, end_line, bound, may_change) in enumerate(found)
        ]

    @cached_property
    def _nodes(self) -> list[tuple[str, ast.AST]]:
        """Functions, lambdas and classes with their qualified names, outer before inner."""
        return list(_defined(self._tree))

    @cached_property
    def _definitions(self) -> list[tuple[str, str | None, int, int, int, _Extent]]:
        """Of each of them the qualified name, its code's name and first line, its lines, and what its code is within.

        A class has no name there.
        """
        return self._fact(  # type: ignore[no-any-return]
            "definitions", lambda: [(qualname, *_definition(node)) for qualname, node in self._nodes]
        )

    @cached_property
    def _functions(self) -> Mapping[tuple[str, int], list[tuple[Piece, _Extent]]]:
        found: dict[tuple[str, int], list[tuple[Piece, _Extent]]] = {}
        for number, (_, name, first, line, end_line, extent) in enumerate(self._definitions):
            if name is not None:
                piece = Piece(f"{_DEFINITION} {number}", line, end_line)
                found.setdefault((name, first), []).append((piece, extent))
        return found

    @cached_property
    def _classes(self) -> Mapping[str, list[Piece]]:
        found: dict[str, list[Piece]] = {}
        for number, (qualname, name, _, line, end_line, _) in enumerate(self._definitions):
            if name is None:
                found.setdefault(qualname, []).append(Piece(f"{_DEFINITION} {number}", line, end_line))
        return found

    @cached_property
    def _defined(self) -> Mapping[str, int]:
        return Counter(definition[0] for definition in self._definitions)

    @cached_property
    def _compiled(self) -> Mapping[tuple[str, int], list[CodeType]]:
        found: dict[tuple[str, int], list[CodeType]] = {}
        code = self._fact("code", self._compile)
        pending = [] if code is None else [code]
        while pending:
            code = pending.pop()
            found.setdefault((code.co_name, code.co_firstlineno), []).append(code)
            pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        return found

    def _compile(self) -> CodeType | None:
        try:
            return compile(self._tree, self.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return None


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

    def of_class(
        self, kind: type, find: Callable[[type], tuple[SourceFile | None, list[Piece]]]
    ) -> tuple[SourceFile | None, list[Piece]]:
        """What `find` finds of a class, which is asked once: its file, and where in it the class stands."""
        known = self._classes.get(id(kind))
        if known is None:
            known = self._classes[id(kind)] = kind, find(kind)
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
        return id(code) in _PLACES or bool(self._files(code.co_filename, function.__globals__))

    def module(self, name: str) -> tuple[Origin | None, Mapping[str, Any]]:
        """Whose a module is that may not be loaded, None if there is none, and its names, as far as they are known."""
        if name not in self._modules:
            spec, loaded = spec_of(name), sys.modules.get(name)
            names = vars(loaded) if loaded is not None else {} if spec is None else _names_of(spec)
            self._modules[name] = (None if spec is None else origin_of_spec(spec), names)
        return self._modules[name]

    def keep(self) -> None:
        """Keep what was found out of the files that were looked at, as they are now."""
        for files in self._looked_at.values() if self._kept is not None else ():
            if files and files[-1].has_new_facts and files[-1].signature is not None:
                self._kept.keep(files[-1].path, files[-1].text, files[-1].facts)  # type: ignore[union-attr]
                files[-1].has_new_facts = False

    def _files(self, path: str, namespace: Mapping[str, Any]) -> list[SourceFile]:
        """All readings of a file, of which the last is how it is now; empty where it cannot be read."""
        seen = self._looked_at.get(path)
        if seen is None:
            where = path if path.startswith("<") else os.path.abspath(path)
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


@cache
def _root(folder: str) -> str:
    try:
        return str(find_project(Path(folder)))
    except SettingsError:
        while os.path.isfile(os.path.join(folder, "__init__.py")) and os.path.dirname(folder) != folder:
            folder = os.path.dirname(folder)
        return folder


_LEAVES = {ast.Name, ast.Constant, ast.arg, ast.alias}


def _defined(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    pending: list[tuple[str, ast.AST]] = [("", tree)]
    while pending:
        prefix, node = pending.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield f"{prefix}{name}", node
                prefix = f"{prefix}{name}.<locals>."
            case ast.ClassDef(name=name):
                yield f"{prefix}{name}", node
                prefix = f"{prefix}{name}."
            case ast.Lambda():
                yield f"{prefix}<lambda>", node
                prefix = f"{prefix}<lambda>.<locals>."
        pending += [(prefix, child) for child in reversed(children(node)) if type(child) not in _LEAVES]


#: A line and a column where something begins, and those where it ends.
_Extent = tuple[int, int, int, int]
_DEFINITION, _STATEMENT = "definition", "statement"


def _definition(node: Any) -> tuple[str | None, int, int, int, _Extent]:
    body, name, first = node, getattr(node, "name", "<lambda>"), node.lineno
    if isinstance(node, ast.Lambda):
        body = node.body
    elif isinstance(node, ast.ClassDef):
        name = None
    else:
        first = min([first, *(decorator.lineno for decorator in node.decorator_list)])
    extent = (body.lineno, body.col_offset, body.end_lineno, body.end_col_offset)
    return name, first, node.lineno, node.end_lineno, extent


def _statement(node: ast.stmt) -> tuple[int, int, frozenset[str], bool]:
    return node.lineno, node.end_lineno or node.lineno, bound_names(node), _may_change_values(node)


def _imports(tree: ast.Module) -> dict[str, list[tuple[int, str, str]]]:
    found: dict[str, list[tuple[int, str, str]]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                origin = (statement.level, statement.module or "", alias.name)
                found.setdefault(alias.asname or alias.name, []).append(origin)
    return found


def _holds(extent: _Extent, code: CodeType) -> bool:
    """Whether all of a code object stands within a function: several lambdas may begin in one line."""
    begin, end = extent[:2], extent[2:]
    places = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if None not in (line, end_line, column, end_column) and end_column
    ]
    return all(begin <= first and last <= end for first, last in places)


def _may_change_values(statement: ast.stmt) -> bool:
    """Whether a statement of the top level may do something with a value that another one has bound."""
    match statement:
        case ast.Assign(targets=targets):
            return not all(isinstance(target, ast.Name) for target in targets)
        case ast.Expr() | ast.AugAssign() | ast.Delete() | ast.With() | ast.For() | ast.Try():
            return True
        case _:
            return False
