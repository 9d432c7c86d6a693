from __future__ import annotations

import pytest

from mlpipeline.domain.pace import Loop, Pace, Unit, begun_since, current_loop, pace_of, rate_of


def test_the_loop_that_began_last_tells_how_far_a_run_is():
    done, second = Loop(10, 10, 0, 5.0, 20.0), Loop(3, 8, 0, 21.0, 25.0)
    assert current_loop([]) is None
    assert current_loop([done]) is done
    assert current_loop([done, second]) is second


def test_or_the_one_around_it_but_none_that_was_left_early():
    inner = [Loop(7, 7, 0, 6.0, 8.0), Loop(2, 7, 0, 9.0, 10.0)]
    around = Loop(1, 10, 0, 5.0, 8.5)
    assert current_loop([around, *inner]) is around
    left_early = Loop(1, 10, 0, 5.0, 5.5)
    assert current_loop([left_early, *inner]) is inner[1]
    of_an_earlier_release = Loop(1, 10)
    assert current_loop([of_an_earlier_release, inner[1]]) is inner[1]


def test_what_is_left_is_told_by_the_rate_of_this_attempt_without_its_pauses():
    # 10 steps in 25 s of which 5 s were paused: 0.5 a second; 50 are left, the last was done 1 s ago.
    loop = Loop(50, 100, 40, 1000.0, 1025.0)
    assert pace_of(loop, Unit.STEPS, paused_s=5.0, is_paused=False, waited_s=1.0) == Pace(
        done=50, of=100, unit=Unit.STEPS, rate=0.5, left_s=99.0
    )


@pytest.mark.parametrize(("waited_s", "left_s"), [(-3600.0, 100.0), (0.5, 99.5), (3600.0, 98.0)])
def test_a_wrong_clock_makes_a_difference_of_one_step_at_most(waited_s, left_s):
    loop = Loop(50, 100, 40, 1000.0, 1020.0)
    assert pace_of(loop, Unit.STEPS, paused_s=0, is_paused=False, waited_s=waited_s).left_s == left_s


@pytest.mark.parametrize(
    ("loop", "is_paused", "rate"),
    [
        (Loop(40, 100, 40, 1000.0, 1000.0), False, None),  # nothing was done in this attempt
        (Loop(50, 100), False, None),  # of an earlier release
        (Loop(50, 100, 40, 1000.0, 1003.0), False, None),  # it was paused for longer, before the loop began
        (Loop(50, None, 40, 1000.0, 1024.0), False, 0.5),  # nobody knows how many there are
        (Loop(50, 100, 40, 1000.0, 1024.0), True, 0.5),  # when it goes on, nobody knows
    ],
)
def test_what_is_left_is_unknown_where_anything_of_it_is(loop, is_paused, rate):
    pace = pace_of(loop, Unit.STEPS, paused_s=4.0, is_paused=is_paused, waited_s=0)
    assert (pace.rate, pace.left_s) == (rate, None)


def test_what_a_few_steps_tell_may_be_far_off():
    def is_early(done):
        loop = Loop(done, 100, 41, 1000.0, 1000.0 + done)
        return pace_of(loop, Unit.STEPS, paused_s=0, is_paused=False, waited_s=0).is_early

    assert [is_early(done) for done in (41, 42, 45, 46)] == [False, True, True, False]


def test_a_loop_that_is_complete_has_nothing_left():
    assert pace_of(Loop(9, 9, 0, 1.0, 10.0), Unit.STEPS, paused_s=0, is_paused=False, waited_s=5).left_s == 0


def test_a_rate_is_of_something_in_some_time():
    assert rate_of(10, 4) == 2.5
    assert rate_of(0, 4) is None
    assert rate_of(-3, 4) is None
    assert rate_of(3, 0) is None


def test_of_the_loops_of_a_pipeline_those_count_that_its_present_stage_began():
    before, now = Loop(7, 7, 0, 6.0, 8.0), Loop(2, 7, 0, 9.0, 10.0)
    assert begun_since([before, now], Loop(1, 3, 0, 5.0, 8.5)) == [now]
    assert begun_since([before, now], Loop(2, 3, 0, 5.0, 11.0)) == []
    assert begun_since([before, now], None) == [before, now]


def test_how_long_some_stages_took_says_nothing_of_those_that_are_left():
    pace = pace_of(Loop(50, 100, 40, 1000.0, 1025.0), Unit.STAGES, paused_s=0, is_paused=False, waited_s=0)
    assert (pace.rate, pace.left_s) == (None, None)
