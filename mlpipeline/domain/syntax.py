"""Python syntax as a text: equal for sources that differ only in comments, docstrings and layout."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping

Definition = ast.FunctionDef | ast.AsyncFunctionDef

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


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below another, in the order of reading, without those that say nothing more, such as `Load`."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and value._fields:
            found.append(value)
    return found


def is_bare_string(node: object) -> bool:
    """Whether `node` is a statement that is nothing but a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _parts(node: ast.AST, names: Mapping[ast.AST, str]) -> list[str | ast.AST]:
    """The text of a node, with the nodes below it where theirs belongs, as far as they are not written out at once.

    This is most of what it takes to read the code of a project.
    """
    leaf = _leaf(node, names)
    if leaf is not None:
        return [leaf]
    parts: list[str | ast.AST] = [f"{type(node).__name__}("]
    for name in node._fields:
        if name in _REDUNDANT_FIELDS:
            continue
        value = getattr(node, name, None)
        if value is None:
            continue
        if type(value) is list:
            # A file that holds nothing but a docstring says as much as an empty one.
            items = [item for item in value if not is_bare_string(item)]
            if items:
                parts.append(f"{name}=[")
                for item in items:
                    parts.append(_leaf(item, names) or (item if isinstance(item, ast.AST) else ascii(item)))
                    parts.append(",")
                parts.append("],")
        elif isinstance(value, ast.AST):
            parts += [f"{name}=", _leaf(value, names) or value, ","]
        else:
            # `name` and `rest`: of exception handlers and patterns.
            parts.append(f"{name}={names[node] if name in _NAMED_BY and node in names else ascii(value)},")
    parts.append(")")
    return parts


def _leaf(node: object, names: Mapping[ast.AST, str]) -> str | None:
    """The text of a node below which there is nothing; None of another."""
    if type(node) is ast.Name:
        return f"Name(id={names.get(node) or ascii(node.id)},)"
    if type(node) is ast.Constant:
        value = node.value
        # Python refuses to write a very long int in decimal, and what `repr` escapes depends on Unicode's version.
        return f"Constant({hex(value) if isinstance(value, int) and not isinstance(value, bool) else ascii(value)})"
    return None
