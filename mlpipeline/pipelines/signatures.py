"""What a stage's `run`, `fit`, function or constructor takes, read from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, get_args

from mlpipeline.authoring.stages import Artifact, artifact_name, is_marker

_BY_EITHER, _BY_NAME = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
_NAMELESS = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


class Unfit(Exception):
    """A signature is not one of a stage; `str()` of it says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a stage's `run` or `fit`, of its function or of its constructor."""

    name: str
    #: What the artifact is called that it takes by its signature: a marker class's name, else its own.
    artifact: str
    #: `inspect.Parameter.empty` where it has none.
    default: Any
    #: The marker class in its annotation; None where there is none.
    marker: type[Artifact] | None = None
    #: Whether it is `**name`, which takes whatever it is given by other names.
    is_rest: bool = False

    @property
    def has_default(self) -> bool:
        """Whether it needs no value."""
        return self.default is not inspect.Parameter.empty


def arguments_of(function: Callable[..., Any], *, is_method: bool = False) -> tuple[Argument, ...]:
    """What a function takes, in order.

    Args:
        function: of a script; of a class a method.
        is_method: whether its first argument is the object.

    Raises:
        Unfit: it takes something by position only, or its signature cannot be read.
    """
    try:
        parameters = _parameters(function)[int(is_method) :]
    except (TypeError, ValueError) as error:
        raise Unfit("has no signature that can be read: call it in a function of your own") from error
    return _arguments(parameters, _markers(function))


def constructor_arguments(kind: type) -> tuple[Argument, ...]:
    """What the constructor of a class takes, in order.

    Raises:
        Unfit: it takes something by position only.
    """
    if kind.__init__ is not object.__init__:  # type: ignore[misc]  # it is that of this very class
        parameters = _parameters(kind.__init__)[1:]  # type: ignore[misc]
    elif "_given" in dir(kind):
        # A `Stage` has a `__new__` that takes all, for the constructor of the subclass; here there is none.
        return ()
    else:
        try:
            parameters = list(inspect.signature(kind).parameters.values())
        except (TypeError, ValueError):
            return ()
    return _arguments(parameters, {})


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters as `inspect.signature` has them, without annotations; of plain functions several times as fast."""
    attributes = getattr(function, "__dict__", {})
    if type(function) is not FunctionType or any(not name.startswith("__mlpipeline_") for name in attributes):
        return list(inspect.signature(function).parameters.values())
    code = function.__code__
    if code.co_posonlyargcount or code.co_flags & inspect.CO_VARARGS:
        return list(inspect.signature(function).parameters.values())
    count, defaults, by_name = code.co_argcount, function.__defaults__ or (), function.__kwdefaults__ or {}
    names = code.co_varnames
    values = [inspect.Parameter.empty] * (count - len(defaults)) + list(defaults)
    found = [_parameter(name, _BY_EITHER, value) for name, value in zip(names[:count], values, strict=True)]
    end = count + code.co_kwonlyargcount
    found += [_parameter(name, _BY_NAME, by_name.get(name, inspect.Parameter.empty)) for name in names[count:end]]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        found.append(_parameter(names[end], inspect.Parameter.VAR_KEYWORD))
    return found


def _parameter(name: str, kind: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, kind, default=default)


def _arguments(parameters: list[inspect.Parameter], markers: Mapping[str, type[Artifact]]) -> tuple[Argument, ...]:
    for parameter in parameters:
        if parameter.kind in _NAMELESS:
            is_many = parameter.kind is inspect.Parameter.VAR_POSITIONAL
            name = f"*{parameter.name}" if is_many else f"{parameter.name} by position only"
            advice = f"write **{parameter.name}, or one argument for each" if is_many else 'leave out the "/"'
            raise Unfit(f"takes {name}, and stages get everything by name: {advice}")
    return tuple(
        Argument(
            name=parameter.name,
            artifact=artifact_name(markers[parameter.name]) if parameter.name in markers else parameter.name,
            marker=markers.get(parameter.name),
            default=parameter.default,
            is_rest=parameter.kind is inspect.Parameter.VAR_KEYWORD,
        )
        for parameter in parameters
    )


def _markers(function: Callable[..., Any]) -> dict[str, type[Artifact]]:
    """Return the marker classes in the annotations of arguments, by the names of these."""
    annotations = inspect.get_annotations(function) if callable(function) else {}
    found = {}
    for name, annotation in annotations.items():
        marker = _marker(_evaluated(annotation, function) if isinstance(annotation, str) else annotation)
        if marker is not None:
            found[name] = marker
    return found


def _marker(annotation: Any) -> Any:
    """The marker class in `Data`, `Annotated[ndarray, Data]` or `Data | None`; None where there is none."""
    if is_marker(annotation):
        return annotation
    metadata = getattr(annotation, "__metadata__", ())
    parts = [*metadata, *get_args(annotation)[:1]] if metadata else _members(annotation)
    return next((marker for marker in map(_marker, parts) if marker is not None), None)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types of which an annotation is the union; of a `list[Data]` none: that is no artifact."""
    import types
    import typing

    return get_args(annotation) if typing.get_origin(annotation) in (types.UnionType, typing.Union) else ()


def _evaluated(annotation: str, function: Callable[..., Any]) -> Any:
    """What an annotation stands for that is written as text; None where it has a name for type checkers only."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    cells = zip(code.co_freevars, getattr(function, "__closure__", None) or (), strict=True) if code else ()
    names = {}
    for name, cell in cells:
        try:
            names[name] = cell.cell_contents
        except ValueError:  # Not bound yet.
            continue
    try:
        return eval(annotation, getattr(function, "__globals__", {}), names)
    except Exception:
        return None
