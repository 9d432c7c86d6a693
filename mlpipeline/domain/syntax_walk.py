"""A walk through a piece of code: the names in it, each with the scope where it stands, and what it imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlpipeline.domain.syntax import Definition, children, is_bare_string, syntax_tree

_IMPORTERS = {"import_module", "__import__"}


@dataclass(frozen=True, kw_only=True)
class Imported:
    """An import that a piece of code carries out."""

    #: How many dots it begins with; 0 is not relative.
    level: int
    #: Without these dots; None where its name is computed.
    module: str | None
    #: What is taken from it, which may be modules.
    names: tuple[str, ...] = ()


@dataclass(eq=False)
class Scope:
    """Where names are bound: the same object is the same scope."""

    parent: Scope | None
    #: Function, class, comprehension, or the outermost, which is nobody's.
    kind: type[ast.AST] | None
    bound: set[str] = field(default_factory=set)
    #: Those of `bound` that are seen from outside, such as arguments and inner functions.
    fixed: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)

    def bind(self, name: str, *, is_fixed: bool = False) -> None:
        """Note that it binds a name."""
        self.bound.add(name)
        if is_fixed:
            self.fixed.add(name)


class Seen(NamedTuple):
    """A name where it stands. There are thousands: a dataclass would take most of the time of a walk."""

    node: ast.AST
    #: As far as it is dotted: `("features", "normalize")`.
    chain: tuple[str, ...]
    scope: Scope
    is_read: bool

    def binder(self) -> Scope | None:
        """The scope whose variable it is, once all was walked through; None where that lies outside."""
        name, scope = self.chain[0], self.scope
        while scope.parent is not None:
            if name in scope.global_names:
                return None
            if name in scope.bound and name not in scope.nonlocal_names and self._sees(scope):
                return scope
            scope = scope.parent
        return None

    def _sees(self, scope: Scope) -> bool:
        return scope.kind is not ast.ClassDef or scope is self.scope


#: Nodes that come next, each with the scope where it stands.
_Next = list[tuple[ast.AST, Scope]]


class Walk:
    """What a walk through a piece of code sees.

    Args:
        node: the code.
        evaluates_annotations: whether Python evaluates annotations where it stands.
    """

    def __init__(self, node: ast.AST, *, evaluates_annotations: bool) -> None:
        self.seen: list[Seen] = []
        self.imports: list[Imported] = []
        self.strings: list[str] = []
        #: Names of what is only added to, as in `calls.append(x)`.
        self.added_to: list[Seen] = []
        #: Names that are called with a literal text.
        self.said: set[ast.AST] = set()
        self.attributes: set[str] = set()
        self.calls: list[ast.Call] = []
        self.nonlocal_names: set[str] = set()
        #: What imports bound, by what it is in full.
        self.full_names: dict[tuple[Scope, str], str] = {}
        self.root = Scope(None, None)
        self._evaluates_annotations = evaluates_annotations
        self._through(node)

    def _through(self, node: ast.AST) -> None:
        # A stack of our own: a sum of a thousand terms is nested deeper than Python's.
        pending = [(node, self.root)]
        while pending:
            item, scope = pending.pop()
            visit = _VISITS.get(type(item))
            inner = _each(children(item), scope) if visit is None else visit(self, item, scope)
            inner.reverse()
            pending += inner

    def _name(self, node: ast.Name, scope: Scope) -> _Next:
        is_read = type(node.ctx) is ast.Load
        if not is_read:
            scope.bind(node.id)
        self.seen.append(Seen(node, (node.id,), scope, is_read))
        return []

    def _constant(self, node: ast.Constant, _: Scope) -> _Next:
        if isinstance(node.value, str):
            self.strings.append(node.value)
        return []

    def _attribute(self, node: ast.Attribute, scope: Scope) -> _Next:
        if type(node.ctx) is not ast.Load:
            return [(node.value, scope)]
        names: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        self.attributes.update(names)
        if not isinstance(inner, ast.Name):
            return [(inner, scope)]
        self.seen.append(Seen(inner, (inner.id, *reversed(names)), scope, True))
        return []

    def _subscript(self, node: ast.Subscript, scope: Scope) -> _Next:
        """Note what `sys.modules["features"]` and `sys.modules[__name__]` say."""
        value = node.value
        if last_name(value) == "modules":
            match node.slice:
                case ast.Constant(value=str() as name):
                    self.said.add(_bottom(value))
                    self.imports.append(Imported(level=0, module=name))
                case ast.Name(id="__name__"):
                    self.said.add(_bottom(value))
                    self.seen.append(Seen(node.slice, ("globals",), scope, True))
        return _each(children(node), scope)

    def _call(self, node: ast.Call, scope: Scope) -> _Next:
        self.calls.append(node)
        called = last_name(node.func)
        if called in _IMPORTERS or (isinstance(node.func, ast.Name) and called in ("eval", "exec")):
            match node.args:
                case [ast.Constant(value=str() as text), *_]:
                    self.said.add(_bottom(node.func))
                    if called in _IMPORTERS:
                        dotted = text.lstrip(".")
                        self.imports.append(Imported(level=len(text) - len(dotted), module=dotted))
                case _ if called in _IMPORTERS:
                    self.said.add(_bottom(node.func))
                    self.imports.append(Imported(level=0, module=None))
        return _each(children(node), scope)

    def _expression(self, node: ast.Expr, scope: Scope) -> _Next:
        match node.value:
            case ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="append" | "add")) as call:
                seen = Seen(name, (name.id,), scope, False)
                self.seen.append(seen)
                self.added_to.append(seen)
                return _each([*call.args, *call.keywords], scope)
            case _:
                return [] if is_bare_string(node) else [(node.value, scope)]

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> _Next:
        annotation: ast.AST | None = node.annotation
        if scope.kind is ast.ClassDef:
            # Whoever makes something of the fields reads it in any case, also as a text.
            if isinstance(node.annotation, ast.Constant) and isinstance(node.annotation.value, str):
                annotation = syntax_tree(node.annotation.value)
        elif not self._evaluates_annotations or scope.kind is ast.FunctionDef:
            annotation = None
        return _each([node.value, annotation, node.target], scope)

    def _named(self, node: ast.NamedExpr, scope: Scope) -> _Next:
        while scope.kind is ast.comprehension and scope.parent is not None:
            scope = scope.parent
        return [(node.value, scope), (node.target, scope)]

    def _function(self, node: Definition | ast.Lambda, scope: Scope) -> _Next:
        inner = Scope(scope, ast.FunctionDef)
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [rest for rest in (arguments.vararg, arguments.kwarg) if rest]
        for argument in every:
            inner.bind(argument.arg, is_fixed=True)
        outside: list[ast.AST | None] = [*arguments.defaults, *arguments.kw_defaults]
        body: Sequence[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else node.body
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name, is_fixed=True)
            outside = [*node.decorator_list, *outside]
            if self._evaluates_annotations:
                outside += [*(argument.annotation for argument in every), node.returns]
            body = [*getattr(node, "type_params", []), *body]
        return _each(outside, scope) + _each(body, inner)

    def _class(self, node: ast.ClassDef, scope: Scope) -> _Next:
        scope.bind(node.name, is_fixed=True)
        inner = Scope(scope, ast.ClassDef)
        outside = [*node.decorator_list, *node.bases, *node.keywords]
        return _each(outside, scope) + _each([*getattr(node, "type_params", []), *node.body], inner)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: Scope) -> _Next:
        inner = Scope(scope, ast.comprehension)
        found: _Next = []
        for at, part in enumerate(node.generators):
            found.append((part.iter, scope if at == 0 else inner))
            found += _each([part.target, *part.ifs], inner)
        return found + _each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)

    def _import(self, node: ast.Import, scope: Scope) -> _Next:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            scope.bind(name, is_fixed=True)
            self.full_names[scope, name] = alias.name if alias.asname else name
            self.imports.append(Imported(level=0, module=alias.name))
        return []

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> _Next:
        for alias in node.names:
            name = alias.asname or alias.name
            scope.bind(name, is_fixed=True)
            self.full_names[scope, name] = f"{node.module}.{alias.name}"
        names = tuple(alias.name for alias in node.names)
        self.imports.append(Imported(level=node.level, module=node.module or "", names=names))
        return []

    def _global(self, node: ast.Global, scope: Scope) -> _Next:
        scope.global_names.update(node.names)
        return []

    def _nonlocal(self, node: ast.Nonlocal, scope: Scope) -> _Next:
        scope.nonlocal_names.update(node.names)
        self.nonlocal_names.update(node.names)
        return []

    def _binding(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping, scope: Scope) -> _Next:
        bound = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if bound is not None:
            scope.bind(bound)
            self.seen.append(Seen(node, (bound,), scope, False))
        return _each(children(node), scope)


#: What looks at nodes that are more than what is below them.
_VISITS: Mapping[type[ast.AST], Callable[[Walk, Any, Scope], _Next]] = {
    ast.AnnAssign: Walk._annotated,
    ast.AsyncFunctionDef: Walk._function,
    ast.Attribute: Walk._attribute,
    ast.Call: Walk._call,
    ast.ClassDef: Walk._class,
    ast.Constant: Walk._constant,
    ast.DictComp: Walk._comprehension,
    ast.ExceptHandler: Walk._binding,
    ast.Expr: Walk._expression,
    ast.FunctionDef: Walk._function,
    ast.GeneratorExp: Walk._comprehension,
    ast.Global: Walk._global,
    ast.Import: Walk._import,
    ast.ImportFrom: Walk._import_from,
    ast.Lambda: Walk._function,
    ast.ListComp: Walk._comprehension,
    ast.MatchAs: Walk._binding,
    ast.MatchMapping: Walk._binding,
    ast.MatchStar: Walk._binding,
    ast.Name: Walk._name,
    ast.NamedExpr: Walk._named,
    ast.Nonlocal: Walk._nonlocal,
    ast.SetComp: Walk._comprehension,
    ast.Subscript: Walk._subscript,
}


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name, as `load` of `np.load`; empty of anything else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _each(nodes: Iterable[ast.AST | None], scope: Scope) -> _Next:
    return [(node, scope) for node in nodes if node is not None]


def _bottom(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node
