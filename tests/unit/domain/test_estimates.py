from __future__ import annotations

import random

import pytest

from mlpipeline.domain.estimates import Durations, Range, Work, seen, until_done
from mlpipeline.domain.states import Start


def between(least_s: float, most_s: float) -> Range:
    return Range(least_s=least_s, most_s=most_s)


def test_a_range_is_from_the_shortest_to_the_longest_and_of_many_without_the_outermost_tenths():
    assert seen([]) is None
    assert seen([7.0]) == between(7, 7)
    assert seen([5.0, 3.0, 9.0]) == between(3, 9)
    assert seen([100.0, *map(float, range(2, 10)), 0.1]) == between(2, 9)
    assert seen([float(n) for n in range(1, 21)]) == between(3, 18)


def test_what_is_left_of_a_run_is_unknown_once_it_takes_longer_than_any_before():
    assert between(10, 30).after(4) == between(6, 26)
    assert between(10, 30).after(20) == between(0, 10)
    assert between(10, 30).after(31) is None


def test_a_run_takes_as_long_as_those_of_its_version_else_as_those_of_its_script():
    durations = Durations(
        of_versions={("net", "a", Start.CLEAN): [60.0, 80.0]},
        of_models={("net", Start.CLEAN): [10.0, 60.0, 80.0]},
    )
    assert durations.expected("net", "a", Start.CLEAN) == between(60, 80)
    assert durations.expected("net", "b", Start.CLEAN) == between(10, 80)
    assert durations.expected("net", None, Start.CLEAN) == between(10, 80)
    assert durations.expected("other", "a", Start.CLEAN) is None


def test_what_resumes_or_is_called_again_takes_no_longer_than_the_whole():
    durations = Durations(
        of_versions={("net", "a", Start.CLEAN): [60.0, 80.0]},
        of_models={("net", Start.CLEAN): [60.0, 80.0], ("digits", Start.AGAIN): [2.0], ("digits", Start.CLEAN): [90.0]},
    )
    assert durations.expected("net", "a", Start.RESUME) == between(0, 80)
    assert durations.expected("net", "a", Start.AGAIN) == between(0, 80)
    assert durations.expected("digits", "x", Start.AGAIN) == between(2, 2)
    assert durations.expected("other", "x", Start.RESUME) is None


@pytest.mark.parametrize(
    ("running", "waiting", "at_once", "expected"),
    [
        ([], [], 1, None),
        ([], [Work(count=0, each=between(1, 2))], 1, None),
        # One after the other.
        ([between(5, 5)], [Work(count=3, each=between(10, 20))], 1, between(35, 65)),
        # 4 runs, 2 at a time: 35 s of work is 17.5 s for two; at most 20 + (65 - 20) / 2.
        ([between(5, 5)], [Work(count=3, each=between(10, 20))], 2, between(17.5, 42.5)),
        # Each has a place: as long as the longest.
        ([between(5, 5)], [Work(count=3, each=between(10, 20))], 4, between(10, 20)),
        ([between(90, 100)], [Work(count=2, each=between(1, 1))], 2, between(90, 101)),
    ],
)
def test_the_end_is_told_from_what_runs_and_waits(running, waiting, at_once, expected):
    assert until_done(running, waiting, at_once) == expected


def test_more_at_a_time_is_never_later_more_work_never_sooner_and_every_order_lies_between():
    draw = random.Random(5)
    for _ in range(200):
        durations = [float(draw.randint(1, 50)) for _ in range(draw.randint(1, 12))]
        waiting = [Work(count=1, each=between(duration, duration)) for duration in durations]
        before = None
        for at_once in range(1, 6):
            found = until_done([], waiting, at_once)
            assert found is not None
            assert found.least_s - 1e-9 <= _carried_out(durations, at_once) <= found.most_s + 1e-9
            if before is not None:
                assert found.least_s <= before.least_s + 1e-9
                assert found.most_s <= before.most_s + 1e-9
            before = found
            further = until_done([between(3, 4)], waiting, at_once)
            assert further is not None
            assert further.least_s >= found.least_s
            assert further.most_s >= found.most_s


def _carried_out(durations: list[float], at_once: int) -> float:
    """Return when all are done that begin in this order, each as soon as there is a place."""
    free_at = [0.0] * at_once
    for duration in durations:
        free_at.sort()
        free_at[0] += duration
    return max(free_at)
