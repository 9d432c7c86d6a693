from __future__ import annotations

import math
from pathlib import Path

import numpy
import pytest

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.run import Run, StageRun, current, set_current
from mlpipeline.errors import NotJson


class Sink:
    def __init__(self):
        self.metrics_seen = []
        self.lines = []
        self.progress_seen = []
        self.epochs_seen = []
        self.stages_seen = []

    def metrics(self, values, step):
        self.metrics_seen.append((dict(values), step))

    def log(self, message, *, to_file):
        self.lines.append((message, to_file))

    def progress(self, loop, done, total):
        self.progress_seen.append((loop, done, total))

    def epochs(self, ended):
        self.epochs_seen.append(ended)

    def stages(self, done, total):
        self.stages_seen.append((done, total))


@pytest.fixture
def sink():
    return Sink()


def make_run(sink, mode=ExecutionModeKeys.TRAIN, steps_done=()):
    return Run(id="a1f3", mode=mode, model_dir=Path("dir"), seed=7, sink=sink, steps_done=steps_done)


def test_says_what_it_is(sink):
    run = make_run(sink)
    assert ("a1f3", "Train", Path("dir"), 7) == (run.id, run.mode, run.model_dir, run.seed)


class TestStopping:
    def test_is_noticed_only_when_the_script_looks_after_the_request(self, sink):
        run = make_run(sink)
        assert run.should_stop is False
        run.request_stop()
        run.request_stop()
        assert run.stop_noticed is False
        assert run.should_stop is True
        assert run.stop_noticed is True

    def test_looking_before_the_request_notices_nothing(self, sink):
        run = make_run(sink)
        assert run.should_stop is False
        assert run.stop_noticed is False


class TestLogging:
    def test_hands_lines_to_the_sink(self, sink):
        run = make_run(sink)
        run.log("hello")
        run.log(ValueError("oops"), log_to_file=False)
        assert sink.lines == [("hello", True), ("oops", False)]

    def test_metrics_become_plain_numbers(self, sink):
        run = make_run(sink)
        run.log_metrics({"loss": numpy.float32(0.5), "hits": True})
        run.log_metrics({"loss": math.inf}, step=numpy.int64(3))
        assert [({"loss": 0.5, "hits": 1}, None), ({"loss": math.inf}, 3)] == sink.metrics_seen
        assert float is type(sink.metrics_seen[0][0]["loss"])
        assert int is type(sink.metrics_seen[1][1])

    @pytest.mark.parametrize(("values", "key"), [({"good": 1, "bad": "x"}, "bad"), ({3: 1}, "3")])
    def test_a_metric_that_is_no_number_is_named_and_nothing_is_recorded(self, sink, values, key):
        with pytest.raises(NotJson) as caught:
            make_run(sink).log_metrics(values)
        assert key == caught.value.key
        assert sink.metrics_seen == []

    def test_a_step_that_is_no_int_is_refused(self, sink):
        with pytest.raises(TypeError):
            make_run(sink).log_metrics({"loss": 1}, step=1.5)


class TestSteps:
    def test_yields_all_and_counts_each_when_its_body_has_finished(self, sink):
        seen = []
        for step in make_run(sink).steps(3):
            seen.append((step, len(sink.progress_seen)))
        assert seen == [(0, 1), (1, 2), (2, 3)]
        assert sink.progress_seen == [(0, 0, 3), (0, 1, 3), (0, 2, 3), (0, 3, 3)]

    def test_goes_on_after_what_is_done_loop_by_loop(self, sink):
        run = make_run(sink, steps_done=[2, 0])
        assert list(run.steps(4)) == [2, 3]
        assert list(run.steps(2)) == [0, 1]
        assert list(run.steps(1)) == [0]
        assert [done for loop, done, _ in sink.progress_seen if loop == 0] == [2, 3, 4]
        assert [done for loop, done, _ in sink.progress_seen if loop == 1] == [0, 1, 2]
        assert [done for loop, done, _ in sink.progress_seen if loop == 2] == [0, 1]

    def test_loops_are_counted_when_they_are_called(self, sink):
        run = make_run(sink, steps_done=[1, 0])
        first, second = run.steps(2), run.steps(1)
        assert list(second) == [0]
        assert list(first) == [1]

    def test_what_the_script_says_is_done_wins(self, sink):
        run = make_run(sink, steps_done=[9, 9])
        assert list(run.steps(3, done=1)) == [1, 2]
        assert list(run.steps(2, done=0)) == [0, 1]

    @pytest.mark.parametrize(("total", "done"), [(0, 0), (3, 3), (3, 5)])
    def test_yields_nothing_when_nothing_is_left(self, sink, total, done):
        run = make_run(sink, steps_done=[done])
        run.request_stop()
        assert list(run.steps(total)) == []
        assert sink.progress_seen == [(0, total, total)]
        assert run.stop_noticed is False

    def test_a_body_that_breaks_or_raises_does_not_count(self, sink):
        run = make_run(sink)
        for step in run.steps(5):
            if step == 1:
                break
        with pytest.raises(ZeroDivisionError):
            for _ in run.steps(5):
                raise ZeroDivisionError
        assert sink.progress_seen == [(0, 0, 5), (0, 1, 5), (1, 0, 5)]

    def test_ends_early_when_the_run_is_told_to_stop_and_counts_the_step_it_was_in(self, sink):
        run = make_run(sink)
        seen = []
        for step in run.steps(5):
            seen.append(step)
            if step == 1:
                run.request_stop()
        assert seen == [0, 1]
        assert sink.progress_seen == [(0, 0, 5), (0, 1, 5), (0, 2, 5)]
        assert run.stop_noticed is True

    def test_a_stop_during_the_last_step_is_not_an_early_end(self, sink):
        run = make_run(sink)
        for _ in run.steps(1):
            run.request_stop()
        assert run.stop_noticed is False

    @pytest.mark.parametrize("total", [1, 1000])
    def test_is_one_unrecorded_step_in_test_mode(self, sink, total):
        run = make_run(sink, ExecutionModeKeys.TEST)
        assert list(run.steps(total)) == [0]
        assert list(run.steps(total, done=total)) == [0]
        assert sink.progress_seen == []

    def test_is_no_step_in_test_mode_when_there_are_none(self, sink):
        assert list(make_run(sink, ExecutionModeKeys.TEST).steps(0)) == []

    def test_takes_the_ints_of_numpy(self, sink):
        steps = list(make_run(sink).steps(numpy.int64(2), done=numpy.int64(1)))
        assert steps == [1]
        assert int is type(steps[0])

    @pytest.mark.parametrize(
        ("arguments", "error", "told"),
        [
            ({"n": 2.0}, TypeError, "n must be an int, got 2.0. Round it"),
            ({"n": "2"}, TypeError, "n must be an int"),
            ({"n": -1}, ValueError, "n must not be negative, got -1"),
            ({"n": 2, "done": 0.5}, TypeError, "done must be an int"),
            ({"n": 2, "done": -1}, ValueError, "done must not be negative"),
        ],
    )
    def test_refuses_a_wrong_count_at_the_call(self, sink, arguments, error, told):
        with pytest.raises(error, match=told):
            make_run(sink).steps(**arguments)


def test_the_current_run_is_the_one_that_was_set(sink):
    assert current() is None
    run = make_run(sink)
    set_current(run)
    try:
        assert run is current()
    finally:
        set_current(None)
    assert current() is None


def test_of_several_counts_of_epochs_the_highest_is_noted_and_none_in_test_mode(sink):
    run = make_run(sink)
    for ended in (1, 1, 2, 1, 3):
        run.note_epochs(ended)
    make_run(sink, mode=ExecutionModeKeys.TEST).note_epochs(9)
    assert sink.epochs_seen == [1, 2, 3]


class TestStages:
    def test_the_loops_of_a_stage_begin_anew_and_have_lines_of_their_own(self, sink):
        run = make_run(sink, steps_done=(5, 5))
        first, second = StageRun(run), StageRun(run)
        assert list(first.steps(2)) == [0, 1]
        assert list(second.steps(3, done=2)) == [2]
        assert sink.progress_seen == [(0, 0, 2), (0, 1, 2), (0, 2, 2), (1, 2, 3), (1, 3, 3)]

    def test_a_stage_notices_stops_for_itself_and_for_the_run(self, sink):
        run = make_run(sink)
        before, after = StageRun(run), StageRun(run)
        assert before.should_stop is False
        run.request_stop()
        assert after.should_stop is True
        assert (before.stop_noticed, after.stop_noticed, run.stop_noticed) == (False, True, True)

    def test_how_many_are_done_is_not_said_in_test_mode(self, sink):
        make_run(sink).note_stages(1, 3)
        make_run(sink, ExecutionModeKeys.TEST).note_stages(2, 3)
        assert sink.stages_seen == [(1, 3)]
