"""What becomes of Python values that are recorded: parameters, results and metrics."""

from __future__ import annotations

import json
from enum import Enum
from numbers import Real
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, TypeAlias

from mlpipeline.errors import NotJson

#: Python refuses to write, and to read, an int of more than 4300 decimal digits.
_INT_BITS = 14_000
_TOO_LONG = "is an int of thousands of digits, which cannot be written as JSON"

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def as_json(value: object, key: str) -> Json:
    """`value` as JSON types: tuples as lists, paths as text, NumPy and torch scalars as Python numbers.

    NaN and the infinities stay the floats they are. `key` says where the value stands; `""` for the top.

    Raises:
        NotJson: something in it cannot be JSON; its `key` reads like `confusion.matrix[2]`.
    """
    return _converted(value, key, strict=True)


def as_parameter(value: object) -> Json:
    """`value` as JSON types, where whatever cannot be JSON becomes a text such as `<function digits.build>`.

    The text names the type and the qualified name, never an address, so it is the same in every process.
    """
    return _converted(value, "", strict=False)


def value_text(plain: Json) -> str:
    """What a value is called in the name of a version that is named by its values: `0.1`, `[2,3]`."""
    if isinstance(plain, list | dict):
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return str(plain)


def is_opaque(value: object) -> bool:
    """Whether `as_parameter` has to describe something in `value` instead of recording it."""
    try:
        as_json(value, "")
    except NotJson:
        return True
    return False


def as_number(value: object, key: str) -> int | float:
    """`value` as an int or a float: bools as 0 and 1, NumPy and torch scalars as their number, NaN as NaN.

    Raises:
        NotJson: it is not one number, or has too many digits.
    """
    scalar = _scalar(value)
    if isinstance(scalar, int) and scalar.bit_length() > _INT_BITS:
        raise NotJson(key, f"{_TOO_LONG}. Give a float.")
    if isinstance(scalar, bool | int):
        return int(scalar)
    if isinstance(scalar, float):
        return float(scalar)
    advice = _advice(value) if _has_items(value) else "Give an int, a float, or a scalar of NumPy or torch."
    raise NotJson(key, f"is {_kind(value)}, not one number. {advice}")


def described(value: object) -> str:
    """What `value` is, by type and qualified name: `<class nets.Small>`, `<digits.Loader object>`."""
    if isinstance(value, type):
        return f"<class {qualified_name(value)}>"
    if isinstance(value, FunctionType | BuiltinFunctionType | MethodType):
        return f"<function {qualified_name(value)}>"
    if isinstance(value, Enum):
        return f"<{qualified_name(type(value))}.{value.name}>"
    return f"<{qualified_name(type(value))} object>"


def qualified_name(thing: Any) -> str:
    """The dotted name of a class or function, with its module unless that is `builtins`."""
    module = getattr(thing, "__module__", None)
    name = str(thing.__qualname__)
    return name if module in (None, "builtins") else f"{module}.{name}"


def _converted(value: object, key: str, *, strict: bool, around: tuple[int, ...] = ()) -> Json:
    """`value` as JSON types; `around` holds the ids of the containers it lies in."""
    scalar = _scalar(value)
    if isinstance(scalar, int) and scalar.bit_length() > _INT_BITS:
        why = _TOO_LONG
    elif scalar is None or isinstance(scalar, bool | int | float | str):
        return scalar
    elif id(value) not in around:
        around = (*around, id(value))
        if isinstance(value, list | tuple):
            return [
                _converted(item, f"{key}[{index}]", strict=strict, around=around) for index, item in enumerate(value)
            ]
        if isinstance(value, dict):
            return {
                _converted_key(name, key, strict=strict): _converted(
                    item, f"{key}.{name}" if key else str(name), strict=strict, around=around
                )
                for name, item in value.items()
            }
        why = f"is {_kind(value)}, which cannot be JSON"
    else:
        why = "contains itself"
    if strict:
        raise NotJson(key, f"{why}. {_advice(value)}")
    return described(value)


def _converted_key(name: object, key: str, *, strict: bool) -> str:
    if isinstance(name, str):
        return str.__str__(name)
    if strict:
        raise NotJson(key, f"has the key {name!r}, {_kind(name)}; JSON keys are text. Use `str(...)` for it.")
    return str(name) if isinstance(name, int | float) else described(name)


def _scalar(value: Any) -> Any:
    """The plain Python value behind a scalar of any library; `value` itself if it is none."""
    if isinstance(value, Enum) and isinstance(value, str | int | float):
        value = value.value
    if isinstance(value, PurePath):
        return str(value)
    # Scalars of NumPy are subclasses of these; what is recorded must not drag their type along.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return _item(value) if _is_zero_dimensional(value) else value


def _is_zero_dimensional(value: Any) -> bool:
    # Looked up on the type: an object that answers every attribute (a mock, a proxy) is no scalar.
    kind = type(value)
    if not (hasattr(kind, "item") and hasattr(kind, "shape")):
        return False
    return isinstance(value.shape, tuple) and value.shape == ()


def _item(scalar: Any) -> Any:
    item = scalar.item()
    # NumPy's long double answers `item()` with another long double.
    return float(item) if isinstance(item, Real) and not isinstance(item, int) else item


def _kind(value: object) -> str:
    name = qualified_name(type(value))
    article = "an" if name[0].lower() in "aeiou" else "a"
    return f"{article} {name}"


def _has_items(value: object) -> bool:
    return hasattr(type(value), "tolist") and hasattr(type(value), "shape")


def _advice(value: object) -> str:
    if _has_items(value):
        return "Reduce it to one number (`.mean().item()`), or record it as a list (`.tolist()`)."
    if isinstance(value, set | frozenset):
        return "A set has no order: use `sorted(...)`."
    return "Record numbers, text, None, and lists or dicts of them."
