"""The top-level statements of a script that only build its `Versions`, and what in them counts as code."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from mlpipeline.domain.scope import ModuleScope
from mlpipeline.domain.syntax import canonical, is_bare_string

# What each argument sets, by position. add_version takes nothing but its name by position.
_POSITIONS: Mapping[str, Sequence[str]] = {
    "Versions": [
        *("learning_rate", "dataloader", "batch_size", "epoch_count", "model_dir_suffix", "order"),
        *("hooks", "use_all_classes", "classes_count", "classes_offset"),
    ],
    "addV": [
        *("name", "dataloader", "batch_size", "epoch_count", "learning_rate", "model_dir_suffix", "order"),
        *("custom_parameters", "hooks", "use_all_classes", "classes_count", "classes_offset"),
    ],
    "add_version": ["name"],
    "rangeOnParameters": ["names", "combining_parameters", "parameters"],
}
# Arguments whose items are parameters; `**` is a dict that is spread into a call or into another dict.
_PARAMETER_DICTS = {"custom_paramters", "custom_parameters", "parameters", "**"}


@dataclass(frozen=True, kw_only=True)
class Builders:
    """The statements of a script that can be left out of its code."""

    statements: Sequence[ast.stmt]
    scope: ModuleScope


@dataclass(frozen=True, kw_only=True)
class Contributions:
    """What builder statements add to the code: the expressions that may make a value which is not JSON."""

    #: What counts for all versions.
    shared: Sequence[str]
    #: Version name -> what counts for that version alone.
    own: Mapping[str, Sequence[str]]


def builder_statements(tree: ast.Module, source: str) -> Builders:
    """The top-level statements of a script that do nothing but build `Versions`.

    Those are assignments of a `Versions(…)` to a name, calls of such a name's methods, and `for` and `if` around
    nothing else. They are no builders when code that is not a builder may read what they leave behind: the
    versions, but for handing them to `MODEL`, or the variable of a loop.
    """
    scope = ModuleScope.of(tree, source)
    names = _builder_names(scope)
    shaped = [statement for statement in tree.body if _is_builder(statement, names)]
    loops = [node for statement in shaped for node in ast.walk(statement) if isinstance(node, ast.For)]
    reads_in_loops: dict[str, set[int]] = {}
    for loop in loops:
        for variable in _names_in(loop.target):
            reads_in_loops.setdefault(variable, set()).update(id(node) for node in ast.walk(loop))
    private = {
        variable
        for variable, reads in reads_in_loops.items()
        if variable not in scope.used_inside and all(id(read) in reads for read in scope.reads.get(variable, ()))
    }
    statements = [
        statement
        for statement in shaped
        if all(_names_in(node.target) <= private for node in ast.walk(statement) if isinstance(node, ast.For))
    ]
    return Builders(statements=statements, scope=scope)


def contributions(builders: Builders, opaque: Set[str]) -> Contributions:
    """What in the builder statements may set a parameter in `opaque`: those whose value is not JSON in any version."""
    collector = _Collector(scope=builders.scope, opaque={_parameter_name(name) for name in opaque})
    if opaque:
        for statement in builders.statements:
            collector.visit(statement)
    return Contributions(shared=collector.shared, own=collector.own)


def _builder_names(scope: ModuleScope) -> Set[str]:
    """The names that only ever stand for a `Versions` whose content no code but `MODEL` reads."""
    assignments = [
        (node.targets[0] if isinstance(node, ast.Assign) else node.target, node.value)
        for node in scope.nodes
        if isinstance(node, ast.AnnAssign) or (isinstance(node, ast.Assign) and len(node.targets) == 1)
    ]
    makers: set[int] = set()
    model_names = {"MODEL"}
    for target, value in assignments:
        match target, value:
            case _, ast.Call(func=function) if scope.origin(function).endswith(".Versions"):
                makers.add(id(target))
            case ast.Name(id="MODEL"), ast.Name(id=name):
                model_names.add(name)
    harmless: set[int] = set()
    for target, value in assignments:
        match target, value:
            case ast.Name(id=name), ast.Call(args=arguments, keywords=keywords) if name in model_names:
                harmless.update(id(argument) for argument in arguments)
                harmless.update(id(keyword.value) for keyword in keywords)
    for node in scope.nodes:
        match node:
            # What the method returns goes nowhere.
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name() as receiver))):
                harmless.add(id(receiver))
    return {
        name
        for name, nodes in scope.bindings.items()
        if all(id(node) in makers for node in nodes)
        and all(id(node) in harmless for node in scope.reads.get(name, ()))
        and name not in scope.used_inside
    }


def _is_builder(statement: ast.stmt, names: Set[str]) -> bool:
    if any(isinstance(node, ast.NamedExpr) for node in ast.walk(statement)):
        return False
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in names
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name in names
        case ast.For(target=target) if not _is_plain_target(target):
            return False
        case ast.For() | ast.If():
            # `pass` and a string build nothing, but do nothing else either.
            body = [
                inner
                for inner in statement.body + statement.orelse
                if not isinstance(inner, ast.Pass) and not is_bare_string(inner)
            ]
            return bool(body) and all(_is_builder(inner, names) for inner in body)
        case _:
            return False


def _is_plain_target(target: ast.expr) -> bool:
    return all(
        isinstance(node, ast.Name | ast.Tuple | ast.List | ast.Starred | ast.expr_context) for node in ast.walk(target)
    )


def _names_in(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


class _Collector:
    """Walks builder statements and keeps the expressions that may set an opaque parameter."""

    def __init__(self, *, scope: ModuleScope, opaque: Set[str]) -> None:
        self.shared: list[str] = []
        self.own: dict[str, list[str]] = {}
        self._scope = scope
        self._opaque = opaque

    def visit(self, statement: ast.stmt, around: tuple[str, ...] = ()) -> None:
        """Add what `statement` contributes; `around` says which loops and conditions it stands in."""
        match statement:
            case ast.Assign(value=ast.Call() as call) | ast.AnnAssign(value=ast.Call() as call):
                self._visit_call(call, "Versions", around)
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method)) as call):
                self._visit_call(call, method, around)
            case ast.For(target=target, iter=items, body=body, orelse=orelse):
                inside = (*around, canonical(target), canonical(items))
                for inner in body + orelse:
                    self.visit(inner, inside)
            case ast.If(test=test, body=body, orelse=orelse):
                for inner in body:
                    self.visit(inner, (*around, canonical(test)))
                for inner in orelse:
                    self.visit(inner, (*around, "not", canonical(test)))

    def _visit_call(self, call: ast.Call, method: str, around: tuple[str, ...]) -> None:
        arguments = list(_arguments(call, method))
        found = [text for name, value in arguments for text in self._opaque_parts(name, value)]
        if not found:
            return
        version = next((value for name, value in arguments if name == "name"), None)
        if method in {"addV", "add_version"}:
            match version:
                case ast.Constant(value=str() as literal):
                    self.own.setdefault(literal, []).append(json.dumps([*around, *found]))
                case _:
                    # Which version gets which value depends on how its name is computed.
                    name = canonical(version) if version else ""
                    self.shared.append(json.dumps([*around, name, *found]))
        elif method == "Versions":
            self.shared.append(json.dumps([*around, *found]))
        else:
            # In a grid every argument decides which version gets which value.
            self.shared.append(json.dumps([*around, canonical(call)]))

    def _opaque_parts(self, name: str | None, value: ast.expr) -> Iterator[str]:
        """What may set an opaque parameter in an argument; `name` is None where it is not known."""
        if _is_json_literal(value):
            return
        if isinstance(value, ast.Dict) and name in _PARAMETER_DICTS:
            for key, item in zip(value.keys, value.values, strict=True):
                if key is None:
                    yield from self._opaque_parts("**", item)
                    continue
                parameter = self._key(key)
                if not _is_json_literal(item) and (parameter is None or parameter in self._opaque):
                    yield f"{parameter or canonical(key)}={canonical(item)}"
        elif name is None or name in _PARAMETER_DICTS or name in self._opaque:
            yield f"{name}={canonical(value)}"

    def _key(self, key: ast.expr) -> str | None:
        """The parameter that a key names, as a text or as an attribute of `version_parameters`."""
        match key:
            case ast.Constant(value=str() as name):
                return _parameter_name(name)
            case ast.Attribute(value=base, attr=name) if self._scope.origin(base).endswith(".version_parameters"):
                return _parameter_name(name.lower())
            case _:
                return None


def _arguments(call: ast.Call, method: str) -> Iterator[tuple[str | None, ast.expr]]:
    """Each argument with the name of what it sets, or None where that is not known."""
    names: list[str | None] = list(_POSITIONS.get(method, ()))
    for position, value in enumerate(call.args):
        if isinstance(value, ast.Starred):
            names = []
        yield names[position] if position < len(names) else None, value
    for keyword in call.keywords:
        yield _parameter_name(keyword.arg or "**"), keyword.value


def _is_json_literal(node: ast.expr) -> bool:
    """Whether `node` is a value that its parameter records in full."""
    match node:
        case ast.Constant(value=value):
            return value is None or isinstance(value, str | int | float)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=value)):
            return isinstance(value, int | float)
        case ast.List(elts=items):
            return all(_is_json_literal(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            return all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in keys) and all(
                _is_json_literal(value) for value in values
            )
        case _:
            return False


def _parameter_name(name: str) -> str:
    return "epoch_count" if name == "epoc_count" else name
