"""What stands where in a source file, as its syntax shows it: definitions, statements and imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType
from typing import Any, NamedTuple

from mlpipeline.domain.scope import bound_names
from mlpipeline.domain.syntax import children
from mlpipeline.pipelines.top_level import is_skipped

#: A line and a column where something begins, and those where it ends.
Extent = tuple[int, int, int, int]
#: Nodes in which nothing is defined.
_LEAVES = {ast.Name, ast.Constant, ast.arg, ast.alias}


class Piece(NamedTuple):
    """A definition or a statement of a source file."""

    #: By which its file knows it: `definition 12`, `statement 3`.
    key: str
    line: int
    end_line: int


class Statement(NamedTuple):
    """A statement of the top level."""

    piece: Piece
    #: The names that it binds.
    bound: frozenset[str]
    #: Whether it may do something with the value of another.
    may_change: bool


class Definition(NamedTuple):
    """A function, a lambda or a class, wherever it stands."""

    qualname: str
    #: What its code is called; None of a class.
    code_name: str | None
    #: Of its code: that of its first decorator.
    first_line: int
    piece: Piece
    #: What all of its code stands within.
    extent: Extent


def defined(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Functions, lambdas and classes with their qualified names, outer before inner."""
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


def definition(qualname: str, node: Any) -> tuple[str, str | None, int, int, int, Extent]:
    """Its qualified name, its code's name and first line, its own first line and last, and the extent of its code."""
    body, name, first = node, getattr(node, "name", "<lambda>"), node.lineno
    if isinstance(node, ast.Lambda):
        body = node.body
    elif isinstance(node, ast.ClassDef):
        name = None
    else:
        first = min([first, *(decorator.lineno for decorator in node.decorator_list)])
    extent = (body.lineno, body.col_offset, body.end_lineno, body.end_col_offset)
    return qualname, name, first, node.lineno, node.end_lineno, extent


def statement(node: ast.stmt) -> tuple[int, int, frozenset[str], bool]:
    """The first and the last line of a statement, the names that it binds, and whether it may change values."""
    return node.lineno, node.end_lineno or node.lineno, bound_names(node), _may_change_values(node)


def imports(tree: ast.Module) -> dict[str, list[tuple[int, str, str]]]:
    """From where the top level has a name: the dots of the import, the module, and what it is called there."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                origin = (node.level, node.module or "", alias.name)
                found.setdefault(alias.asname or alias.name, []).append(origin)
    return found


def holds(extent: Extent, code: CodeType) -> bool:
    """Whether all of a code object stands within a function: several lambdas may begin in one line."""
    begin, end = extent[:2], extent[2:]
    places = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if None not in (line, end_line, column, end_column) and end_column
    ]
    return all(begin <= first and last <= end for first, last in places)


def _may_change_values(node: ast.stmt) -> bool:
    """Whether a statement of the top level may do something with a value that another one has bound."""
    match node:
        case ast.Assign(targets=targets):
            return not all(isinstance(target, ast.Name) for target in targets)
        case (
            ast.Expr() | ast.AugAssign() | ast.Delete() | ast.With() | ast.For() | ast.While() | ast.Try() | ast.Match()
        ):
            return True
        case ast.If():
            return not is_skipped(node)
        case _:
            return False
