"""The screens in the documentation are what the verbs show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import FOLDER, SCREENS, drawn, night


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with night() as written:
        yield written


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_as_committed(root: Path, name: str):
    committed = (FOLDER / f"{name}.txt").read_text("utf-8")
    assert drawn(name, root) == committed, "look at what changed, and if it is meant: make screens"


def test_nothing_else_lies_there():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(SCREENS)
