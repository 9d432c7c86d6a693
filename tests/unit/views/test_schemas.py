"""The keys that `docs/schemas` promise: named alike, whichever verb prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from schemas import FOLDER

SCHEMAS = sorted(path.name for path in FOLDER.glob("*.json"))


def keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from keys(part)


@pytest.mark.parametrize("name", SCHEMAS)
def test_durations_end_in_s_and_whether_something_is_so_is_a_plain_adjective(name):
    found = set(keys(json.loads((FOLDER / name).read_text("utf-8"))))
    # Promised before the others were named.
    promised = {"daemon.json": {"is_alive"}}.get(name, set())
    odd = ("_seconds", "is_", "are_", "has_")
    assert {key for key in found if key.endswith(odd[0]) or key.startswith(odd[1:]) or "_are_" in key} == promised
