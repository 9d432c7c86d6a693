import math

import pytest

from mlpipeline.domain.curves import Point, Row, curves, is_logarithmic, log_ticks, telling, thinned, ticks
from mlpipeline.domain.measures import Measure

NAN = math.nan


def rows(*steps, name="loss"):
    return [Row(step, 100.0 + index, {name: float(index)}) for index, step in enumerate(steps)]


def drawn(curve):
    return [(point.x, point.y) for point in curve.points]


def test_a_curve_is_a_metric_by_step():
    logged = [Row(0, 9.0, {"a": 1.0}), Row(0, 9.0, {"b": 2.0}), Row(5, 9.5, {"a": 3.0, "b": 4.0})]
    found = curves(logged, restarts=0)
    assert {name: drawn(curve) for name, curve in found.items()} == {
        "a": [(0, 1.0), (5, 3.0)],
        "b": [(0, 2.0), (5, 4.0)],
    }
    assert found["a"].is_by_step


def test_steps_that_a_further_attempt_repeats_count_as_it_did_them():
    curve = curves(rows(0, 1, 2, 1, 2, 3), restarts=1)["loss"]
    assert drawn(curve) == [(0, 0), (1, 3), (2, 4), (3, 5)]


@pytest.mark.parametrize("steps", [(0, 1, 2, 0, 1, 2), (None, None, None), (0, None, 1)])
def test_where_steps_do_not_tell_how_far_it_came_time_does(steps):
    curve = curves(rows(*steps), restarts=0)["loss"]
    assert (curve.is_by_step, drawn(curve)[:3]) == (False, [(0, 0), (1, 1), (2, 2)])


def test_of_many_points_the_extremes_of_each_place_and_the_ends_are_kept():
    points = [Point(x, math.sin(x)) for x in range(100_000)]
    points[50_003] = Point(50_003, 99.0)
    (stretch,) = thinned(points, 100)
    assert len(stretch) <= 2 * 100 + 2
    assert (stretch[0], stretch[-1], max(point.y for point in stretch)) == (points[0], points[-1], 99.0)
    assert [point.x for point in stretch] == sorted(point.x for point in stretch)


@pytest.mark.parametrize("gap", [NAN, math.inf, -math.inf, 1e300])
def test_what_cannot_be_drawn_is_a_gap(gap):
    points = [Point(0, 1), Point(1, gap), Point(2, 2), Point(3, 3)]
    assert thinned(points, 100) == [[Point(0, 1)], [Point(2, 2), Point(3, 3)]]
    many = [Point(x, gap if 400 <= x < 600 else 1.0) for x in range(1000)]
    before, after = thinned(many, 10)
    assert (before[-1].x, after[0].x) == (300, 600)


def test_a_curve_without_any_number_is_nothing():
    assert thinned([Point(0, NAN), Point(1, NAN)], 10) == []


@pytest.mark.parametrize(
    ("name", "ys", "is_log"),
    [
        ("loss", [100.0, 1.0], True),
        ("loss", [99.0, 1.0], False),
        ("loss", [100.0, 0.0], False),
        ("loss", [100.0, NAN, 1.0], True),
        ("accuracy", [0.001, 1.0], False),
        ("grad_norm", [0.001, 1.0], False),
        ("loss", [NAN], False),
    ],
)
def test_a_loss_that_falls_over_decades_is_drawn_by_its_order_of_magnitude(name, ys, is_log):
    assert is_logarithmic(name, ys) is is_log


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.13, 0.98, [0.2, 0.4, 0.6, 0.8]), (-5, 12, [-5, 0, 5, 10])],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert ticks(low, high, 5) == pytest.approx(expected)


def test_ticks_of_decades_are_not_more_than_asked_for():
    assert log_ticks(0.02, 3, 5) == pytest.approx([0.1, 1])
    assert log_ticks(1e-9, 10, 5) == pytest.approx([1e-9, 1e-6, 1e-3, 1])


def test_the_metric_that_tells_most_comes_first():
    names = ["lr", "train_loss", "accuracy", "val.accuracy"]
    assert telling(names, Measure.parse("val.accuracy")) == ["val.accuracy", "accuracy", "train_loss", "lr"]
    assert telling(names, None) == ["train_loss", "lr", "accuracy", "val.accuracy"]
