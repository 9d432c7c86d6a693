"""Values as texts that are equal for equal values, in every process; what has code is named by it."""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Protocol

from mlpipeline.domain.references import unpickling_arguments
from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines import array_digests
from mlpipeline.pipelines.code_ways import leads_anywhere
from mlpipeline.pipelines.content import bytes_digest
from mlpipeline.pipelines.foreign_objects import told_of, without_words

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented), range, slice)
_CONTAINERS = (tuple, list, dict, set, frozenset, types.MappingProxyType)
#: Bases of the user's classes of whose content `_state` tells, or that have none.
_TOLD_BASES = frozenset(
    {object, dict, list, tuple, set, frozenset, int, float, str, bytes, abc.ABC, typing.Generic, typing.Protocol}
)
#: How many items of sets are looked at within one item of a set.
_MOST_IN_SETS = 10_000
#: Parts of a dict, in its order.
_VIEWS: frozenset[type] = frozenset({type({}.keys()), type({}.values()), type({}.items())})
_DESCRIPTORS = (
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.MethodWrapperType,
)
_OF_BYTECODE = (
    "co_code",
    "co_consts",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_flags",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_exceptiontable",
)
#: What classes have that is no one's code, that changes by itself, or that their syntax says.
_OF_EVERY_CLASS = {
    "__module__",
    "__dict__",
    "__weakref__",
    "__doc__",
    "__qualname__",
    "__annotations__",
    "__annotate__",
    "__annotate_func__",
    "__annotations_cache__",
    "__conditional_annotations__",
    "__firstlineno__",
    "__static_attributes__",
    "__abstractmethods__",
    "__dataclass_params__",
    "__match_args__",
    "__orig_bases__",
    "__parameters__",
    "__slots__",
    "__slotnames__",
    "__protocol_attrs__",
    "__non_callable_proto_members__",
    "__callable_proto_members_only__",
    "__mlpipeline_stage__",
    "__mlpipeline_artifact__",
    "_abc_impl",
    "__classcell__",
    "__classdictcell__",
}


class Referrer(Protocol):
    """Is told what the values that are put into a text refer to."""

    def function(self, function: types.FunctionType) -> str:
        """What stands for a function."""

    def kind(self, kind: type) -> str:
        """What stands for a class."""

    def module(self, module: types.ModuleType) -> str:
        """What stands for a module."""

    def named(self, module: str, name: str) -> str:
        """What stands for something that is not written in Python, by the module that it says it is of."""

    def is_project_class(self, kind: type) -> bool:
        """Whether a class is one of the user's."""

    def path(self, path: Path) -> None:
        """There is a path, at which there may be a file."""

    def no_value(self, value: Any) -> None:
        """There is something that has no value, so that it counts how it was made."""


class Values:
    """Puts values into texts, for one referrer.

    Args:
        referrer: is told what they refer to.
        takes_apart: whether what can be called and holds a function of the user's, as a decorator of others makes it,
            counts as what pickling would take of it, too: that may change while it is used, and with each process.
    """

    def __init__(self, referrer: Referrer, *, takes_apart: bool = False) -> None:
        self._referrer = referrer
        self._takes_apart = takes_apart
        # How many items of sets in sets there were so far, in the item of a set; None outside of sets.
        self._in_sets: list[int] | None = None
        # Objects refer to each other in circles: id -> the how manieth, and it, or its id could become another's.
        self._seen: dict[int, tuple[int, Any]] = {}

    def text(self, value: Any) -> str:
        """The text of a value."""
        kind = type(value)
        if kind in _PLAIN:
            # Python refuses to write a very long int in decimal.
            return f"{kind.__name__} {hex(value) if kind is int else ascii(value)}"
        known = self._seen.get(id(value))
        if known is not None:
            return f"the {known[0]}."
        self._seen[id(value)] = (len(self._seen), value)
        # Most are containers, and to match all else first takes longest.
        return self._container(value, kind) if kind in _CONTAINERS else self._text(value, kind)

    def class_members(self, kind: type) -> str:
        """The text of what a class has of its own."""
        members = {name: value for name, value in vars(kind).items() if not _is_made_for_a_class(name)}
        if issubclass(kind, enum.Enum):
            own = kind.__members__
            listed = _listed(
                f"{name} {self.text(member._value_)} {self._named(_of_member(member, members))}"
                for name, member in own.items()
            )
            rest = {name: value for name, value in members.items() if name not in own and not _is_private_to_enum(name)}
            return f"{listed} {self._named(rest)}"
        fields = members.pop("__dataclass_fields__", None)
        if isinstance(fields, Mapping):
            members["dataclass fields"] = [
                (name, field.default, field.default_factory)
                for name, field in fields.items()
                if isinstance(field, dataclasses.Field)
            ]
        return self._named(members)

    def _text(self, value: Any, kind: type) -> str:  # noqa: PLR0911, PLR0912 (a table by type)
        referrer = self._referrer
        match value:
            case types.FunctionType():
                return referrer.function(value)
            case type():
                return referrer.kind(value)
            case types.ModuleType():
                return referrer.module(value)
            case types.MethodType():
                return f"method {self.text(value.__func__)} of {self.text(value.__self__)}"
            case types.BuiltinFunctionType():
                owner = value.__self__
                if owner is None or isinstance(owner, types.ModuleType):
                    return referrer.named(value.__module__ or "", value.__qualname__)
                return f"{value.__name__} of {self.text(owner)}"
            case staticmethod() | classmethod():
                return f"{kind.__name__} {self.text(value.__func__)}"
            case types.CodeType():
                return f"bytecode {self._each([getattr(value, name) for name in _OF_BYTECODE])}"
            case property():
                return f"property {self._each([value.fget, value.fset, value.fdel])}"
            case functools.cached_property():
                return f"cached_property {self.text(value.func)}"
            case functools.partial():
                called = getattr(value.func, "__name__", "")
                for way in unpickling_arguments(called, value.keywords):
                    raise leads_anywhere(f"partial of {called}", way)
                return f"partial {self._each([value.func, value.args, value.keywords, own_attributes(value)])}"
            case functools.partialmethod() | functools.singledispatchmethod():
                return f"{kind.__name__} {self._named(vars(value))}"
            case enum.Enum():
                return f"{value.name} of {self.text(kind)}"
            case _ if kind.__module__ == "functools" and hasattr(value, "cache_parameters"):
                return f"cached {self._each([value.__wrapped__, value.cache_parameters()])}"
            case _ if isinstance(value, _DESCRIPTORS):
                return f"{kind.__name__} {getattr(value, '__name__', '')}"
        return self._container(value, kind)

    def _container(self, value: Any, kind: type) -> str:  # noqa: PLR0911 (a table by type)
        if kind in (list, tuple, set, frozenset) and all(type(item) in _PLAIN for item in value):
            # Long ones are common, and this is several times as fast.
            items = value if kind in (list, tuple) else sorted(value, key=ascii)
            return f"{kind.__name__} {_plain(items)}"
        if kind in (list, tuple):
            return f"{kind.__name__} {self._each(value)}"
        if kind in (set, frozenset):
            return f"{kind.__name__} {_listed(sorted(map(self._of_item, value)))}"
        if kind in (dict, types.MappingProxyType):
            if all(type(key) in _PLAIN and type(item) in _PLAIN for key, item in value.items()):
                return f"dict {_plain([*value, *value.values()])}"
            return f"dict {_listed(f'{self.text(key)}: {self.text(item)}' for key, item in value.items())}"
        if kind in (bytearray, memoryview):
            return f"{kind.__name__} {bytes(value)!r}"
        if kind in _VIEWS:
            return f"{kind.__name__} {self._each(value)}"
        if typing.get_origin(value) is not None:
            return f"generic {self._each([typing.get_origin(value), typing.get_args(value)])}"
        if isinstance(value, typing.TypeVar | typing.ForwardRef):
            return ascii(value)
        return self._array(value, kind) or self._object(value, kind)

    def _of_item(self, item: Any) -> str:
        """The text of an item of a set, as if it were the first: their order is another one in each process."""
        beginning = Values(self._referrer, takes_apart=self._takes_apart)
        beginning._seen = dict(self._seen)
        beginning._in_sets = [0] if self._in_sets is None else self._in_sets
        beginning._in_sets[0] += 1
        if beginning._in_sets[0] > _MOST_IN_SETS:
            # As of the nodes of a graph that hold each other: each way through it would be gone.
            raise CodeUnknown("a set", "its items hold sets that hold each other in too many ways")
        return beginning.text(item)

    def _array(self, value: Any, kind: type) -> str | None:
        """The text of an array, a table or a tensor; None if it is none."""
        told: list[str] = []
        is_one = array_digests.take(
            value,
            tell=lambda *words: told.append(ascii([str(word) for word in words])),
            update=lambda data: told.append(bytes_digest(data)),
            take_other=lambda other: told.append(self.text(other)),
        )
        return f"{kind.__name__} {_listed(told)}" if is_one else None

    def _object(self, value: Any, kind: type) -> str:
        if isinstance(value, Path):
            self._referrer.path(value)
        if hasattr(kind, "__mlpipeline_parts__"):
            return f"pipeline {self._each([kind, *_parts(value)])}"
        if self._referrer.is_project_class(kind):
            own = f"object of {self.text(kind)} {self._state(value)}"
            if all(base in _TOLD_BASES or self._referrer.is_project_class(base) for base in kind.__mro__):
                return own
            return f"{own} {self._told(value)}"
        module = kind.__module__.partition(".")[0]
        if module == "mlpipeline":
            return module
        if isinstance(value, PurePath):
            return f"path {str(value)!a}"
        return self._told(value)

    def _told(self, value: Any) -> str:
        """The text of what tells an object of others from another one; if that is not all, how it was made counts."""
        told = told_of(value, takes_apart=self._takes_apart)
        if not told.is_all:
            self._referrer.no_value(value)
        return f"{told.word} {self._each([type(value), *told.values])}"

    def _state(self, value: Any) -> str:
        state = own_attributes(value)
        # Those of others hold what was looked up before, such as the hash of a path.
        for base in filter(self._referrer.is_project_class, type(value).__mro__):
            slots = vars(base).get("__slots__", ())
            for name in [slots] if isinstance(slots, str) else slots:
                mangled = f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") and name[-2:] != "__" else name
                if name not in ("__dict__", "__weakref__") and hasattr(value, mangled):
                    state[name] = getattr(value, mangled)
        # What a dict, a list or a number holds beside its attributes.
        for base, plain in ((dict, dict), (list, list), (tuple, tuple), (set, set), (frozenset, set)):
            if isinstance(value, base):
                state["items"] = plain(value)
        for simple in (int, float, str, bytes):
            if isinstance(value, simple):
                state["value"] = simple.__repr__(value)
        return self._named(state)

    def _each(self, values: Iterable[Any]) -> str:
        return _listed(map(self.text, values))

    def _named(self, values: Mapping[str, Any]) -> str:
        return _listed(f"{name!a}: {self.text(values[name])}" for name in sorted(values, key=str))


def _listed(texts: Iterable[str]) -> str:
    # Not as `repr` writes texts: quotes in quotes in quotes grow without end.
    return f"[{', '.join(texts)}]"


def _is_made_for_a_class(name: str) -> bool:
    # Of what pydantic makes of a class, its fields are what it was given; the rest holds numbers of the process.
    return name in _OF_EVERY_CLASS or (name.startswith("__pydantic_") and name != "__pydantic_fields__")


def own_attributes(value: Any) -> dict[str, Any]:
    """The attributes that an object has of its own."""
    return without_words(getattr(value, "__dict__", {}))


def _parts(pipeline: Any) -> Any:
    """What counts of a pipeline, which says it by a method: it also holds such as all names of its module.

    It is known by that method, whose name no class of the user's has by chance: the module of `Pipeline` imports this.

    Raises:
        CodeUnknown: what the user's class says of its stages raises something.
    """
    try:
        return pipeline.__mlpipeline_parts__()
    except Exception as error:
        told = f"its stages cannot be told ({type(error).__name__}: {error})"
        raise CodeUnknown(type(pipeline).__qualname__, told) from error


def _of_member(member: enum.Enum, of_class: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that a member of an enum was given."""
    return {
        name: item
        for name, item in own_attributes(member).items()
        if name != "__objclass__"
        and not _is_private_to_enum(name)
        and not isinstance(of_class.get(name), functools.cached_property)
    }


def _plain(values: Iterable[Any]) -> str:
    return ascii([(type(value).__name__, hex(value) if type(value) is int else value) for value in values])


def _is_private_to_enum(name: str) -> bool:
    return name.startswith("_") and name.endswith("_") and not name.startswith("__")
