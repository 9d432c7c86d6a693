"""`NAME=VALUE` as it is typed at a prompt, for parameters."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from mlpipeline.errors import MlpipelineError

#: What a value may be; a date is a text.
_KINDS = (bool, int, float, str, list, dict)
#: What TOML does not take for a number, and everybody else does: `.5`, `1.`.
_SHORT_FLOAT = re.compile(r"[+-]?(\.[0-9]+|(0|[1-9][0-9]*)\.)([eE][+-]?[0-9]+)?")


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
