"""What a stage makes, read from the syntax of its `run`: the keys of the literal dicts that it returns."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from mlpipeline.authoring.stages import Artifact, artifact_name, is_marker
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


#: What is shown of an expression, in characters.
_LONGEST = 40


def returned_markers(function: Callable[..., Any]) -> list[type[Artifact]]:
    """Return the marker classes among the keys of the literal dicts that a function returns.

    Raises:
        KeysUnknown: the syntax does not say what it returns.
    """
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None:
        raise KeysUnknown("its source cannot be read")
    keys = [key for _, keys in _returned(code) for key in keys]
    return [_marker(text, function) for text, is_literal in keys if not is_literal and _marker(text, function)]


#: The line of a dict, and its keys: the text of each, and whether it is a literal or the name of something.
_Returned = tuple[int, tuple[tuple[str, bool], ...]]


@functools.lru_cache(maxsize=1024)
def _returned(code: CodeType) -> tuple[_Returned, ...]:
    """The literal dicts that are returned; code never changes, so it is read once."""
    function = _parsed(_lines(code))
    if function is None:
        try:
            function = _parsed(inspect.getsource(code))
        except (OSError, TypeError):
            function = None
    if function is None:
        raise KeysUnknown("its source cannot be read")
    # The first line of what was parsed is one that we put there.
    return tuple(_keys(value, code.co_firstlineno - 2 + value.lineno) for value in _values(function, code))


def _parsed(source: str) -> ast.FunctionDef | None:
    """The syntax of a function; None where the source holds none, or not the whole of it."""
    # Below an `if`, for a method is indented; to take that away would break what texts it has in several lines.
    tree = syntax_tree(f"if 1:\n{source}" if source[:1].isspace() else f"\n{source}")
    node = tree.body[0] if tree is not None and tree.body else None
    if isinstance(node, ast.If):
        node = node.body[0]
    return node if isinstance(node, ast.FunctionDef) else None


def _lines(code: CodeType) -> str:
    """The lines of a function as far as its code says where it ends: `inspect` would look for that, and take longer."""
    end, pending = 0, [code]
    while pending:
        part = pending.pop()
        end = max(end, *(last or 0 for _, last, _, _ in part.co_positions()))
        pending += [constant for constant in part.co_consts if isinstance(constant, CodeType)]
    return "".join(linecache.getlines(code.co_filename)[code.co_firstlineno - 1 : end])


def _values(function: ast.FunctionDef, code: CodeType) -> Iterator[ast.expr]:
    """What a function may return, in order: of `a if x else b` both."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, _OTHERS):
            continue
        if not isinstance(node, ast.Return):
            # Nothing else than statements holds statements; what expressions consist of is nobody's concern.
            pending[:0] = [part for part in ast.iter_child_nodes(node) if not isinstance(part, ast.expr)]
        elif node.value is None:
            raise KeysUnknown(f"line {code.co_firstlineno - 2 + node.lineno} returns nothing")
        else:
            values = [node.value]
            while values:
                value = values.pop(0)
                if isinstance(value, ast.IfExp):
                    values[:0] = [value.body, value.orelse]
                else:
                    yield value


#: What is defined in a function, and returns for itself.
_OTHERS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _keys(value: ast.expr, line: int) -> _Returned:
    if not isinstance(value, ast.Dict):
        text = ast.unparse(value)
        shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        raise KeysUnknown(f"line {line} returns `{shown}`, which is no literal dict")
    keys = []
    for key in value.keys:
        match key:
            case ast.Constant(value=str() as name):
                keys.append((name, True))
            case ast.Name() | ast.Attribute():
                keys.append((ast.unparse(key), False))
            case None:
                raise KeysUnknown(f"line {line} returns a dict with `**`, whose keys are not to be seen")
            case _:
                raise KeysUnknown(f"line {line} returns a dict with the key `{ast.unparse(key)}`, no literal")
    return line, tuple(keys)


def _name(text: str, is_literal: bool, function: Callable[..., Any], line: int) -> str:
    if is_literal:
        return text
    marker = _marker(text, function)
    if marker is None:
        raise KeysUnknown(f"line {line} returns a dict with the key `{text}`, which is no marker class")
    return artifact_name(marker)


def _marker(text: str, function: Callable[..., Any]) -> Any:
    """The marker class that a name stands for in a function; None where it stands for something else."""
    first, *rest = text.split(".")
    try:
        names = inspect.getclosurevars(function)
        marker = {**names.globals, **names.nonlocals}.get(first)
    except ValueError:  # A name of the function around it is not bound yet.
        marker = None
    for attribute in rest:
        marker = getattr(marker, attribute, None)
    return marker if is_marker(marker) else None


def _listed(keys: tuple[str, ...]) -> str:
    return ", ".join(keys) or "no keys"


def _twice(keys: tuple[str, ...]) -> str:
    return next(key for key in keys if keys.count(key) > 1)
