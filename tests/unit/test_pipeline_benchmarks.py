"""What `make bench-pipelines` says of what it measured."""

from __future__ import annotations

import pytest

from benchmarks.pipelines.files import LINK, hashing, taking_in
from benchmarks.pipelines.processes import beyond


def tables(case, **figures):
    for contender in case.contenders:
        contender.figures = {name: [figure] for name, figure in figures.items()}
    return case.tables()


@pytest.mark.parametrize(
    ("is_quick", "size", "has_target"), [(True, "16 MiB", False), (False, "1 GiB", True)], ids=["quick", "full"]
)
def test_titles_say_how_much_was_done_and_only_all_of_it_is_judged(is_quick, size, has_target):
    case = hashing(is_quick=is_quick)
    text = tables(case, hashing=5.0)
    assert f"Hashing {size}" in text
    assert ("target" in text) == has_target
    assert case.is_met(case.measurements[0]) == (True if has_target else None)


def test_a_difference_below_noise_is_shown_as_such():
    assert (beyond(1.05, 1.0), beyond(0.9, 1.0), beyond(3.0, 1.0)) == (0, 0, 2)
    text = tables(taking_in(is_quick=False), **{LINK.name: beyond(1.05, 1.0)})
    assert "within noise" in text
    assert "times 0" not in text
    assert " 0 " not in text
