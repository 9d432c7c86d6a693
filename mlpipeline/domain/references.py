"""What a piece of code refers to outside of itself, and its syntax as a text in which local variables have no names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mlpipeline.domain.syntax import canonical, children, is_bare_string

#: Whoever uses these may look local variables up by name.
_NAMES_MATTER = {"locals", "eval", "exec", "vars", "dir", "_getframe", "currentframe"}
_IMPORTERS = {"import_module", "__import__"}
#: What leads into modules that nobody can name before it runs.
_WAYS_ANYWHERE = {
    "_pickle.Unpickler",
    "_pickle.load",
    "_pickle.loads",
    "builtins.__import__",
    "builtins.eval",
    "builtins.exec",
    "gc.get_objects",
    "importlib.import_module",
    "importlib.machinery.SourceFileLoader",
    "importlib.util.module_from_spec",
    "importlib.util.spec_from_file_location",
    "pickle.Unpickler",
    "pickle.load",
    "pickle.loads",
    "pkgutil.resolve_name",
    "pydoc.locate",
    "runpy.run_module",
    "runpy.run_path",
    "sys.modules",
}
_MODULES_OF_WAYS = {way.rpartition(".")[0] for way in _WAYS_ANYWHERE} - {"builtins"}
#: Attributes that do, of whatever they are.
WAYS_BY_ATTRIBUTE = frozenset({"__globals__", "__subclasses__", "f_globals"})

#: Nodes that are more than what is below them.
_SPECIAL = {
    ast.AnnAssign,
    ast.AsyncFunctionDef,
    ast.Attribute,
    ast.Call,
    ast.ClassDef,
    ast.DictComp,
    ast.ExceptHandler,
    ast.Expr,
    ast.FunctionDef,
    ast.GeneratorExp,
    ast.Global,
    ast.Import,
    ast.ImportFrom,
    ast.Lambda,
    ast.ListComp,
    ast.MatchAs,
    ast.MatchMapping,
    ast.MatchStar,
    ast.NamedExpr,
    ast.Nonlocal,
    ast.SetComp,
    ast.Subscript,
}
Definition = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """An import that a piece of code carries out."""

    #: How many dots it begins with; 0 is not relative.
    level: int
    #: Without these dots; None where its name is computed.
    module: str | None
    #: What is taken from it, which may be modules.
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class References:
    """What a piece of code refers to."""

    #: Its syntax: equal for equal syntax, whatever its local variables are called.
    text: str
    #: The names that it reads and does not bind, as far as they are dotted: `("features", "normalize")`.
    names: tuple[tuple[str, ...], ...]
    imports: tuple[Imported, ...]
    #: Those that it only adds to, as in `calls.append(x)`: what is in a list already makes no difference then.
    added_to: tuple[str, ...] = ()
    #: The names of what is called with a literal text, as in `import_module("features")`: that says what is reached.
    said: tuple[tuple[str, ...], ...] = ()
    #: What in it leads into modules that nobody can name before it runs, as far as its syntax shows it.
    ways: tuple[str, ...] = ()


def is_way_anywhere(full_name: str) -> bool:
    """Whether what is called so leads into modules that nobody can name before it runs: `sys.modules`, `sys`."""
    return full_name in _WAYS_ANYWHERE or full_name in _MODULES_OF_WAYS


def references(node: ast.AST, *, evaluates_annotations: bool) -> References:
    """What a definition or a statement refers to.

    Args:
        node: it.
        evaluates_annotations: whether Python evaluates annotations where it stands.
    """
    walk = _Walk(evaluates_annotations)
    walk.through(node)
    read = [seen for seen in walk.seen if seen.is_read and seen.binder() is None]
    return References(
        text=canonical(node, _renamed(walk)),
        names=tuple(dict.fromkeys(seen.chain for seen in read if seen.node not in walk.said)),
        imports=tuple(dict.fromkeys(walk.imports)),
        added_to=tuple(dict.fromkeys(seen.chain[0] for seen in walk.added_to if seen.binder() is None)),
        said=tuple(dict.fromkeys(seen.chain for seen in read if seen.node in walk.said)),
        ways=tuple(dict.fromkeys(_ways(walk))),
    )


def class_outline(node: ast.ClassDef) -> ast.ClassDef:
    """A class without its methods and inner classes, of which only the decorators are left, in the order of names."""
    inner = [item for item in node.body if isinstance(item, Definition | ast.ClassDef)]
    stubs = [
        ast.ClassDef(name=item.name, bases=[], keywords=[], body=[], decorator_list=item.decorator_list)
        for item in sorted(inner, key=lambda item: item.name)
        if item.decorator_list
    ]
    rest = [item for item in node.body if not isinstance(item, Definition | ast.ClassDef | ast.Pass)]
    return ast.ClassDef(
        name=node.name,
        bases=node.bases,
        keywords=node.keywords,
        body=[*rest, *stubs],
        decorator_list=node.decorator_list,
    )


@dataclass(eq=False)
class _Scope:
    parent: _Scope | None
    #: Function, class, comprehension, or the outermost, which is nobody's.
    kind: type[ast.AST] | None
    bound: set[str] = field(default_factory=set)
    #: Those of `bound` that are seen from outside, such as arguments and inner functions.
    fixed: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)

    def bind(self, name: str, *, is_fixed: bool = False) -> None:
        self.bound.add(name)
        if is_fixed:
            self.fixed.add(name)


class _Seen(NamedTuple):
    """A name where it stands. There are thousands: a dataclass would take most of the time of a walk."""

    node: ast.AST
    chain: tuple[str, ...]
    scope: _Scope
    is_read: bool

    def binder(self) -> _Scope | None:
        """The scope whose variable it is; None where that lies outside."""
        name, scope = self.chain[0], self.scope
        while scope.parent is not None:
            if name in scope.global_names:
                return None
            if name in scope.bound and name not in scope.nonlocal_names and self._sees(scope):
                return scope
            scope = scope.parent
        return None

    def _sees(self, scope: _Scope) -> bool:
        return scope.kind is not ast.ClassDef or scope is self.scope

    def is_inside(self, scope: _Scope) -> bool:
        """Whether it stands in that scope or in comprehensions there, and in no function within it."""
        at = self.scope
        while at is not scope and at.kind is ast.comprehension and at.parent is not None:
            at = at.parent
        return at is scope


class _Walk:
    """A walk through syntax, with a stack of its own: a sum of a thousand terms is nested deeper than Python's."""

    def __init__(self, evaluates_annotations: bool) -> None:
        self.seen: list[_Seen] = []
        self.imports: list[Imported] = []
        self.strings: list[str] = []
        self.added_to: list[_Seen] = []
        #: Names that are called with a literal text.
        self.said: set[ast.AST] = set()
        self.attributes: set[str] = set()
        #: What imports bound, by what it is in full.
        self.full_names: dict[tuple[_Scope, str], str] = {}
        self.root = _Scope(None, None)
        self._evaluates_annotations = evaluates_annotations

    def through(self, node: ast.AST) -> None:
        pending: list[tuple[ast.AST, _Scope]] = [(node, self.root)]
        while pending:
            item, scope = pending.pop()
            kind = type(item)
            if kind is ast.Name:
                self._name(item, scope)  # type: ignore[arg-type]
            elif kind is ast.Constant:
                if isinstance(item.value, str):  # type: ignore[attr-defined]
                    self.strings.append(item.value)  # type: ignore[attr-defined]
            elif kind in _SPECIAL:
                pending += reversed(list(self._inner(item, scope)))
            else:
                pending += [(child, scope) for child in reversed(children(item))]

    def _name(self, node: ast.Name, scope: _Scope) -> None:
        is_read = type(node.ctx) is ast.Load
        if not is_read:
            scope.bind(node.id)
        self._see(node, (node.id,), scope, is_read)

    def _inner(self, node: ast.AST, scope: _Scope) -> Iterator[tuple[ast.AST, _Scope]]:  # noqa: PLR0912
        match node:
            case ast.Attribute(ctx=ast.Load()):
                yield from self._attribute(node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from self._function(node, scope)
            case ast.ClassDef(name=name):
                scope.bind(name, is_fixed=True)
                inner = _Scope(scope, ast.ClassDef)
                yield from _each([*node.decorator_list, *node.bases, *node.keywords], scope)
                yield from _each([*getattr(node, "type_params", []), *node.body], inner)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                yield from self._comprehension(node, scope)
            case ast.NamedExpr(target=target, value=value):
                while scope.kind is ast.comprehension and scope.parent is not None:
                    scope = scope.parent
                yield from _each([value, target], scope)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Global(names=names):
                scope.global_names.update(names)
            case ast.Nonlocal(names=names):
                scope.nonlocal_names.update(names)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                is_evaluated = self._evaluates_annotations and scope.kind is not ast.FunctionDef
                yield from _each([value, annotation if is_evaluated else None, target], scope)
            case ast.Expr() if is_bare_string(node):
                pass
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="append" | "add")) as call):
                seen = _Seen(name, (name.id,), scope, False)
                self.seen.append(seen)
                self.added_to.append(seen)
                yield from _each([*call.args, *call.keywords], scope)
            case ast.Subscript(value=ast.Name() | ast.Attribute() as value, slice=key):
                self._subscript(value, key, scope)
                yield from _each(children(node), scope)
            case _:
                for attribute in ("name", "rest"):
                    if isinstance(bound := getattr(node, attribute, None), str):
                        scope.bind(bound)
                        self._see(node, (bound,), scope, False)
                if isinstance(node, ast.Call):
                    self._call(node)
                yield from _each(children(node), scope)

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> Iterator[tuple[ast.AST, _Scope]]:
        names: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        self.attributes.update(names)
        if isinstance(inner, ast.Name):
            self._see(inner, (inner.id, *reversed(names)), scope, True)
        else:
            yield inner, scope

    def _function(self, node: Definition | ast.Lambda, scope: _Scope) -> Iterator[tuple[ast.AST, _Scope]]:
        inner = _Scope(scope, ast.FunctionDef)
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
        yield from _each(outside, scope)
        yield from _each(body, inner)

    def _comprehension(self, node: ast.AST, scope: _Scope) -> Iterator[tuple[ast.AST, _Scope]]:
        inner = _Scope(scope, ast.comprehension)
        assert isinstance(node, _COMPREHENSIONS)
        for at, part in enumerate(node.generators):
            yield part.iter, (scope if at == 0 else inner)
            yield from _each([part.target, *part.ifs], inner)
        yield from _each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: _Scope) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            scope.bind(name, is_fixed=True)
            if isinstance(node, ast.ImportFrom):
                self.full_names[scope, name] = f"{node.module}.{alias.name}"
            else:
                self.full_names[scope, name] = alias.name if alias.asname else name
        if isinstance(node, ast.Import):
            self.imports += [Imported(level=0, module=alias.name) for alias in node.names]
        else:
            names = tuple(alias.name for alias in node.names)
            self.imports.append(Imported(level=node.level, module=node.module or "", names=names))

    def _call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", None)
        if called not in _IMPORTERS and not (isinstance(node.func, ast.Name) and called in ("eval", "exec")):
            return
        match node.args:
            case [ast.Constant(value=str() as text), *_]:
                self.said.add(_bottom(node.func))
                if called in _IMPORTERS:
                    dotted = text.lstrip(".")
                    self.imports.append(Imported(level=len(text) - len(dotted), module=dotted))
            case _ if called in _IMPORTERS:
                self.said.add(_bottom(node.func))
                self.imports.append(Imported(level=0, module=None))

    def _subscript(self, value: ast.Name | ast.Attribute, key: ast.expr, scope: _Scope) -> None:
        """Note what `sys.modules["features"]` and `sys.modules[__name__]` say."""
        if (value.id if isinstance(value, ast.Name) else value.attr) != "modules":
            return
        match key:
            case ast.Constant(value=str() as name):
                self.said.add(_bottom(value))
                self.imports.append(Imported(level=0, module=name))
            case ast.Name(id="__name__"):
                self.said.add(_bottom(value))
                self._see(key, ("globals",), scope, True)

    def _see(self, node: ast.AST, chain: tuple[str, ...], scope: _Scope, is_read: bool) -> None:
        self.seen.append(_Seen(node, chain, scope, is_read))


def _each(nodes: Sequence[ast.AST | None], scope: _Scope) -> Iterator[tuple[ast.AST, _Scope]]:
    return ((node, scope) for node in nodes if node is not None)


def _bottom(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def _ways(walk: _Walk) -> Iterator[str]:
    yield from sorted(WAYS_BY_ATTRIBUTE & {*walk.attributes, *walk.strings})
    for seen in walk.seen:
        if seen.is_read and seen.node not in walk.said:
            name, *rest = seen.chain
            full_name = walk.full_names.get((seen.binder() or walk.root, name))
            while full_name is not None and rest and full_name not in _WAYS_ANYWHERE:
                full_name = f"{full_name}.{rest.pop(0)}"
            if full_name is not None and is_way_anywhere(full_name):
                yield full_name


def _renamed(walk: _Walk) -> dict[ast.AST, str]:
    """Return what stands for the names of plain local variables: what may be seen of them elsewhere keeps its name."""
    if any(not _NAMES_MATTER.isdisjoint(seen.chain) for seen in walk.seen):
        return {}
    # A query such as `df.query("age > @limit")` finds a variable by its name.
    mentioned = {word for text in walk.strings for word in re.findall(r"\w+", text)}
    binders = [(seen, seen.binder()) for seen in walk.seen]
    caught = {(scope, seen.chain[0]) for seen, scope in binders if scope is not None and not seen.is_inside(scope)}
    numbers: dict[tuple[_Scope, str], str] = {}
    renamed: dict[ast.AST, str] = {}
    for seen, scope in binders:
        name = seen.chain[0]
        if scope is None or scope.kind is ast.ClassDef or name in scope.fixed or name in mentioned:
            continue
        if (scope, name) not in caught:
            renamed[seen.node] = numbers.setdefault((scope, name), f"%{len(numbers)}")
    return renamed
