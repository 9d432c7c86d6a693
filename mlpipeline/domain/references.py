"""What a piece of code refers to outside of itself, and its syntax as a text in which local variables have no names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.syntax import Definition, canonical
from mlpipeline.domain.syntax_walk import Imported, Scope, Seen, Walk, last_name

#: Whoever uses these may look local variables up by name.
_NAMES_MATTER = {"locals", "eval", "exec", "vars", "dir", "_getframe", "currentframe"}
#: What leads into modules that nobody can name before it runs, each by the names that it is imported by. A tuple, and
#: no set: where several names are one object, as of `pickle` and `_pickle`, the first is the one that people are told.
WAYS_ANYWHERE = (
    "builtins.__import__",
    "builtins.eval",
    "builtins.exec",
    "dill.Unpickler",
    "dill.load",
    "dill.loads",
    "gc.get_objects",
    "importlib.import_module",
    "importlib.machinery.SourceFileLoader",
    "importlib.machinery.SourcelessFileLoader",
    "importlib.metadata.EntryPoint",
    "importlib.metadata.entry_points",
    "importlib.util.module_from_spec",
    "importlib.util.spec_from_file_location",
    "importlib.util.spec_from_loader",
    "joblib.load",
    "pandas.read_pickle",
    "pickle.Unpickler",
    "pickle.load",
    "pickle.loads",
    "_pickle.Unpickler",
    "_pickle.load",
    "_pickle.loads",
    "cloudpickle.load",
    "cloudpickle.loads",
    "pkgutil.resolve_name",
    "pydoc.locate",
    "runpy.run_module",
    "runpy.run_path",
    "shelve.DbfilenameShelf",
    "shelve.Shelf",
    "shelve.open",
    "sys.modules",
)
#: Not those that are mostly used for something else: what assigns to `sys.stdout` reads `sys` bare.
MODULES_OF_WAYS = {way.rpartition(".")[0] for way in WAYS_ANYWHERE} - {
    "builtins",
    "importlib.metadata",
    "joblib",
    "pandas",
    "sys",
}
#: The values of these arguments of `np.load` and `torch.load` by which no class is unpickled; they are the defaults.
_SAFE_ARGUMENTS = {"allow_pickle": False, "weights_only": True}
#: Argument -> the way that another value of it is, as people are told.
WAYS_BY_ARGUMENT = {name: f"{name}={not safe}" for name, safe in _SAFE_ARGUMENTS.items()}
#: Attributes that do, of whatever they are.
WAYS_BY_ATTRIBUTE = frozenset({"__globals__", "__subclasses__", "f_globals"})


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


def references(node: ast.AST, *, evaluates_annotations: bool) -> References:
    """What a definition or a statement refers to.

    Args:
        node: it.
        evaluates_annotations: whether Python evaluates annotations where it stands.
    """
    walk = Walk(node, evaluates_annotations=evaluates_annotations)
    binders = [(seen, seen.binder()) for seen in walk.seen]
    # A class reads the module's name until it binds its own: `LIMIT = LIMIT + 1`.
    read = [seen for seen, binder in binders if seen.is_read and (binder is None or binder.kind is ast.ClassDef)]
    return References(
        text=canonical(node, _renamed(walk, binders)),
        names=tuple(dict.fromkeys(seen.chain for seen in read if seen.node not in walk.said)),
        imports=tuple(dict.fromkeys(walk.imports)),
        added_to=tuple(dict.fromkeys(seen.chain[0] for seen in walk.added_to if seen.binder() is None)),
        said=tuple(dict.fromkeys(seen.chain for seen in read if seen.node in walk.said)),
        ways=tuple(dict.fromkeys(_ways(walk, binders))),
    )


def decorated(node: ast.ClassDef) -> ast.Module:
    """The definitions in a class that decorators make something of, in the order of names."""
    found = [item for item in node.body if isinstance(item, Definition | ast.ClassDef) and item.decorator_list]
    return ast.Module(body=[*sorted(found, key=lambda item: item.name)], type_ignores=[])


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


def _ways(walk: Walk, binders: Iterable[tuple[Seen, Scope | None]]) -> Iterator[str]:
    yield from sorted(WAYS_BY_ATTRIBUTE & {*walk.attributes, *walk.strings})
    for call in walk.calls:
        yield from _unpickling(call)
    for seen, binder in binders:
        if seen.is_read and seen.node not in walk.said:
            name, *rest = seen.chain
            full_name = walk.full_names.get((binder or walk.root, name))
            while full_name is not None and rest and full_name not in WAYS_ANYWHERE:
                full_name = f"{full_name}.{rest.pop(0)}"
            if full_name in WAYS_ANYWHERE or full_name in MODULES_OF_WAYS:
                yield full_name


def unpickling_arguments(called: str, arguments: Mapping[str, Any]) -> list[str]:
    """What has classes unpickled in a call, as `WAYS_BY_ARGUMENT` says it.

    Args:
        called: the last part of the name of what is called: others than loaders, such as `np.save`, unpickle nothing.
        arguments: name -> value, or anything else where that is worked out when it runs.
    """
    if "load" not in called:
        return []
    return [
        way
        for name, way in WAYS_BY_ARGUMENT.items()
        if arguments.get(name, _SAFE_ARGUMENTS[name]) is not _SAFE_ARGUMENTS[name]
    ]


def _unpickling(call: ast.Call) -> list[str]:
    called, given = call.func, call.args
    if last_name(called) == "partial" and given:
        called, *given = given
    arguments: list[tuple[object, ast.expr]] = []
    # `np.load(path, mmap_mode, allow_pickle)`: anything but `True` may as well be an argument of the user's `load`.
    if last_name(called) == "load":
        arguments += [("allow_pickle", value) for value in given[2:3] if _value(value) is True]
    for keyword in call.keywords:
        if keyword.arg is not None:
            arguments.append((keyword.arg, keyword.value))
        elif isinstance(keyword.value, ast.Dict):
            arguments += zip(map(_value, keyword.value.keys), keyword.value.values, strict=True)
    return unpickling_arguments(last_name(called), {str(name): _value(value) for name, value in arguments})


def _value(node: ast.expr | None) -> object:
    """What a literal says; what is worked out stands for itself."""
    return node.value if isinstance(node, ast.Constant) else node


def _renamed(walk: Walk, binders: Iterable[tuple[Seen, Scope | None]]) -> dict[ast.AST, str]:
    """Return what stands for the names of plain local variables: what may be seen of them elsewhere keeps its name."""
    if any(not _NAMES_MATTER.isdisjoint(seen.chain) for seen in walk.seen):
        return {}
    # A query such as `df.query("age > @limit")` finds a variable by its name.
    mentioned = {word for text in walk.strings for word in re.findall(r"\w+", text)}
    numbers: dict[tuple[Scope, str], str] = {}
    renamed: dict[ast.AST, str] = {}
    for seen, scope in binders:
        name = seen.chain[0]
        if scope is None or scope.kind is ast.ClassDef or name in scope.fixed or name in mentioned:
            continue
        # A statement `nonlocal` says the name itself.
        if name not in walk.nonlocal_names:
            renamed[seen.node] = numbers.setdefault((scope, name), f"%{len(numbers)}")
    return renamed
