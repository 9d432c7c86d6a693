"""What a stage makes, read from the syntax of its `run`: the keys of the literal dicts that it returns."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from mlpipeline.authoring.stages import artifact_name, is_marker
from mlpipeline.domain.syntax import syntax_tree


class KeysUnknown(Exception):
    """The syntax does not say what a stage makes; `str()` of it says why not."""


def returned_keys(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the keys of the literal dicts that a function returns, in the order of the first.

    Raises:
        KeysUnknown: it returns anything else, different keys in different places, or nothing.
    """
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None:
        raise KeysUnknown("its source cannot be read")
    found: tuple[str, ...] | None = None
    first_line = 0
    for line, expressions in _returned(code):
        keys = tuple(_name(text, is_literal, function, line) for text, is_literal in expressions)
        if len(set(keys)) < len(keys):
            raise KeysUnknown(f'line {line} returns the key "{_twice(keys)}" twice')
        if found is not None and set(keys) != set(found):
            raise KeysUnknown(f"line {first_line} returns {_listed(found)}, line {line} {_listed(keys)}")
        if found is None:
            found, first_line = keys, line
    if found is None:
        raise KeysUnknown("it returns nothing")
    if not found:
        raise KeysUnknown(f"line {first_line} returns an empty dict")
    return found


#: The line of a dict, and its keys: the text of each, and whether it is a literal or the name of something.
_Returned = tuple[int, tuple[tuple[str, bool], ...]]


@functools.lru_cache(maxsize=1024)
def _returned(code: CodeType) -> tuple[_Returned, ...]:
    """The literal dicts that are returned; code never changes, so it is read once."""
    try:
        # Below an `if`, for a method is indented; to take that away would break what texts it has in several lines.
        tree = syntax_tree(f"if 1:\n{inspect.getsource(code)}") or syntax_tree(f"\n{inspect.getsource(code)}")
    except (OSError, TypeError):
        tree = None
    function = None if tree is None else next((n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)), None)
    if function is None:
        raise KeysUnknown("its source cannot be read")
    ast.increment_lineno(function, code.co_firstlineno - 2)
    return tuple(
        _keys(value) for node in _own_nodes(function) if isinstance(node, ast.Return) for value in _values(node)
    )


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """What a function consists of, in order, without those functions and classes that are defined in it."""
    pending = list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop(0)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield node
            pending = [*ast.iter_child_nodes(node), *pending]


def _values(node: ast.Return) -> Iterator[ast.expr]:
    """What may be returned there: of `a if x else b` both."""
    if node.value is None:
        raise KeysUnknown(f"line {node.lineno} returns nothing")
    pending = [node.value]
    while pending:
        value = pending.pop(0)
        if isinstance(value, ast.IfExp):
            pending = [value.body, value.orelse, *pending]
        else:
            yield value


def _keys(value: ast.expr) -> _Returned:
    if not isinstance(value, ast.Dict):
        text = ast.unparse(value)
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        raise KeysUnknown(f"line {value.lineno} returns `{shown}`, which is no literal dict")
    keys = []
    for key in value.keys:
        match key:
            case ast.Constant(value=str() as name):
                keys.append((name, True))
            case ast.Name() | ast.Attribute():
                keys.append((ast.unparse(key), False))
            case None:
                raise KeysUnknown(f"line {value.lineno} returns a dict with `**`, whose keys are not to be seen")
            case _:
                raise KeysUnknown(f"line {key.lineno} returns a dict with the key `{ast.unparse(key)}`, no literal")
    return value.lineno, tuple(keys)


def _name(text: str, is_literal: bool, function: Callable[..., Any], line: int) -> str:
    if is_literal:
        return text
    first, *rest = text.split(".")
    try:
        names = inspect.getclosurevars(function)
        marker = {**names.globals, **names.nonlocals}.get(first)
    except ValueError:  # A name of the function around it is not bound yet.
        marker = None
    for attribute in rest:
        marker = getattr(marker, attribute, None)
    if not is_marker(marker):
        raise KeysUnknown(f"line {line} returns a dict with the key `{text}`, which is no marker class")
    return artifact_name(marker)


def _listed(keys: tuple[str, ...]) -> str:
    return ", ".join(keys) or "no keys"


def _twice(keys: tuple[str, ...]) -> str:
    return next(key for key in keys if keys.count(key) > 1)
