from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mlpipeline.domain.since import NoTime, since

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("12h", "2026-11-20T21:30:00+01:00"),
        ("1d", "2026-11-20T09:30:00+01:00"),
        ("2w", "2026-11-07T09:30:00+01:00"),
        ("730d", "2024-11-21T09:30:00+01:00"),
        (" 1h 30min ", "2026-11-21T08:00:00+01:00"),
        ("today", "2026-11-21T00:00:00+01:00"),
        ("Yesterday", "2026-11-20T00:00:00+01:00"),
        ("9:00", "2026-11-21T09:00:00+01:00"),
        ("18:00", "2026-11-20T18:00:00+01:00"),
        ("2026-11-20", "2026-11-20T00:00:00+01:00"),
        ("2026-11-20 18:00", "2026-11-20T18:00:00+01:00"),
        ("2026-11-20T18:00:30Z", "2026-11-20T19:00:30+01:00"),
        ("2026-07-01", "2026-07-01T00:00:00+02:00"),
    ],
)
def test_a_text_says_since_when(text, at):
    assert since(text, NOW, BERLIN).isoformat() == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        # The clock went back an hour at 03:00: 12 hours before noon were only eleven by the clock, and a day has 25.
        ("12h", "2026-10-25T01:00:00+02:00"),
        ("1d", "2026-10-24T13:00:00+02:00"),
        ("today", "2026-10-25T00:00:00+02:00"),
    ],
)
def test_hours_are_hours_where_the_clock_was_changed(text, at):
    assert since(text, datetime(2026, 10, 25, 12, 0, tzinfo=BERLIN), BERLIN).isoformat() == at


def test_now_may_be_of_another_zone():
    now = datetime(2026, 11, 21, 0, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert since("today", now, BERLIN).isoformat() == "2026-11-20T00:00:00+01:00"


@pytest.mark.parametrize("text", ["", "soon", "12", "-1h", "2026", "2026-02-30", "25:00", "99999999999h", "\x1b[31m"])
def test_what_says_no_time_is_told_what_would(text):
    with pytest.raises(NoTime, match="expected how long ago, such as 12h") as told:
        since(text, NOW, BERLIN)
    assert "\x1b" not in str(told.value)


def test_a_moment_that_is_still_to_come_is_refused():
    with pytest.raises(NoTime, match="is still to come; it is 2026-11-21 09:30 now"):
        since("2026-11-22", NOW, BERLIN)
