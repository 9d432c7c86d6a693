from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from runs import RUN

from mlpipeline.daemon.breaker import Breaker
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Failure, Outcome, State
from mlpipeline.history.stores import code_name

CODE = code_name({})
SMALL = SimpleNamespace(model="net", key="net:small", identity="i", script="net.py", files={})


def ended(version: str, minute: int, outcome: Outcome, **fields) -> Run:
    at = f"2026-11-20T21:{minute:02}:00.000+00:00"
    told = {"state": State.ENDED, "outcome": outcome, "ended_at": at, "code": CODE, **fields}
    return replace(RUN, id=version, model="net", version=version, **told)


def failed(version: str, minute: int) -> Run:
    return ended(version, minute, Outcome.FAILED, failure=Failure.EXCEPTION, place="net.py:7", error="no")


class History:
    """The runs that are over, and what was released, as the ledger tells them."""

    def __init__(self):
        self.news = 0
        self.runs: list[Run] = []
        self.released: set[str] = set()

    def ended(self, model, most):
        return self.runs[::-1][:most]

    def open_runs(self):
        return []

    def models_in_trouble(self):
        return {run.model for run in self.runs if run.outcome is Outcome.FAILED}

    def is_released(self, what):
        return what in self.released


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def breaker(history, log) -> Breaker:
    return Breaker(history, 2, Path("/models"), lambda: None, log.append)


def note(breaker, history, run):
    history.runs.append(run)
    breaker.note_ended(run)


def is_holding(breaker) -> bool:
    return breaker.is_active and breaker.wait(SMALL) is not None


def test_what_goes_on_because_one_that_was_under_way_succeeds_is_said_and_why(breaker, history, log):
    note(breaker, history, failed("a", 1))
    note(breaker, history, failed("b", 2))
    assert is_holding(breaker)
    note(breaker, history, ended("medium", 3, Outcome.SUCCEEDED))
    assert not is_holding(breaker)
    assert log == ["net goes on: net:medium has succeeded"]


def test_what_held_nobody_does_not_go_on(breaker, history, log):
    note(breaker, history, failed("a", 1))
    note(breaker, history, failed("b", 2))
    note(breaker, history, ended("medium", 3, Outcome.SUCCEEDED))
    assert log == []


def test_a_release_is_not_said_to_be_a_success(breaker, history, log):
    note(breaker, history, failed("a", 1))
    note(breaker, history, failed("b", 2))
    assert is_holding(breaker)
    history.released = {"b"}
    breaker.look_at("net")
    assert not is_holding(breaker)
    assert log == []


def test_what_goes_on_as_it_was_edited_needs_no_success_for_that(breaker, history, log):
    note(breaker, history, failed("a", 1))
    note(breaker, history, failed("b", 2))
    assert is_holding(breaker)
    edited = SimpleNamespace(**{**vars(SMALL), "files": {"net.py": "another"}})
    assert breaker.wait(edited) is None
    note(breaker, history, ended("small", 3, Outcome.SUCCEEDED))
    assert log == []


def test_a_success_counts_from_its_end_for_the_next_launch_too(breaker, history):
    # It began first, and the history names it first.
    history.runs = [ended("medium", 3, Outcome.SUCCEEDED), failed("a", 1), failed("b", 2)]
    assert not is_holding(breaker)
    history.runs.append(failed("c", 4))
    breaker.look_at("net")
    assert not is_holding(breaker)


def test_only_what_failed_in_this_launch_has_tripped_in_it(breaker, history):
    history.runs = [failed("a", 1), failed("b", 2)]
    assert is_holding(breaker)
    assert breaker.tripped == set()
    note(breaker, history, failed("c", 3))
    assert breaker.tripped == {"net"}
    note(breaker, history, ended("d", 4, Outcome.SUCCEEDED))
    assert breaker.tripped == set()
