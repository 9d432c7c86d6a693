from __future__ import annotations

from dataclasses import replace

from runs import RUN

from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Failure, Outcome, State
from mlpipeline.domain.streaks import streak


def run(id: str, outcome: Outcome = Outcome.FAILED, place: str | None = "net.py:7", **fields) -> Run:
    failure = Failure.EXCEPTION if outcome is Outcome.FAILED else None
    told = {"version": f"of {id}", "failure": failure, "place": place, **fields}
    return replace(RUN, id=id, state=State.ENDED, outcome=outcome, **told)


def ids(*runs: Run, released: str = "") -> str:
    return "".join(run.id for run in streak(runs, released.__contains__))


def test_a_streak_is_what_failed_last_in_the_same_way_at_the_same_place_with_the_same_code():
    assert ids(run("a"), run("b"), run("c")) == "abc"
    assert ids(run("a"), run("b", place="net.py:8"), run("c")) == "a"
    assert ids(run("a"), run("b", failure=Failure.BAD_SCRIPT), run("c")) == "a"
    assert ids(run("a"), run("b", code="another"), run("c")) == "a"


def test_a_success_or_a_release_ends_it():
    assert ids(run("a"), run("b", Outcome.SUCCEEDED, None), run("c")) == "a"
    assert ids(run("a", Outcome.SUCCEEDED, None), run("b")) == ""
    assert ids(run("a"), run("b"), run("c"), released="b") == "a"


def test_what_says_nothing_about_the_script_is_passed_over():
    silent = [run("s", Outcome.STOPPED, None), run("l", Outcome.LOST, None), run("k", place=None)]
    assert ids(run("a"), *silent, run("b")) == "ab"


def test_a_full_disk_is_no_fault_of_the_script_wherever_it_was_met():
    full = [run(id, failure=Failure.DISK_FULL) for id in "def"]
    assert ids(*full) == ""
    assert ids(run("a"), *full, run("b")) == "ab"


def test_a_version_that_failed_twice_counts_once():
    assert ids(run("a", version="v"), run("b", version="v"), run("c")) == "ac"
