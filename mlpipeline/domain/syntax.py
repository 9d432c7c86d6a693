"""Python syntax as a text: equal for sources that differ only in comments, docstrings and layout."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from functools import cache

# Fields that say nothing which the rest of the tree does not: `Load` or `Store`, and how a string was written.
_REDUNDANT_FIELDS = {"ctx", "kind", "type_comment", "type_ignores"}
# Fields that name a variable.
_NAMED_BY = {"id", "name", "rest"}
_AS_WRITTEN: Mapping[ast.AST, str] = {}


def syntax_tree(source: str | bytes) -> ast.Module | None:
    """The syntax of a Python source, or None if it does not parse."""
    if isinstance(source, str):
        source = source.removeprefix("\ufeff")
    with warnings.catch_warnings():
        # The user sees warnings about their code when it is imported; here they would come out of nowhere.
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def canonical_source(source: str) -> str:
    """The canonical text of a source, or the source itself if it does not parse."""
    tree = syntax_tree(source)
    return f"text {source}" if tree is None else canonical(tree)


def canonical(tree: ast.AST, names: Mapping[ast.AST, str] = _AS_WRITTEN) -> str:
    """A text that is equal for equal syntax, in every version of Python in which that syntax exists.

    Empty fields are left out because later versions of Python add some, and bare strings, docstrings among
    them, because they do nothing.

    Args:
        tree: the syntax.
        names: node -> what stands there for the name of a variable.
    """
    texts: list[str] = []
    # A stack of our own: a sum of a thousand terms is nested deeper than Python's.
    pending: list[str | ast.AST] = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            texts.append(item)
        else:
            pending += reversed(_parts(item, names))
    return "".join(texts)


def is_bare_string(node: object) -> bool:
    """Whether `node` is a statement that is nothing but a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _parts(node: ast.AST, names: Mapping[ast.AST, str]) -> list[str | ast.AST]:
    """Return the nodes in a node, and the texts before, between and after them.

    All code that a project reaches comes through here: few long texts take half the time of many short ones.
    """
    kind = type(node)
    text = f"{kind.__name__}("
    if isinstance(node, ast.Constant):
        value = node.value
        # Python refuses to write a very long int in decimal, and what `repr` escapes depends on Unicode's version.
        shown = hex(value) if isinstance(value, int) and not isinstance(value, bool) else ascii(value)
        return [f"{text}{shown})"]
    parts: list[str | ast.AST] = []
    for name in _telling(kind._fields):
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            parts += f"{text}{name}=", value
            text = ","
        elif isinstance(value, list):
            if not value:
                continue
            text += f"{name}=["
            for item in value:
                if not isinstance(item, ast.AST):
                    text += f"{item!a},"
                elif not is_bare_string(item):
                    parts += text, item
                    text = ","
            text += "],"
        elif value is not None:
            # `name` and `rest`: of exception handlers and patterns.
            shown = names[node] if node in names and name in _NAMED_BY else ascii(value)
            text += f"{name}={shown},"
    parts.append(f"{text})")
    return parts


@cache
def _telling(fields: tuple[str, ...]) -> list[str]:
    return [name for name in fields if name not in _REDUNDANT_FIELDS]
