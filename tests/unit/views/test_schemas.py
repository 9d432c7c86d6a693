"""The keys that `docs/schemas` promise: named alike, whichever verb prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from schemas import FOLDER

SCHEMAS = sorted(path.name for path in FOLDER.glob("*.json"))


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from parts(part)


def parts_of(name: str) -> list[dict[str, Any]]:
    return [part for part in parts(json.loads((FOLDER / name).read_text("utf-8"))) if "properties" in part]


@pytest.mark.parametrize("name", SCHEMAS)
def test_durations_end_in_s_and_whether_something_is_so_is_a_plain_adjective(name):
    found = {key for part in parts_of(name) for key in part["properties"]}
    # Promised before the others were named.
    promised = {"daemon.json": {"is_alive"}}.get(name, set())
    odd = ("_seconds", "is_", "are_", "has_")
    assert {key for key in found if key.endswith(odd[0]) or key.startswith(odd[1:]) or "_are_" in key} == promised


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_key_is_left_out(name):
    for part in parts_of(name):
        assert list(part["properties"]) == part["required"]


def test_causes_and_obstacles_are_the_same_in_status_and_report():
    status, report = (json.loads((FOLDER / name).read_text("utf-8")) for name in ("status.json", "report.json"))
    for key, schema in (("causes", "cause.json"), ("waits", "obstacle.json"), ("held", "obstacle.json")):
        assert status["properties"][key]["items"] == report["properties"][key]["items"] == {"$ref": schema}
