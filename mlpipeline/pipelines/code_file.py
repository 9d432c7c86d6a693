"""One source file of the project as some module was loaded from it, and what is known of its syntax."""

from __future__ import annotations

import ast
import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar

from mlpipeline.domain.references import References, class_outline, decorated, references
from mlpipeline.domain.syntax import canonical, syntax_tree
from mlpipeline.domain.syntax_walk import Imported
from mlpipeline.errors import CodeUnknown, SettingsError
from mlpipeline.pipelines import code_outline
from mlpipeline.pipelines.code_facts import Facts
from mlpipeline.pipelines.code_outline import Definition, Extent, Piece, Statement
from mlpipeline.pipelines.content import text_digest
from mlpipeline.pipelines.top_level import TopLevel, top_level
from mlpipeline.project.settings import find_project

_Fact = TypeVar("_Fact")

#: The kinds of pieces.
_DEFINITION, _STATEMENT = "definition", "statement"


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
        return self._fact("digest", lambda: text_digest(canonical(self._tree)))

    def portable(self, text: str) -> str:
        """A text of values in which nothing says where the project is."""
        return text.replace(self._root_in_texts, "<project>/") if text else text

    @cached_property
    def _root_in_texts(self) -> str:
        return ascii(self.root + os.sep)[1:-1]

    def references(self, piece: Piece) -> References:
        """What a definition or a statement in it refers to; what stands for its syntax is a digest."""
        return self._found_references(piece.key, lambda: self._node(piece.key))

    def decorated(self, piece: Piece) -> References:
        """What the definitions in a class refer to that decorators make something of, which may say nothing of them."""
        return self._found_references(f"decorated {piece.key}", lambda: decorated(self._node(piece.key)))

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
            candidates = [(piece, extent) for piece, extent in candidates if code_outline.holds(extent, code)]
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
            if name in bound or (may_change and self._reads(piece, name))
        ]

    def changing(self, name: str) -> list[Piece]:
        """The statements of its top level that may do something with the value of a name."""
        return [piece for piece, _, may_change in self._statements if may_change and self._reads(piece, name)]

    def line(self, name: str) -> int | None:
        """The line where its top level first binds a name."""
        return next((piece.line for piece, bound, _ in self._statements if name in bound), None)

    @cached_property
    def top_level(self) -> TopLevel:
        """What its top level sets outside of the project, assigns and imports."""
        found: tuple[Any, ...] = self._fact("top level", lambda: tuple(top_level(self._tree)))
        return TopLevel(*found)

    def statement(self, number: int) -> Piece:
        """A statement of its top level."""
        return self._statements[number].piece

    def assigning(self, name: str) -> list[int]:
        """The numbers of the statements of its top level that assign a name."""
        return [number for number in sorted(self.top_level.assignments) if name in self._statements[number].bound]

    def imported_from(self, name: str) -> list[tuple[int, str, str]]:
        """From where its top level may have a name: the dots of the import, the module, and what it is called there."""
        return self._imports.get(name, []) + [(level, module, name) for level, module, _ in self._imports.get("*", [])]

    def _reads(self, piece: Piece, name: str) -> bool:
        return any(chain[0] == name for chain in self.references(piece).names)

    def _fact(self, name: str, found: Callable[[], _Fact]) -> _Fact:
        if name not in self.facts:
            self.facts[name] = found()
            self.has_new_facts = True
        fact: _Fact = self.facts[name]
        return fact

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

    def _node(self, key: str) -> Any:
        kind, _, number = key.partition(" ")
        return self._nodes[int(number)][1] if kind == _DEFINITION else self._tree.body[int(number)]

    @cached_property
    def _imports(self) -> Mapping[str, list[tuple[int, str, str]]]:
        return self._fact("imports", lambda: code_outline.imports(self._tree))

    @cached_property
    def _statements(self) -> list[Statement]:
        found = self._fact("statements", lambda: list(map(code_outline.statement, self._tree.body)))
        return [
            Statement(Piece(f"{_STATEMENT} {number}", line, end_line), bound, may_change)
            for number, (line, end_line, bound, may_change) in enumerate(found)
        ]

    @cached_property
    def _nodes(self) -> list[tuple[str, ast.AST]]:
        """Functions, lambdas and classes with their qualified names, outer before inner."""
        return list(code_outline.defined(self._tree))

    @cached_property
    def _definitions(self) -> list[Definition]:
        """What those are, in the same order."""
        found = self._fact("definitions", lambda: [code_outline.definition(*one) for one in self._nodes])
        return [
            Definition(name, code_name, first_line, Piece(f"{_DEFINITION} {number}", line, end_line), extent)
            for number, (name, code_name, first_line, line, end_line, extent) in enumerate(found)
        ]

    @cached_property
    def _functions(self) -> Mapping[tuple[str, int], list[tuple[Piece, Extent]]]:
        found: dict[tuple[str, int], list[tuple[Piece, Extent]]] = {}
        for one in self._definitions:
            if one.code_name is not None:
                found.setdefault((one.code_name, one.first_line), []).append((one.piece, one.extent))
        return found

    @cached_property
    def _classes(self) -> Mapping[str, list[Piece]]:
        found: dict[str, list[Piece]] = {}
        for one in self._definitions:
            if one.code_name is None:
                found.setdefault(one.qualname, []).append(one.piece)
        return found

    @cached_property
    def _defined(self) -> Mapping[str, int]:
        return Counter(one.qualname for one in self._definitions)

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


@cache
def _root(folder: str) -> str:
    try:
        return str(find_project(Path(folder)))
    except SettingsError:
        while os.path.isfile(os.path.join(folder, "__init__.py")) and os.path.dirname(folder) != folder:
            folder = os.path.dirname(folder)
        return folder
