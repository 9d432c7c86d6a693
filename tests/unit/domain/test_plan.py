from __future__ import annotations

from dataclasses import replace

import pytest
from runs import RUN

from mlpipeline.domain.plan import STARTS, Verdict, closing_line, gate_line, gate_result_line, plan_line, verdict
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, Start, State

LAST = replace(RUN, identity="same", state=State.ENDED, outcome=Outcome.SUCCEEDED, is_prepared=True)


def decided(
    last: Run | None, *, identity: str = "same", key: str = RUN.key, u: bool = False, collected: tuple[str, ...] = ()
) -> Verdict:
    return verdict(last, key, identity, skip_done=u, is_collected=collected.__contains__)


@pytest.mark.parametrize("u", [False, True])
def test_what_never_ran_starts_clean(u):
    assert decided(None, u=u) is Verdict.NEW


def test_what_succeeded_is_called_again_and_with_u_skipped():
    assert decided(LAST) is Verdict.AGAIN
    assert decided(LAST, u=True) is Verdict.DONE


@pytest.mark.parametrize("u", [False, True])
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.STOPPED, Outcome.LOST])
def test_what_was_cut_short_resumes(outcome, u):
    assert decided(replace(LAST, outcome=outcome), u=u) is Verdict.RESUMES


@pytest.mark.parametrize("u", [False, True])
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.STOPPED, Outcome.LOST])
def test_what_was_cut_short_before_its_model_dir_was_ready_starts_clean(outcome, u):
    assert decided(replace(LAST, outcome=outcome, is_prepared=False), u=u) is Verdict.NEW


@pytest.mark.parametrize("u", [False, True])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_has_nothing_left_to_go_on_with_starts_clean_but_what_is_done_stays_done(outcome, u):
    is_done = u and outcome is Outcome.SUCCEEDED
    expected = Verdict.DONE if is_done else Verdict.NEW
    assert decided(replace(LAST, outcome=outcome), u=u, collected=(LAST.id,)) is expected
    assert decided(replace(LAST, outcome=outcome), u=u, collected=("other",)) is not Verdict.NEW


@pytest.mark.parametrize("u", [False, True])
@pytest.mark.parametrize("state", [State.WAITING, State.RUNNING])
def test_what_is_alive_is_left_alone_whatever_changed(state, u):
    alive = replace(LAST, state=state, outcome=None)
    assert decided(alive, u=u) is Verdict.ALIVE
    assert decided(alive, identity="other", u=u) is Verdict.ALIVE


@pytest.mark.parametrize("u", [False, True])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_changed_its_identity_or_took_anothers_model_dir_starts_clean(outcome, u):
    last = replace(LAST, outcome=outcome)
    assert decided(last, identity="other", u=u) is Verdict.NEW
    assert decided(last, key="net:large", u=u) is Verdict.NEW


def test_every_verdict_that_starts_a_run_says_what_becomes_of_the_model_dir():
    assert STARTS == {
        Verdict.NEW: Start.CLEAN,
        Verdict.RESUMES: Start.RESUME,
        Verdict.AGAIN: Start.AGAIN,
    }


def test_the_plan_in_one_line():
    verdicts = [Verdict.RESUMES, *[Verdict.DONE] * 3, *[Verdict.NEW] * 8]
    assert plan_line(verdicts, 0) == "12 versions: 8 to run, 3 done, 1 to resume"
    assert plan_line([Verdict.ALIVE], 0) == "1 version: 1 running"
    assert plan_line([], 0) == "nothing to run"
    assert plan_line([Verdict.NEW], 2) == "3 versions: 1 to run, 2 held in models.toml"


def test_what_became_of_it_in_one_line():
    outcomes = [Outcome.FAILED, Outcome.SUCCEEDED, Outcome.SUCCEEDED]
    assert closing_line(outcomes, 1, 0, 0) == "mlpipeline ends: 2 succeeded, 1 failed, 1 could not be used"
    assert closing_line([], 0, 0, 0) == "mlpipeline ends: nothing was run"
    assert closing_line([], 0, 2, 1) == "mlpipeline ends: 2 held in models.toml, 1 waiting for that"


def test_what_is_to_be_tested_and_what_came_of_it_is_told_in_a_line():
    assert gate_line(12, 3) == "test first: 12 versions to test, 3 passed before"
    assert gate_line(1, 0) == "test first: 1 version to test"
    assert gate_line(0, 3) == "test first: no versions to test, 3 passed before"
    assert gate_result_line(11, 1) == "tested: 11 passed, 1 failed"
    assert gate_result_line(11, 0) == "tested: 11 passed"
    assert gate_result_line(0, 1) == "tested: 1 failed"
