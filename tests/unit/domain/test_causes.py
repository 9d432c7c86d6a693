from dataclasses import replace

from runs import FAILED

from mlpipeline.domain.causes import causes, code_place
from mlpipeline.domain.states import Failure, Outcome

RAISED = replace(FAILED, place="/p/net.py:12", error="IndexError: index 3 is out of bounds")
KILLED = replace(FAILED, failure=Failure.KILLED, error="was killed by SIGKILL before it wrote its result")


def found(*runs):
    return [[run.id for run in cause.runs] for cause in causes(replace(run, id=str(i)) for i, run in enumerate(runs))]


def test_runs_that_failed_at_one_line_with_one_type_of_exception_have_one_cause_whatever_it_says():
    assert found(RAISED, replace(RAISED, error="IndexError: index 7 is out of bounds")) == [["0", "1"]]
    assert found(RAISED, replace(RAISED, error="KeyError: 'a'")) == [["0"], ["1"]]
    assert found(RAISED, replace(RAISED, place="/p/net.py:13")) == [["0"], ["1"]]


def test_without_a_line_the_words_tell_causes_apart_and_the_numbers_in_them_do_not():
    late = replace(FAILED, failure=Failure.TIMEOUT, error="ran for longer than 20 s")
    assert found(late, replace(late, error="ran for longer than 30 s")) == [["0", "1"]]
    assert found(late, replace(late, error="was silent for 20 s")) == [["0"], ["1"]]
    assert found(KILLED, replace(KILLED, outcome=Outcome.LOST, failure=None)) == [["0"], ["1"]]


def test_what_befell_most_runs_comes_first_and_the_rest_keeps_its_order():
    assert found(KILLED, RAISED, FAILED, RAISED) == [["1", "3"], ["0"], ["2"]]


def test_what_a_program_said_last_is_no_place_in_code():
    ended = replace(FAILED, failure=Failure.EXIT, error="ended with exit status 3")
    assert code_place(replace(ended, place="ended with exit status 3: no such file")) is None
    assert code_place(replace(ended, place="/p/net.py:3")) == "/p/net.py:3"
