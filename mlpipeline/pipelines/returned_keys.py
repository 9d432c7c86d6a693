"""What a stage makes, read from the syntax of its `run`: the keys of the literal dicts that it returns."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from mlpipeline.authoring.stages import Artifact, artifact_name
from mlpipeline.domain.syntax import syntax_tree
from mlpipeline.errors import PipelineError


def returned_keys(function: Callable[..., Any], stage: str) -> tuple[str, ...]:
    """Return the keys of the literal dicts that a function returns, in order.

    Raises:
        PipelineError: it returns anything else, or different keys in different places.
    """
    found = {tuple(sorted(keys)): keys for keys in _dicts(function, stage)}
    if len(found) == 1:
        return next(iter(found.values()))
    why = "it returns no literal dict" if not found else "it returns different keys in different places"
    raise PipelineError(f"stage {stage}: what it makes is not known: {why}. Say it: @stage(outputs=[…]).")


def _dicts(function: Callable[..., Any], stage: str) -> Iterator[tuple[str, ...]]:
    try:
        tree = syntax_tree(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError):
        tree = None
    if tree is None:
        raise PipelineError(f"stage {stage}: its source cannot be read, so say what it makes: @stage(outputs=[…]).")
    for node in _own_nodes(tree.body[0]):
        match node:
            case ast.Return(value=ast.Dict(keys=keys)):
                names = [_name(key, function) for key in keys]
                if None in names:
                    raise PipelineError(
                        f"stage {stage}: it returns a dict with a key that is no literal. Say @stage(outputs=[…])."
                    )
                yield tuple(str(name) for name in names)
            case ast.Return():
                raise PipelineError(
                    f"stage {stage}: it returns something else than a literal dict. Say @stage(outputs=[…])."
                )


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    pending = list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending = [*ast.iter_child_nodes(node), *pending]


def _name(key: ast.expr | None, function: Callable[..., Any]) -> str | None:
    match key:
        case ast.Constant(value=str() as name):
            return name
        case ast.Name(id=name):
            marker = getattr(function, "__globals__", {}).get(name)
            return artifact_name(marker) if isinstance(marker, type) and issubclass(marker, Artifact) else None
        case _:
            return None
