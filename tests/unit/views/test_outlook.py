from __future__ import annotations

from dataclasses import replace

import pytest
from runs import AT, DAEMON, RUN, RUNNING

from mlpipeline.domain.estimates import Durations, Range
from mlpipeline.domain.pace import Pace, Unit
from mlpipeline.domain.states import Start
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.outlook import QueueOutlook, models_ahead, outlook_in_words, queue_outlook

DURATIONS = Durations(
    of_versions={("digits", "deep", Start.CLEAN): [100.0, 120.0], ("net", "a", Start.CLEAN): [30.0]},
    of_models={("digits", Start.CLEAN): [50.0, 120.0], ("net", Start.CLEAN): [10.0, 30.0]},
)
PACE = Pace(done=1, of=2, unit=Unit.STEPS, rate=1.0, left_s=7.0)


def to_start(*told: tuple[str, str, int]) -> tuple[dict[str, object], ...]:
    return tuple({"model": model, "start": start, "count": count} for model, start, count in told)


def between(least_s: float, most_s: float) -> Range:
    return Range(least_s=least_s, most_s=most_s)


def test_what_is_named_takes_as_long_as_its_version_and_the_rest_as_its_script():
    daemon = replace(DAEMON, next=("net:a", "net:b"), waiting=4, to_start=to_start(("net", "clean", 4)))
    # 30 + 3 × 10 at least, 30 + 3 × 30 at most.
    assert queue_outlook([daemon], [], DURATIONS) == QueueOutlook(ends=between(60, 120), left=4, unknown=0)


def test_where_those_of_a_model_begin_differently_names_tell_nothing():
    daemon = replace(DAEMON, next=("net:a",), waiting=2, to_start=to_start(("net", "clean", 1), ("net", "resume", 1)))
    assert queue_outlook([daemon], [], DURATIONS).ends == between(10, 60)


@pytest.mark.parametrize(
    ("observed", "ends", "unknown"),
    [
        (ObservedRun(run=RUNNING, pace=PACE, elapsed_s=60.0), between(7, 7), 0),
        (ObservedRun(run=RUNNING, elapsed_s=60.0), between(40, 60), 0),
        (ObservedRun(run=RUNNING, elapsed_s=500.0), None, 1),  # longer than any before
        (ObservedRun(run=RUNNING, pace=replace(PACE, is_early=True)), between(3.5, 14), 0),
        (ObservedRun(run=RUN), between(100, 120), 0),
        (ObservedRun(run=replace(RUNNING, model="new"), elapsed_s=1.0), None, 1),
    ],
)
def test_a_run_that_goes_on_takes_what_is_left_of_it(observed, ends, unknown):
    assert queue_outlook([DAEMON], [observed], DURATIONS) == QueueOutlook(ends=ends, left=1, unknown=unknown)


def test_why_no_end_is_known_is_said_of_what_is_paused_and_of_what_is_new():
    paused = ObservedRun(run=replace(RUNNING, is_paused=True), pace=PACE)
    new = ObservedRun(run=replace(RUNNING, model="new"))

    def said(*observed):
        return outlook_in_words(queue_outlook([DAEMON], observed, DURATIONS), 0.0)

    assert said(paused) == "when all is done is not known: 7k2m9q is paused"
    assert said(paused, paused).endswith("7k2m9q, 7k2m9q are paused")
    assert said(paused, new).endswith("7k2m9q is paused, nothing like the other has succeeded yet")
    assert said(paused, new, new).endswith("7k2m9q is paused, nothing like the others has succeeded yet")
    assert said(new).endswith("not known: nothing like what is left has succeeded yet")
    going = ObservedRun(run=RUNNING, pace=PACE)
    assert said(going, new).endswith("; nothing like it has succeeded yet")
    assert said(going, new, new).endswith("; nothing like those has succeeded yet")


def test_what_nothing_is_known_of_is_counted_and_left_out():
    daemon = replace(DAEMON, waiting=9, to_start=to_start(("net", "clean", 2), ("new", "clean", 3)))
    # 2 of net, 3 of new, and 4 of models that the daemon does not tell.
    assert queue_outlook([daemon], [], DURATIONS) == QueueOutlook(ends=between(20, 60), left=9, unknown=7)
    only_new = replace(DAEMON, waiting=3, to_start=to_start(("new", "clean", 3)))
    assert queue_outlook([only_new], [], DURATIONS) == QueueOutlook(ends=None, left=3, unknown=3)


def test_where_something_waits_for_the_machine_there_may_be_no_more_places_than_are_taken():
    daemon = replace(DAEMON, at_once=4, waiting=3, to_start=to_start(("net", "clean", 3)))
    running = [ObservedRun(run=RUNNING, pace=PACE)]
    assert queue_outlook([daemon], running, DURATIONS).ends == between(10, 30)
    short = replace(daemon, waits=({"what": "net:x", "why": "1 GPU is asked for"},))
    assert queue_outlook([short], running, DURATIONS).ends == between(10, 97)


def test_several_hosts_share_the_queue_or_each_does_it_all():
    first = replace(DAEMON, waiting=4, to_start=to_start(("net", "clean", 4)))
    second = replace(first, host="box2", is_alive=None, at_once=3, waiting=3, to_start=to_start(("net", "clean", 3)))
    # At least 4 × 10 on four places; at most four, one after the other, on box1.
    assert queue_outlook([first, second], [], DURATIONS) == QueueOutlook(ends=between(10, 120), left=4, unknown=0)
    silent = replace(second, silent_s=3600.0)
    assert queue_outlook([first, silent], [], DURATIONS).ends == between(40, 120)


def test_without_a_daemon_nobody_gets_it_done_and_one_that_stops_starts_nothing_more():
    running = [ObservedRun(run=RUNNING, pace=PACE)]
    assert queue_outlook([replace(DAEMON, is_alive=False)], running, DURATIONS).ends is None
    assert queue_outlook([replace(DAEMON, ended_at=AT)], running, DURATIONS).ends is None
    stopping = replace(DAEMON, is_stopping=True, waiting=3, to_start=to_start(("net", "clean", 3)))
    assert queue_outlook([stopping], running, DURATIONS) == QueueOutlook(ends=between(7, 7), left=1, unknown=0)


def test_the_durations_that_matter_are_of_what_runs_and_of_what_will():
    daemon = replace(DAEMON, to_start=to_start(("net", "clean", 1)))
    assert models_ahead([daemon], [ObservedRun(run=RUNNING)]) == {"digits", "net"}
    assert models_ahead([replace(daemon, is_alive=False)], []) == set()


def test_the_end_is_told_as_time_of_day_and_as_time_to_come(monkeypatch):
    now = 1795262400.0  # 2026-11-21 12:00 UTC, a Saturday

    def told(least_s, most_s, left=3, unknown=0):
        ends = None if least_s is None else between(least_s, most_s)
        return outlook_in_words(QueueOutlook(ends=ends, left=left, unknown=unknown), now)

    monkeypatch.setenv("TZ", "UTC")
    __import__("time").tzset()
    assert told(3600, 2 * 3600) == "all done between 13:00 and 14:00, in 1 h 0 min to 2 h 0 min"
    assert told(3600, 3610) == "all done about 13:00, in 1 h 0 min"
    assert told(11 * 3600, 14 * 3600, unknown=0).startswith("all done between 23:00 and Sun 02:00, in 11 h 0 min to ")
    assert "2026-12-01 12:00" in told(0, 10 * 86400)
    assert told(60, 60, left=12, unknown=3) == (
        "all but 3 of 12 done about 12:01, in 1 min; nothing like those has succeeded yet"
    )
    assert told(None, None).startswith("when all is done is not known")
    assert told(None, None, left=0) is None
    monkeypatch.undo()
    __import__("time").tzset()


def test_of_a_run_on_a_host_that_has_been_silent_for_long_no_end_is_promised():
    silent = replace(DAEMON, host="box2", is_alive=None, silent_s=600.0)
    there = ObservedRun(run=replace(RUNNING, host="box2"), pace=PACE)
    outlook = queue_outlook([silent], [there], DURATIONS)
    assert outlook == QueueOutlook(ends=None, left=1, unknown=1, silent=("box2",))
    assert outlook_in_words(outlook, 0.0) == "when all is done is not known: nothing is heard of box2"
    heard = queue_outlook([replace(silent, silent_s=10.0)], [there], DURATIONS)
    assert heard.ends == between(7, 7)
