import math
from datetime import datetime

import pytest

from mlpipeline.views.words import (
    ago,
    distinct_values,
    duration,
    exact_value,
    moment,
    moment_to_minute,
    one_line,
    value,
    values,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "under 1 ms"),
        (0.001, "1 ms"),
        (0.0123, "12 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (41.23, "41.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_how_long_ago():
    assert ago(2400) == "40 min 0 s ago"
    assert ago(3) == "just now"
    assert ago(-100) == "just now"  # the clock was set back


def test_moments_are_local_and_what_is_none_stays_readable():
    assert moment("2026-11-20T21:34:55.123+00:00").startswith("2026-11-2")
    assert len(moment("2026-11-20T21:34:55.123+00:00")) == len("2026-11-20 21:34:55")
    assert moment(None) == ""
    assert moment("yesterday") == "yesterday"


def test_a_moment_to_the_minute_leaves_out_what_is_the_same_as_today():
    now = datetime(2026, 11, 21, 14, 0).timestamp()
    told = [
        moment_to_minute(at, now)
        for at in ("2026-11-21T13:24:55", "2026-11-20T13:24:55", "2025-11-21T13:24:55", None, "yesterday")
    ]
    assert told == ["13:24", "11-20 13:24", "2025-11-21", "", "yesterday"]


def test_values_are_short_on_one_line_and_exact_where_there_is_room():
    assert [value(thing) for thing in (0.9512345, 1.0, 3, None, True, math.nan, "a\nb")] == [
        "0.9512",
        "1",
        "3",
        "None",
        "True",
        "nan",
        "a b",
    ]
    assert exact_value(0.9512345) == "0.9512345"
    assert exact_value(1.0) == "1.0"
    assert exact_value([64, 64]) == "[64, 64]"
    assert value("x" * 60) == "x" * 60
    assert value(list(range(1000))) == str(list(range(1000)))[:59] + "…"
    assert exact_value("y" * 501) == "y" * 499 + "…"
    assert values({"accuracy": 0.97, "loss": 0.1, "text": "a b"}) == "accuracy=0.97 loss=0.1 text=a b"
    assert values({"val": {"loss": 0.2581882575977444, "note": "a,b"}, "n": {}}) == "val.loss=0.2582 val.note=a,b n={}"
    assert values({}) == ""


def test_one_line_keeps_emoji_and_loses_what_could_disturb_a_terminal():
    assert one_line("a\tb\nc\x1b[31md\r🙂 é") == "a b c [31md 🙂 é"


def test_a_line_is_no_longer_than_a_path_may_be():
    assert one_line("x" * 4096) == "x" * 4096
    assert one_line("x\n" * 5_000_000) == ("x " * 2048)[:4095] + "…"


def test_values_that_are_not_the_same_are_shown_so_that_they_can_be_told_apart():
    assert distinct_values([0.12345, 0.2]) == ["0.1235", "0.2"]
    assert distinct_values([1.08071, 1.08072]) == ["1.08071", "1.08072"]
    assert distinct_values([1.08071, 1.08071]) == ["1.081", "1.081"]
