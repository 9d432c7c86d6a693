"""What `--json` prints, held against the schemas in docs/schemas."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schemas"


@cache
def _documents() -> dict[str, Any]:
    return {path.stem: _closed(json.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.json"))}


def complaints(schema: str, value: Any) -> list[str]:
    """Return what of `value` is not as the schema of that name says, and which of its keys no schema knows."""
    documents = _documents()
    registry = Registry().with_resources((f"{name}.json", Resource.from_contents(d)) for name, d in documents.items())
    validator = Draft202012Validator(documents[schema], registry=registry, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _closed(schema: Any) -> Any:
    """Return a schema whose objects have no keys but those it names: to programs, more keys are allowed."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **closed} if "properties" in schema and "type" in schema else closed
