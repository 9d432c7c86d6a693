from __future__ import annotations

from dataclasses import replace

import pytest

from mlpipeline.domain.endings import Ending, ending, how_it_ended, signal_name
from mlpipeline.domain.result import NO_ROOM_STATUS, Result
from mlpipeline.domain.states import Failure, Outcome

SUCCEEDED = Result(outcome=Outcome.SUCCEEDED)
STOPPED = Result(outcome=Outcome.STOPPED, error="KeyboardInterrupt")
FAILED = Result(outcome=Outcome.FAILED, failure=Failure.EXCEPTION, error="ValueError: no")


@pytest.mark.parametrize("exit_status", [0, None])
@pytest.mark.parametrize("is_stop_asked", [False, True])
def test_a_good_result_is_the_truth(exit_status, is_stop_asked):
    assert ending(SUCCEEDED, exit_status, is_stop_asked=is_stop_asked) == Ending(outcome=Outcome.SUCCEEDED)


def test_a_bad_exit_after_a_good_result_is_a_note():
    end = ending(SUCCEEDED, -11, is_stop_asked=False)
    assert end == Ending(outcome=Outcome.SUCCEEDED, note="after its result, its process was killed by SIGSEGV")
    assert ending(SUCCEEDED, 3, is_stop_asked=False).note == "after its result, its process ended with exit status 3"


@pytest.mark.parametrize("exit_status", [0, 1, -9, None])
@pytest.mark.parametrize("is_stop_asked", [False, True])
def test_a_failure_is_told_as_the_worker_told_it(exit_status, is_stop_asked):
    end = ending(FAILED, exit_status, is_stop_asked=is_stop_asked)
    assert end == Ending(outcome=Outcome.FAILED, failure=Failure.EXCEPTION, error="ValueError: no")


def test_a_stop_that_was_asked_for_is_stopped_and_any_other_a_failure():
    assert ending(STOPPED, 1, is_stop_asked=True) == Ending(outcome=Outcome.STOPPED, error="KeyboardInterrupt")
    end = ending(STOPPED, 1, is_stop_asked=False)
    assert (end.outcome, end.failure) == (Outcome.FAILED, Failure.KILLED)
    assert "SIGTERM" in (end.error or "")


@pytest.mark.parametrize(
    ("exit_status", "outcome", "failure", "told"),
    [
        (None, Outcome.LOST, None, "nobody saw how it ended"),
        (-9, Outcome.FAILED, Failure.KILLED, "killed by SIGKILL"),
        (-11, Outcome.FAILED, Failure.KILLED, "killed by SIGSEGV"),
        (-15, Outcome.FAILED, Failure.KILLED, "killed by SIGTERM"),
        (0, Outcome.FAILED, Failure.EXIT, "exit status 0"),
        (7, Outcome.FAILED, Failure.EXIT, "exit status 7"),
        (NO_ROOM_STATUS, Outcome.FAILED, Failure.DISK_FULL, "no room"),
    ],
)
def test_without_a_result_the_exit_status_is_what_there_is(exit_status, outcome, failure, told):
    end = ending(None, exit_status, is_stop_asked=False)
    assert (end.outcome, end.failure) == (outcome, failure)
    assert told in (end.error or "")


@pytest.mark.parametrize(
    ("exit_status", "told"),
    [
        (-9, "before it had stopped"),
        (-15, "before it could say"),
        (0, "left no result"),
        (None, "left no"),
    ],
)
def test_without_a_result_after_a_stop_it_is_stopped(exit_status, told):
    end = ending(None, exit_status, is_stop_asked=True)
    assert (end.outcome, end.failure) == (Outcome.STOPPED, None)
    assert told in (end.error or "")


@pytest.mark.parametrize("result", [None, STOPPED])
def test_what_passed_a_limit_has_failed_for_that_whoever_asks_it_to_stop_meanwhile(result):
    end = ending(result, -9, is_stop_asked=True, timeout="was silent for longer than 4 s")
    assert end == Ending(outcome=Outcome.FAILED, failure=Failure.TIMEOUT, error="was silent for longer than 4 s")


SHORT = "its cgroup was out of memory"


@pytest.mark.parametrize("exit_status", [-9, None])
def test_the_kernels_kill_for_want_of_memory_is_told_as_that(exit_status):
    end = ending(None, exit_status, is_stop_asked=False, out_of_memory=SHORT)
    told = f"the kernel killed it: {SHORT}"
    assert end == Ending(outcome=Outcome.FAILED, failure=Failure.OUT_OF_MEMORY, error=told)
    assert ending(None, exit_status, is_stop_asked=True, out_of_memory=SHORT).outcome is Outcome.STOPPED


def test_so_is_that_of_a_process_whose_end_made_the_run_fail():
    broken = replace(FAILED, error="BrokenProcessPool", child_killed=True)
    end = ending(broken, 1, is_stop_asked=False, out_of_memory=SHORT)
    told = f"BrokenProcessPool; the kernel killed that process: {SHORT}"
    assert end == Ending(outcome=Outcome.FAILED, failure=Failure.OUT_OF_MEMORY, error=told)
    assert ending(broken, 1, is_stop_asked=False).failure is Failure.EXCEPTION
    # What did not follow from that, or was survived, is what it was.
    assert ending(FAILED, 1, is_stop_asked=False, out_of_memory=SHORT).failure is Failure.EXCEPTION
    assert ending(SUCCEEDED, 0, is_stop_asked=False, out_of_memory=SHORT).outcome is Outcome.SUCCEEDED


def test_exit_statuses_and_signals_in_words():
    assert how_it_ended(-9) == "was killed by SIGKILL"
    assert how_it_ended(3) == "ended with exit status 3"
    assert signal_name(11) == "SIGSEGV"
    assert signal_name(63) == "signal 63"
