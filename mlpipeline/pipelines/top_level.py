"""Which statements of a top level set something outside of the module, such as `np.seterr(all="raise")`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mlpipeline.domain.syntax import Definition

#: The dots of an import, its module, and the names that it takes from there.
_Import = tuple[int, str, tuple[str, ...]]
#: Where a setting counts: the dots and the module by whose import it sets something, unless that is the project's;
#: None where it always does.
_Where = tuple[int, str] | None

#: What they are told makes no difference to what a stage makes.
_HARMLESS_MODULES, _HARMLESS = {"logging", "warnings"}, {"print"}


class TopLevel(NamedTuple):
    """What the top level of a module sets outside of it, assigns and imports."""

    #: The numbers of the statements that may set something outside, each with where that is.
    settings: list[tuple[int, list[_Where]]]
    #: Those of plain assignments.
    assignments: frozenset[int]
    imports: list[_Import]


def top_level(tree: ast.Module) -> TopLevel:
    """What there is at the top level of a module."""
    names = _Names(tree.body)
    effects = [(number, list(dict.fromkeys(_effects([node], names)))) for number, node in enumerate(tree.body)]
    assigned = frozenset(number for number, node in enumerate(tree.body) if isinstance(node, _ASSIGNMENTS))
    settings = [(number, where) for number, where in effects if where]
    return TopLevel(settings=settings, assignments=assigned, imports=list(_imports(tree.body)))


_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


class _Names:
    """What the names of a piece of code stand for, as far as its syntax says.

    Args:
        body: its statements.
        around: the names of the module, where it is that of a function.
        arguments: of the function.
    """

    def __init__(self, body: Sequence[ast.stmt], around: _Names | None = None, arguments: Iterable[str] = ()) -> None:
        self._around = around
        self.functions: dict[str, Definition] = {}
        self._imported: dict[str, tuple[int, str]] = {}
        self._assigned: dict[str, list[ast.expr | None]] = {name: [None] for name in arguments}
        for node in _own_nodes(body):
            match node:
                case ast.Import(names=aliases):
                    for alias in aliases:
                        self._imported[alias.asname or alias.name.partition(".")[0]] = (0, alias.name)
                case ast.ImportFrom(level=level, module=module, names=aliases):
                    for alias in aliases:
                        self._imported[alias.asname or alias.name] = (level, module or "")
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    self.functions[name] = node
                case ast.ClassDef(name=name):
                    self._assigned.setdefault(name, []).append(None)
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=value)
                ):
                    self._assigned.setdefault(name, []).append(value)
                case ast.Name(id=name, ctx=ast.Store()):
                    self._assigned.setdefault(name, []).append(None)
        self._own: set[str] = set()
        while more := [name for name in self._assigned if name not in self._own and self._is_from_own(name)]:
            self._own.update(more)

    def is_own(self, node: ast.AST) -> bool:
        """Whether it uses something of mlpipeline, or what came of that: results are shown, and set nothing."""
        return any(isinstance(inner, ast.Name) and self._is_own(inner.id) for inner in ast.walk(node))

    def function(self, name: str) -> tuple[Definition, _Names] | None:
        """The function of that name in the module, and the names there."""
        if name in self.functions:
            return self.functions[name], self
        return None if self._around is None or name in self._assigned else self._around.function(name)

    def outside(self, name: str, *, is_called: bool) -> Iterator[_Where]:
        """Where it is that a name stands for something which the project did not make; nothing where it did."""
        if name in self._imported:
            level, module = self._imported[name]
            if level or module.partition(".")[0] not in _HARMLESS_MODULES:
                yield None if is_called else (level, module)
        elif name in self._assigned:
            for value in self._assigned[name]:
                # What is got from outside is still there; what is made there is the project's.
                root = None if value is None else _got_from(value)
                if root is not None and root != name:
                    yield from self.outside(root, is_called=is_called)
        elif self._around is not None:
            yield from self._around.outside(name, is_called=is_called)
        elif name not in self.functions and name not in _HARMLESS:
            yield None

    def _is_own(self, name: str) -> bool:
        if name in self._imported:
            level, module = self._imported[name]
            return not level and module.partition(".")[0] == "mlpipeline"
        if name in self._assigned or name in self.functions:
            return name in self._own
        return self._around is not None and self._around._is_own(name)

    def _is_from_own(self, name: str) -> bool:
        return any(value is not None and self.is_own(value) for value in self._assigned[name])


def _effects(body: Iterable[ast.stmt], names: _Names, inside: tuple[Definition, ...] = ()) -> Iterator[_Where]:
    """Where it is that statements set something, also in functions of the module that they call for that."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
                pass
            case ast.If() if is_skipped(node):
                yield from _effects(node.orelse, names, inside)
            case ast.Expr(value=value):
                call = value.value if isinstance(value, ast.Await) else value
                if isinstance(call, ast.Call) and not names.is_own(call):
                    yield from _called(call, names, inside)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Delete():
                targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
                for target in _targets(targets):
                    root = _root(target)
                    if root is not None and not names.is_own(node):
                        yield from names.outside(root, is_called="(" in ast.unparse(target))
            case _:
                yield from _effects(_inner(node), names, inside)


def _called(call: ast.Call, names: _Names, inside: tuple[Definition, ...]) -> Iterator[_Where]:
    root = _root(call)
    found = names.function(call.func.id) if isinstance(call.func, ast.Name) else None
    if found is None:
        if root is not None:
            yield from names.outside(root, is_called=True)
    elif found[0] not in inside:
        definition, around = found
        arguments = [node.arg for node in ast.walk(definition.args) if isinstance(node, ast.arg)]
        inner = _Names(definition.body, around, arguments)
        # That it is called counts whatever it is that the function sets.
        yield from _effects(definition.body, inner, (*inside, definition))


def _root(node: ast.AST) -> str | None:
    """The name that a target or a call begins with; None where it begins with something else, such as a text."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _got_from(value: ast.expr) -> str | None:
    """The name that a value is got from, as `pd.options` and `decimal.getcontext()` are; None where it is made."""
    called = value.func if isinstance(value, ast.Call) else None
    if called is not None:
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return _root(called) if name.startswith("get") else None
    return _root(value) if isinstance(value, ast.Attribute) and "(" not in ast.unparse(value) else None


def _targets(nodes: Iterable[ast.expr]) -> Iterator[ast.expr]:
    for node in nodes:
        if isinstance(node, ast.Tuple | ast.List):
            yield from _targets(node.elts)
        elif isinstance(node, ast.Attribute | ast.Subscript):
            yield node


def is_skipped(node: ast.If) -> bool:
    """Whether what it holds is not carried out where the module is imported."""
    return any(
        (isinstance(inner, ast.Name) and inner.id in ("__name__", "TYPE_CHECKING"))
        or (isinstance(inner, ast.Attribute) and inner.attr == "TYPE_CHECKING")
        for inner in ast.walk(node.test)
    )


def _inner(node: ast.AST) -> list[ast.stmt]:
    """The statements right within another."""
    found: list[ast.stmt] = []
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.stmt):
            found.append(inner)
        elif isinstance(inner, ast.ExceptHandler | ast.match_case):
            found += inner.body
    return found


def _imports(body: Iterable[ast.stmt]) -> Iterator[_Import]:
    for node in body:
        match node:
            case ast.Import(names=aliases):
                yield from ((0, alias.name, ()) for alias in aliases)
            case ast.ImportFrom(level=level, module=module, names=aliases):
                yield level, module or "", tuple(alias.name for alias in aliases)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                pass
            case ast.If() if is_skipped(node):
                yield from _imports(node.orelse)
            case _:
                yield from _imports(_inner(node))


def _own_nodes(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes of a piece of code but those within its functions and classes."""
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
