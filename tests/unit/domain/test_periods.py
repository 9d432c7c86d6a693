from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mlpipeline.domain.periods import HostTime, Interval, Stint, host_times, merged

#: Ten seconds.
PERIOD = Interval(100.0, 110.0)


def stint(begin: float, end: float, host: str = "box1", gpus: int = 0) -> Stint:
    return Stint(host=host, interval=Interval(begin, end), gpus=gpus)


def test_what_overlaps_or_touches_is_one_interval():
    assert merged([Interval(5, 6), Interval(1, 3), Interval(2, 4), Interval(4, 4.5), Interval(2, 2.5)]) == [
        Interval(1, 4.5),
        Interval(5, 6),
    ]


def test_time_used_and_idle_is_summed_up_by_hand():
    # At work 100 to 103 (two at a time from 101 to 102), and 105 to 106; a daemon from 104 to 108.
    stints = [stint(90, 102, gpus=2), stint(101, 103), stint(105, 106, gpus=1)]
    assert host_times(PERIOD, stints, [("box1", Interval(104, 108))]) == [
        # Runs: 2 + 2 + 1 s, with 2 GPUs for 2 s and one for 1 s. Idle: 104 to 105 and 106 to 108. Away: the rest.
        HostTime(host="box1", busy_s=4.0, idle_s=3.0, away_s=3.0, run_s=5.0, gpu_s=5.0)
    ]


def test_a_run_that_spans_the_period_counts_for_what_of_it_lies_in_it():
    (time,) = host_times(PERIOD, [stint(0, 1000, gpus=8)], [])
    assert (time.busy_s, time.idle_s, time.away_s, time.gpu_s) == (10.0, 0.0, 0.0, 80.0)


def test_what_lies_outside_does_not_count_nor_what_took_no_time():
    outside = [stint(90, 100), stint(110, 120), stint(105, 105, "box2")]
    assert host_times(PERIOD, outside, [("box1", Interval(80, 100))]) == []


def test_each_host_is_told_by_itself():
    times = host_times(PERIOD, [stint(100, 104, "b"), stint(100, 110, "a")], [("c", Interval(99, 105))])
    assert [(time.host, time.busy_s, time.idle_s, time.away_s) for time in times] == [
        ("a", 10.0, 0.0, 0.0),
        ("b", 4.0, 0.0, 6.0),
        ("c", 0.0, 5.0, 5.0),
    ]


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23), ("2026-11-20", 24)])
def test_a_day_is_as_long_as_it_was(day, hours):
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    end = begin.replace(day=begin.day + 1)
    period = Interval(begin.timestamp(), end.timestamp())
    run = Interval(begin.astimezone(UTC).timestamp() - 60, end.astimezone(UTC).timestamp() + 60)
    (time,) = host_times(period, [Stint(host="box1", interval=run)], [])
    assert time.busy_s == hours * 3600
