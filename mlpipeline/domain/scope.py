"""What the top level of a module binds and reads."""

from __future__ import annotations

import ast
import symtable
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModuleScope:
    """The names of a module's top level, which excludes the bodies of functions and classes."""

    #: All that is evaluated there.
    nodes: Sequence[ast.AST]
    #: Name -> the nodes that bind it.
    bindings: Mapping[str, Sequence[ast.AST]]
    #: Name -> the nodes that read it.
    reads: Mapping[str, Sequence[ast.Name]]
    #: The module's names that functions and classes use.
    used_inside: Set[str]
    #: Name -> what of mlpipeline it stands for: `V` -> `mlpipeline.utils.Versions`.
    origins: Mapping[str, str]

    @classmethod
    def of(cls, tree: ast.Module, source: str) -> ModuleScope:
        """The scope of the module that `source` parses to."""
        nodes = list(_scope_nodes(tree))
        bindings: dict[str, list[ast.AST]] = {}
        reads: dict[str, list[ast.Name]] = {}
        found: dict[str, set[str]] = {}
        for node in nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                reads.setdefault(node.id, []).append(node)
            for name, origin in _bound_names(node):
                bindings.setdefault(name, []).append(node)
                found.setdefault(name, set()).add(origin)
        # A name that is bound in any other way too may be something else by the time it is used.
        origins = {name: next(iter(origin)) for name, origin in found.items() if len(origin) == 1}
        used_inside = _used_inside(source)
        return cls(nodes=nodes, bindings=bindings, reads=reads, used_inside=used_inside, origins=origins)

    def origin(self, node: ast.expr) -> str:
        """`mlpipeline.utils.Versions` where `node` stands for that; empty if it is nothing of mlpipeline."""
        match node:
            case ast.Name(id=name):
                return self.origins.get(name, "")
            case ast.Attribute(value=base, attr=attribute) if origin := self.origin(base):
                return f"{origin}.{attribute}"
            case _:
                return ""


def bound_names(statement: ast.stmt) -> frozenset[str]:
    """The names that a statement of the top level binds there; of `from … import *` none can be said."""
    return frozenset(name for node in _scope_nodes(statement) for name, _ in _bound_names(node))


def _scope_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        own_scope: set[int] = set()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            own_scope = {id(statement) for statement in node.body}
        elif isinstance(node, ast.Lambda):
            own_scope = {id(node.body)}
        pending.extend(child for child in ast.iter_child_nodes(node) if id(child) not in own_scope)


def _bound_names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that a node binds, each with what of mlpipeline it then stands for, or an empty text."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name, ""
        case ast.Import(names=aliases):
            for alias in aliases:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or name, _own_origin(name)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            for alias in aliases:
                for name in ("Versions", "version_parameters") if alias.name == "*" else (alias.name,):
                    origin = "" if level else _own_origin(f"{module}.{name}")
                    if origin or alias.name != "*":
                        yield alias.asname or name, origin
        case ast.MatchMapping(rest=str() as name):
            yield name, ""
        case ast.alias():
            pass
        case _ if isinstance(bound := getattr(node, "name", None), str):
            # Functions, classes, `except … as name` and patterns.
            yield bound, ""


def _own_origin(dotted: str) -> str:
    return dotted if dotted.partition(".")[0] == "mlpipeline" else ""


def _used_inside(source: str) -> Set[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = symtable.symtable(source.removeprefix("\ufeff"), "<script>", "exec")
        except (SyntaxError, RecursionError):
            # It parses but does not compile, so nothing of it will ever run.
            return frozenset()
    used: set[str] = set()
    pending = [(table, True) for table in module.get_children()]
    while pending:
        table, is_at_top = pending.pop()
        # Comprehensions at the top level were walked as part of it; `.0` is what they iterate over.
        is_at_top = is_at_top and ".0" in table.get_identifiers()
        pending.extend((child, is_at_top) for child in table.get_children())
        for symbol in () if is_at_top else table.get_symbols():
            # In a class body, `versions = versions` reads the module's name before it binds its own.
            if symbol.is_global() or (table.get_type() == "class" and symbol.is_referenced()):
                used.add(symbol.get_name())
    return used
