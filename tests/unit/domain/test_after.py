from dataclasses import replace

import pytest

from mlpipeline.domain.after import Standing, circle, foremost, wait_after
from mlpipeline.domain.changes import Changes
from mlpipeline.domain.queue import Awaited, Entry
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Failure, Outcome, Start, State
from mlpipeline.domain.waits import Wait


def entry(name, *after):
    """The entry `a`, or `a:x,y`; what it comes after is written likewise."""
    script, _, versions = name.partition(":")
    awaited = [one.partition(":") for one in after]
    return Entry(
        script=f"{script}.py",
        versions=tuple(versions.split(",")) if versions else None,
        after=tuple(Awaited(script=f"{script}.py", version=version or None) for script, _, version in awaited),
    )


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry("a"), entry("b", "a"), entry("c", "a", "b")],
        [entry("b", "gone"), entry("a", "b")],
        # One version of a script after another one.
        [entry("a:first"), entry("a:second", "a:first")],
        [entry("a:x", "b:u"), entry("b:u"), entry("b:v", "a")],
        # A version that is not listed is not what is listed.
        [entry("a:x", "a:y")],
        [entry("a:x", "b"), entry("b:u", "a:y")],
    ],
)
def test_a_queue_without_a_circle_is_fine(entries):
    assert circle(entries) is None


CHANGES = Changes(values={"lr": 0.1})


def test_what_set_makes_is_another_version_than_that_it_is_made_of():
    changed = replace(entry("a:x"), changes=CHANGES)
    all_changed = replace(entry("a"), changes=CHANGES)
    after_it = entry("a", "a:x@lr=0.1")
    assert circle([after_it, changed]) is None
    assert circle([after_it, all_changed]) is None
    assert circle([entry("a:x"), replace(changed, after=entry("b", "a:x").after)]) is None
    told = "a:x waits for a:x@lr=0.1, which waits for a:x: " + NONE
    assert circle([entry("a:x", "a:x@lr=0.1"), replace(changed, after=entry("b", "a:x").after)]) == told
    told = "a:x@lr=0.1 waits for itself and could never start. Take that out of its `after`."
    assert circle([replace(changed, after=after_it.after)]) == told


NONE = "none of them could ever start. Take one of these out of its `after`."


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([entry("a", "a")], "a.py waits for itself and could never start. Take that out of its `after`."),
        ([entry("a", "a:x")], "a.py waits for itself and could never start. Take that out of its `after`."),
        ([entry("a:x", "a")], "a:x waits for itself and could never start. Take that out of its `after`."),
        ([entry("a", "b"), entry("b", "a")], "a.py waits for b.py, which waits for a.py: " + NONE),
        ([entry("a:x", "b:u"), entry("b:u,v", "a:x")], "a:x waits for b.py (u, v), which waits for a:x: " + NONE),
        # Others lead nowhere.
        (
            [entry("d"), entry("c", "d", "b"), entry("b", "a"), entry("a", "d", "c")],
            "c.py waits for b.py, which waits for a.py, which waits for c.py: " + NONE,
        ),
    ],
)
def test_a_circle_is_told_with_the_path_round(entries, told):
    assert circle(entries) == told


def test_a_long_chain_of_entries_is_followed_to_its_end():
    chain = [entry("e0"), *(entry(f"e{n}", f"e{n - 1}") for n in range(1, 3000))]
    assert circle(chain[::-1]) is None
    assert circle([entry("e0", "e2999"), *chain[1:]]) is not None


def run(**changes):
    return Run(
        **{
            "id": "7k2m9q",
            "name": "teacher-large-7k2m9q",
            "model": "teacher",
            "version": "large",
            "host": "box1",
            "launch": "l",
            "identity": "now",
            "start": Start.CLEAN,
            "seed": 0,
            "model_dir": "teacher-large",
            "parameters": {},
            "previous": None,
            "selected_at": "2026-11-20T21:34:55.123+01:00",
            **changes,
        }
    )


def ended(outcome, **changes):
    return run(state=State.ENDED, outcome=outcome, **changes)


SUCCEEDED = ended(Outcome.SUCCEEDED)
FAILED = ended(Outcome.FAILED, failure=Failure.EXCEPTION, error="ValueError: no")


def standing(last=None, *, is_to_run=False, wait=None, key="teacher:large"):
    return Standing(key=key, identity="now", last=last, is_to_run=is_to_run, wait=wait)


def test_what_succeeded_as_it_is_now_keeps_nobody_waiting():
    assert wait_after(standing(SUCCEEDED), "box1") is None


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (standing(run()), "after teacher:large, which is running"),
        (standing(run(retry_at="2026-11-20T21:34:55.123+01:00")), "after teacher:large, which is tried again"),
        (standing(run(state=State.RUNNING)), "after teacher:large, which is running"),
        (standing(run(state=State.RUNNING, identity="old")), "after teacher:large, which is running"),
        (standing(run(state=State.RUNNING, host="box2")), "after teacher:large, which is running on box2"),
        (standing(run(state=State.RUNNING, is_paused=True)), "after teacher:large, which is paused"),
        (standing(is_to_run=True), "after teacher:large, which waits for its turn"),
        (standing(FAILED, is_to_run=True), "after teacher:large, which waits for its turn"),
        # It is called again: who comes after it shall not read its model dir meanwhile.
        (standing(SUCCEEDED, is_to_run=True), "after teacher:large, which waits for its turn"),
        (
            standing(is_to_run=True, wait=Wait(why="2 GPUs are free of 4")),
            "after teacher:large, which waits, too",
        ),
    ],
)
def test_what_is_under_way_or_to_come_is_waited_for(one, why):
    assert wait_after(one, "box1") == Wait(why=why)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (standing(FAILED), "teacher:large failed (exception): ValueError: no"),
        (standing(ended(Outcome.STOPPED)), "teacher:large was stopped"),
        (standing(ended(Outcome.LOST)), "teacher:large was lost"),
        (
            standing(ended(Outcome.SUCCEEDED, identity="old")),
            "teacher:large changed since it succeeded, and does not run again in this launch. Launch again",
        ),
        (
            standing(ended(Outcome.FAILED, identity="old", failure=Failure.EXIT)),
            "teacher:large changed since it failed (exit), and does not run again in this launch. Launch again",
        ),
        (
            standing(),
            "teacher:large has not run yet, and does not run in this launch. List it too, or run it first",
        ),
        # Another version used its model dir last.
        (
            standing(ended(Outcome.SUCCEEDED, version="larger")),
            "teacher:large has not run yet, and does not run in this launch. List it too, or run it first",
        ),
        (
            standing(FAILED, is_to_run=True, wait=Wait(why="its test failed", is_held=True)),
            "teacher:large is held: its test failed",
        ),
        # Of a chain of them, its beginning counts.
        (
            standing(is_to_run=True, wait=Wait(why="head:v is held: its test failed", is_held=True)),
            "head:v is held: its test failed",
        ),
    ],
)
def test_what_will_not_succeed_by_itself_holds_with_the_reason(one, why):
    assert wait_after(one, "box1") == Wait(why=why, is_held=True)


def test_what_succeeded_as_it_is_now_may_be_held_from_being_called_again():
    held = standing(SUCCEEDED, is_to_run=True, wait=Wait(why="its test failed", is_held=True))
    assert wait_after(held, "box1") is None


HELD = Wait(why="held in models.toml", is_held=True, is_meant=True)
BEHIND = Wait(why="after teacher:large, which is held in models.toml", is_held=True, is_meant=True)


def test_what_somebody_holds_is_waited_for_as_nothing_is_wrong():
    assert wait_after(standing(is_to_run=True, wait=HELD), "box1") == BEHIND
    assert wait_after(standing(FAILED, is_to_run=True, wait=HELD), "box1") == BEHIND
    # Of a chain, its beginning is told.
    assert wait_after(standing(is_to_run=True, wait=BEHIND, key="student:v"), "box1") == BEHIND
    # It goes on, or has succeeded and would only have been called again.
    running = standing(run(state=State.RUNNING), is_to_run=True, wait=HELD)
    assert wait_after(running, "box1") == Wait(why="after teacher:large, which is running")
    assert wait_after(standing(SUCCEEDED, is_to_run=True, wait=HELD), "box1") is None


def test_what_is_wrong_is_told_before_what_somebody_wants():
    passing, lasting = Wait(why="passing"), Wait(why="lasting", is_held=True)
    assert foremost([passing, BEHIND]) == BEHIND
    assert foremost([BEHIND, passing]) == BEHIND
    assert foremost([BEHIND, passing, lasting]) == lasting


def test_what_lasts_is_told_before_what_passes():
    first, second, lasting = Wait(why="first"), Wait(why="second"), Wait(why="lasting", is_held=True)
    assert foremost([first, lasting, second]) == lasting
    assert foremost([first, second]) == first
    assert foremost([]) is None


def test_once_something_lasts_nothing_more_is_looked_for():
    left = iter([Wait(why="lasting", is_held=True), Wait(why="unseen")])
    assert foremost(left).is_held
    assert next(left).why == "unseen"
