import time
from datetime import UTC, datetime, timedelta

import pytest

from mlpipeline.project.clock import LocalZone


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_local_zone_knows_when_its_offset_changes(berlin):
    winter, summer = (datetime(2026, month, 1, 12, tzinfo=UTC).astimezone(LocalZone()) for month in (1, 7))
    assert [winter.isoformat(), summer.isoformat()] == ["2026-01-01T13:00:00+01:00", "2026-07-01T14:00:00+02:00"]
    assert [winter.tzname(), summer.tzname()] == ["CET", "CEST"]
    assert datetime(2026, 7, 1, tzinfo=LocalZone()).isoformat() == "2026-07-01T00:00:00+02:00"


def test_an_hour_that_is_there_twice_is_two_hours(berlin):
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    there = [(first + timedelta(hours=hours)).astimezone(LocalZone()) for hours in range(2)]
    assert [at.isoformat() for at in there] == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]
    assert [at.astimezone(UTC) for at in there] == [first, first + timedelta(hours=1)]
