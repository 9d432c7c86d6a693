"""`NAME=VALUE` as it is typed at a prompt, for parameters."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from mlpipeline.errors import MlpipelineError

#: What a value may be; a date is a text.
_KINDS = (bool, int, float, str, list, dict)
#: What TOML does not take for a number, and everybody else does: `.5`, `1.`.
_SHORT_FLOAT = re.compile(r"[+-]?(\.[0-9]+|(0|[1-9][0-9]*)\.)([eE][+-]?[0-9]+)?")
#: What no text takes the place of, and what it is called.
_NO_TEXTS = ((bool, "a truth value"), ((int, float), "a number"), (list, "a list"), (dict, "a table"))


def assigned(texts: Iterable[str]) -> dict[str, Any]:
    """Return the values by name; `optimizer.lr=0.1` is one in a table.

    A value is read as in a TOML file, and is a text where it is nothing else: `small`. Numbers and truth values may
    also be written as in Python: `.5`, `True`.

    Raises:
        MlpipelineError: one is no `NAME=VALUE`, or names what another does.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        keys = [key.strip() for key in name.split(".")]
        if not equals or not all(keys):
            raise MlpipelineError(f'--set "{text}" sets nothing. Write NAME=VALUE, such as --set lr=0.1.')
        table = values
        for key in keys[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise MlpipelineError(f'--set "{text}": {key} was given another value before. Keep one of them.')
        if keys[-1] in table:
            raise MlpipelineError(f'--set "{text}": {name.strip()} was given a value before. Keep one of them.')
        table[keys[-1]] = _value(value.strip())
    return values


#: What to do where a text was meant.
_IN_QUEUE = " To have a text there all the same, write it into models.toml."


def require_kinds(
    values: Mapping[str, Any], parameters: Mapping[Any, Any], before: str = "", *, advice: str = _IN_QUEUE
) -> None:
    """See that no text is to stand where there is anything else than a text now: it was meant as something else.

    Args:
        values: that are given, as `assigned` returns them.
        parameters: that they are given for.
        before: what stands before their names: `optimizer.`.
        advice: what the error ends with.

    Raises:
        MlpipelineError: one is.
    """
    own = {str(key): value for key, value in parameters.items()}
    for key, given in values.items():
        present = own.get(key)
        if isinstance(given, dict) and isinstance(present, dict):
            require_kinds(given, present, f"{before}{key}.", advice=advice)
        elif isinstance(given, str):
            _require_text(f"{before}{key}", given, present, own, advice)


def _require_text(name: str, given: str, present: Any, known: Mapping[str, Any], advice: str) -> None:
    first, *others = given.split(",")
    # `lr=0.4,width=3` gives one parameter a value that reads like two of them.
    several = others and all("=" in one for one in others)
    is_other = several and any(one.partition("=")[0].strip() in known for one in others)
    kind = next((kind for kinds, kind in _NO_TEXTS if isinstance(present, kinds)), None)
    if kind is None and not is_other:
        return
    if several:
        parts = " ".join(f"--set {shlex.quote(one.strip())}" for one in (f"{name}={first}", *others))
        advice = f" Give --set again for each: {parts}"
    now = f"{name} is {json.dumps(present)}, {kind}" if kind else f"{name} is one parameter"
    raise MlpipelineError(f'--set {shlex.quote(f"{name}={given}")}: {now}, and "{given}" is a text.{advice}')


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        values = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        values = {}
    value = values.get("value")
    # What a comment would cut off, or a line feed would end, was meant as a text.
    if isinstance(value, _KINDS) and len(values) == 1 and (not isinstance(value, (int, float)) or "#" not in text):
        return value
    return float(text) if _SHORT_FLOAT.fullmatch(text) else text
