from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlpipeline.domain.runs import Run, follow, run_from_json, run_to_json
from mlpipeline.domain.states import Failure, Outcome, Start, State
from mlpipeline.errors import IllegalTransition

SELECTED = {
    "event": "selected",
    "at": "2026-11-20T21:34:55.123+01:00",
    "run": "7k2m9q",
    "name": "net-small-7k2m9q",
    "model": "net",
    "version": "small",
    "host": "box1",
    "launch": "l1",
    "identity": "abc",
    "start": "resume",
    "seed": 7,
    "model_dir": "net-small",
    "parameters": {"lr": 0.1},
    "previous": "aaaaaa",
    "code": "c0de",
}
EVENTS: dict[str, dict[str, Any]] = {
    "selected": SELECTED,
    "started": {"event": "started", "run": "7k2m9q", "handle": "{}"},
    "running": {"event": "running", "run": "7k2m9q", "pid": 4711, "started_at": "2026-11-20T21:34:56.000+01:00"},
    "stop": {"event": "stop", "run": "7k2m9q", "by": "SIGINT"},
    "withdrawn": {"event": "withdrawn", "run": "7k2m9q", "why": "…"},
    "timeout": {"event": "timeout", "run": "7k2m9q", "error": "ran for longer than its timeout, 8 h 0 min"},
    "retry": {
        "event": "retry",
        "run": "7k2m9q",
        "attempt": 2,
        "start": "resume",
        "retry_at": "2026-11-20T22:00:30.000+01:00",
        "after": {
            **{"attempt": 1, "outcome": "failed", "failure": "killed", "error": "was killed", "place": None},
            **{"seconds": 1.5, "results": {"loss": 2}, "prepared": True, "trained": False, "note": "slow"},
        },
        "by": "",
    },
    "ended": {"event": "ended", "run": "7k2m9q", "at": "2026-11-20T22:00:00.000+01:00", "outcome": "succeeded"},
    "unheard of": {"event": "unheard of", "run": "7k2m9q"},
}
#: What becomes of a run in a state by an event; None where that cannot happen.
TABLE: dict[State | None, dict[str, State | None]] = {
    None: {"selected": State.WAITING},
    State.WAITING: {
        "started": State.WAITING,
        "running": State.RUNNING,
        "stop": State.WAITING,
        "withdrawn": State.WITHDRAWN,
        "ended": State.ENDED,
        "retry": State.WAITING,
    },
    State.RUNNING: {
        "started": State.RUNNING,
        "stop": State.RUNNING,
        "timeout": State.RUNNING,
        "ended": State.ENDED,
        "retry": State.WAITING,
    },
    State.ENDED: {},  # succeeded; what was not may be tried again, see below
    State.WITHDRAWN: {},
}


def run_in(state: State | None) -> Run | None:
    if state is None:
        return None
    outcome = Outcome.SUCCEEDED if state is State.ENDED else None
    return replace(follow(None, SELECTED), state=state, outcome=outcome)


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_in_every_state(state: State | None, kind: str):
    after = TABLE[state].get(kind)
    if after is None:
        with pytest.raises(IllegalTransition, match="7k2m9q"):
            follow(run_in(state), EVENTS[kind])
    else:
        assert follow(run_in(state), EVENTS[kind]).state is after


def test_an_illegal_event_is_told_with_the_run_and_what_it_is():
    with pytest.raises(IllegalTransition, match="run 7k2m9q is succeeded and cannot be running"):
        follow(run_in(State.ENDED), EVENTS["running"])
    with pytest.raises(IllegalTransition, match="run 7k2m9q cannot be ended before it was selected"):
        follow(None, EVENTS["ended"])


def test_what_a_run_was_selected_with_is_kept():
    run = follow(None, SELECTED)
    assert (run.key, run.start, run.seed, run.previous, run.code) == ("net:small", Start.RESUME, 7, "aaaaaa", "c0de")
    assert (run.selected_at, run.parameters) == (SELECTED["at"], {"lr": 0.1})
    assert run.is_open


def test_events_leave_what_they_say_and_nothing_else():
    run = follow(None, SELECTED)
    assert follow(run, EVENTS["started"]) == replace(run, handle="{}")
    running = follow(run, EVENTS["running"])
    assert running == replace(run, state=State.RUNNING, pid=4711, started_at=EVENTS["running"]["started_at"])
    assert follow(running, EVENTS["stop"]) == replace(running, is_stop_asked=True)


def test_an_end_with_everything():
    event = {
        **EVENTS["ended"],
        "outcome": "failed",
        "failure": "killed",
        "error": "was killed by SIGSEGV",
        "seconds": 41.2,
        "results": {"accuracy": 0.9},
        "prepared": True,
        "trained": True,
    }
    run = follow(run_in(State.RUNNING), event)
    assert (run.outcome, run.failure, run.error) == (Outcome.FAILED, Failure.KILLED, "was killed by SIGSEGV")
    assert (run.seconds, run.results, run.ended_at) == (41.2, {"accuracy": 0.9}, event["at"])
    assert (run.is_prepared, run.is_trained, run.is_open) == (True, True, False)


def test_an_end_that_says_no_more_than_the_outcome():
    run = follow(run_in(State.RUNNING), EVENTS["ended"])
    assert (run.failure, run.error, run.seconds, run.results) == (None, None, None, {})
    assert (run.is_prepared, run.is_trained) == (False, False)


def test_a_word_of_a_later_release_is_no_known_outcome():
    with pytest.raises(ValueError, match="preempted"):
        follow(run_in(State.RUNNING), {**EVENTS["ended"], "outcome": "preempted"})


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.STOPPED, Outcome.LOST])
def test_what_did_not_succeed_may_be_tried_again_and_tells_nothing_of_the_attempt_before(outcome):
    run = follow(follow(None, SELECTED), {**EVENTS["running"]})
    run = follow(run, {**EVENTS["ended"], "outcome": outcome, "failure": None, "error": "…", "results": {"a": 1}})
    again = follow(run, EVENTS["retry"])
    assert (again.state, again.attempt, again.start) == (State.WAITING, 2, Start.RESUME)
    assert (again.outcome, again.error, again.results, again.pid, again.ended_at) == (None, None, {}, None, None)
    (before,) = again.past
    assert (before.outcome, before.failure, before.seconds) == (Outcome.FAILED, Failure.KILLED, 1.5)
    assert before.to_event() == EVENTS["retry"]["after"]
    assert run_from_json(json.loads(json.dumps(run_to_json(again)))) == again
    assert again.is_prepared


@pytest.mark.parametrize("key", ["attempt", "outcome", "failure", "error", "seconds", "prepared", "trained"])
def test_a_further_attempt_whose_event_tells_only_half_of_the_one_before_is_refused(key):
    run = follow(follow(None, SELECTED), EVENTS["running"])
    after = {name: value for name, value in EVENTS["retry"]["after"].items() if name != key}
    with pytest.raises(KeyError, match=key):
        follow(run, {**EVENTS["retry"], "after": after})


@pytest.mark.parametrize("key", ["outcome", "failure"])
def test_a_further_attempt_after_what_no_attempt_ends_with_is_refused(key):
    run = follow(follow(None, SELECTED), EVENTS["running"])
    with pytest.raises(ValueError, match="exploded"):
        follow(run, {**EVENTS["retry"], "after": {**EVENTS["retry"]["after"], key: "exploded"}})


def test_an_attempt_that_never_began_leaves_nothing_to_tell():
    run = follow(follow(None, SELECTED), EVENTS["retry"])
    again = follow(run, {**EVENTS["retry"], "attempt": 3, "after": None})
    assert (again.attempt, again.past, again.is_prepared) == (3, run.past, True)
    ended = follow(again, {**EVENTS["ended"], "outcome": "failed", "attempt": 1})
    assert (ended.attempt, ended.retry_at) == (1, None)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("selected", {"parameters": ["lr"]}),
        ("selected", {"name": None}),
        ("running", {"pid": True}),
        ("ended", {"seconds": float("nan")}),
        ("ended", {"seconds": 10**400}),
        ("ended", {"results": "good"}),
        ("ended", {"attempt": "1"}),
        ("retry", {"after": {"error": 5}}),
    ],
)
def test_an_event_with_something_of_another_type_is_refused(kind, wrong):
    (key,) = wrong
    with pytest.raises(TypeError, match="error" if key == "after" else key):
        follow(None, {"event": kind, "run": "a", **wrong})
