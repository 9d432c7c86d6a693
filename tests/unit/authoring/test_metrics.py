from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import numpy
import pytest

from mlpipeline.authoring.metrics import Metric, MetricContainer
from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.run import Run, set_current
from mlpipeline.errors import NotJson


class Sink:
    def __init__(self):
        self.metrics_seen = []
        self.lines = []
        self.epochs_seen = []

    def metrics(self, values, step):
        self.metrics_seen.append((dict(values), step))

    def log(self, message, *, to_file):
        self.lines.append((message, to_file))

    def epochs(self, ended):
        self.epochs_seen.append(ended)


@pytest.fixture
def sink():
    sink = Sink()
    set_current(Run(id="a1f3", mode=ExecutionModeKeys.TRAIN, model_dir=Path(), seed=0, sink=sink))
    yield sink
    set_current(None)


def epochs(metric: Metric, *averages: float) -> Metric:
    for average in averages:
        metric.update(average)
        metric.reset_epoc()
    return metric


class TestMetric:
    def test_averages_sums_over_counts(self):
        metric = Metric()
        metric.update(6, 3)
        metric.update(2.0)
        assert metric.avg() == 2.0
        assert (metric.value, metric.count) == (8.0, 4)

    def test_of_nothing_is_0(self):
        metric = Metric()
        assert [
            metric.avg(),
            metric.avg_epoc(),
            metric.get_tracking_average(),
            metric.get_tracking_delta(),
            metric.get_tracking_stdev(),
        ] == [0] * 5

    @pytest.mark.parametrize("value", [numpy.float32(0.5), numpy.array(0.5)])
    def test_takes_scalars_of_other_libraries(self, value):
        metric = Metric()
        metric.update(value)
        assert metric.avg() == 0.5
        assert float is type(metric.avg())

    def test_keeps_nan(self):
        metric = Metric()
        metric.update(math.nan)
        metric.update(1)
        assert math.isnan(metric.avg())

    @pytest.mark.parametrize("value", ["0.5", None, [0.5], numpy.zeros(3)])
    def test_refuses_what_is_no_number(self, value):
        with pytest.raises(NotJson, match="the value of a metric"):
            Metric().update(value)

    def test_reset_and_the_epoch_do_not_touch_each_other(self):
        metric = Metric()
        metric.update(2)
        metric.reset()
        metric.update(4)
        assert (metric.avg(), metric.avg_epoc()) == (4, 3)
        metric.reset_epoc()
        assert (metric.avg(), metric.avg_epoc()) == (4, 0)

    def test_tracks_the_last_epochs(self):
        metric = epochs(Metric(track_average_epoc_count=3), 100, 1, 2, 6)
        assert metric.get_tracking_average() == 3
        assert metric.get_tracking_delta() == 5
        assert pytest.approx(math.sqrt(7)) == metric.get_tracking_stdev()

    def test_has_no_tracking_average_before_half_of_the_epochs(self):
        metric = epochs(Metric(4), 8)
        assert metric.get_tracking_average() == 0
        assert epochs(metric, 10).get_tracking_average() == 9

    def test_has_no_tracking_delta_before_all_epochs(self):
        metric = epochs(Metric(3), 1, 5)
        assert metric.get_tracking_delta() == 0
        assert epochs(metric, 9).get_tracking_delta() == 8

    def test_an_epoch_without_values_counts_as_0(self):
        metric = Metric(2)
        metric.reset_epoc()
        assert epochs(metric, 2).get_tracking_average() == 1

    @pytest.mark.parametrize("arguments", [{"track_average_epoc_count": 0}, {"track_average_epoch_count": 0}])
    def test_tracks_at_least_one_epoch(self, arguments):
        with pytest.raises(ValueError, match="at least 1, got 0"):
            Metric(**arguments)

    def test_correct_spellings_are_the_same(self):
        metric = Metric(track_average_epoch_count=2)
        for value in (1, 5):
            metric.update(value)
            assert value == metric.avg_epoch()
            metric.reset_epoch()
        assert metric.get_tracking_delta() == 4


class TestContainer:
    def test_metrics_are_attributes_and_items(self):
        container = MetricContainer(metrics=["loss", "2", "items"])
        container.loss.update(3)
        assert container["loss"] is container.loss
        assert container["2"] is getattr(container, "2")
        assert isinstance(container["items"], Metric)
        assert list(container) == ["loss", "2", "items"]

    def test_metrics_can_be_set_as_attributes_and_items(self):
        container = MetricContainer()
        setattr(container, "2", Metric())
        container.loss = Metric()
        container["hits"] = Metric()
        assert list(container) == ["2", "loss", "hits"]
        assert container["loss"] is container.loss

    def test_nothing_but_metrics_can_be_set(self):
        container = MetricContainer(["loss"])
        with pytest.raises(TypeError, match=r"can only be set to a Metric, not float.*update"):
            container.loss = 0.5
        with pytest.raises(TypeError):
            container["loss"] = 1

    def test_an_unknown_metric_is_an_error_that_lists_the_known(self):
        container = MetricContainer(["loss", "accuracy"])
        with pytest.raises(AttributeError, match=r'no metric "los". There are: loss, accuracy. Did you mean "loss"'):
            container.los  # noqa: B018
        with pytest.raises(KeyError):
            container["los"]

    @pytest.mark.parametrize("key", ["track_average_epoc_count", "track_average_epoch_count"])
    def test_sets_of_metrics_may_track_other_numbers_of_epochs(self, key):
        container = MetricContainer([{"metrics": ["a", "b"], key: 3}, {"metrics": ["c"]}], **{key: 2})
        for metric in container.values():
            epochs(metric, 1, 2, 4)
        assert [metric.get_tracking_delta() for metric in container.values()] == [3, 3, 2]

    def test_takes_its_arguments_in_the_positional_order_of_v1(self):
        container = MetricContainer(["a"], 2)
        assert epochs(container.a, 1, 2, 4).get_tracking_delta() == 2

    @pytest.mark.parametrize("metrics", ["loss", {"loss": 1}, [3], {"loss"}])
    def test_refuses_what_holds_no_names(self, metrics):
        with pytest.raises(TypeError, match="metrics must"):
            MetricContainer(metrics)

    def test_may_be_empty(self):
        assert MetricContainer([]) == {}

    def test_resets_all_or_some(self):
        container = MetricContainer(["a", "b"])
        for reset in (container.reset, container.reset_epoc):
            for metric in container.values():
                metric.update(1)
            reset(["a"])
            assert [
                metric.avg() if reset == container.reset else metric.avg_epoc() for metric in container.values()
            ] == [0, 1]
            reset()
            assert [
                metric.avg() if reset == container.reset else metric.avg_epoc() for metric in container.values()
            ] == [0, 0]

    def test_who_looks_on_sees_how_many_epochs_ended(self, sink):
        class Own:
            def reset_epoch(self):
                pass

        train, test = MetricContainer(["a", "b"]), MetricContainer(["a"])
        train.update(own=Own())  # v1 took whatever could be reset
        train.reset_epoc(["a"])
        train.reset_epoch(["b"])
        test.reset_epoch()
        train.reset_epoch()
        MetricContainer().reset_epoch()
        assert sink.epochs_seen == [1, 2]

    def test_results_are_the_averages(self):
        container = MetricContainer(["a", "b"])
        container.a.update(3, 2)
        assert container.results() == {"a": 1.5, "b": 0}

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
    def test_copies_are_containers(self, duplicate):
        container = MetricContainer(["a"])
        container.a.update(3)
        twin = duplicate(container)
        twin.a.update(1)
        assert (twin.a.avg(), container.a.avg()) == (2, 3)


class TestLogMetrics:
    def test_logs_rows_records_metrics_and_returns_the_text(self, sink):
        container = MetricContainer(["a", "b", "c", "d"])
        container.b.update(0.5)
        text = container.log_metrics(log_to_file=False, name_prefix="t_", step=3)
        assert sink.lines == [("t_a: 0.0000    t_b: 0.5000    t_c: 0.0000    ", False), ("t_d: 0.0000    ", False)]
        assert "".join(line for line, _ in sink.lines) == text
        assert sink.metrics_seen == [({"t_a": 0, "t_b": 0.5, "t_c": 0, "t_d": 0}, 3)]

    @pytest.mark.parametrize("spelling", ["complete_epoc", "complete_epoch"])
    def test_logs_the_epoch_if_asked(self, sink, spelling):
        container = MetricContainer(["a"])
        container.a.update(2)
        container.reset()
        assert container.log_metrics(**{spelling: True}) == "a: 2.0000    "
        assert container.log_metrics() == "a: 0.0000    "

    def test_logs_only_the_named_in_the_order_of_the_container(self, sink):
        container = MetricContainer(["a", "b", "c"])
        container.log_metrics(["c", "a", "unknown"])
        assert sink.metrics_seen == [({"a": 0, "c": 0}, None)]

    @pytest.mark.parametrize("spelling", ["charachters_per_row", "characters_per_row"])
    def test_rows_do_not_get_longer_than_asked(self, sink, spelling):
        MetricContainer(["a", "b", "a_very_long_name", "c"]).log_metrics(**{spelling: 27})
        assert [line.count(":") for line, _ in sink.lines] == [2, 1, 1]

    def test_takes_its_arguments_in_the_positional_order_of_v1(self, sink):
        container = MetricContainer(["a", "b"])
        container.a.update(1)
        container.reset()
        assert container.log_metrics(["a"], False, True, 1, 10, "p_") == "p_a: 1.0000    "
        assert sink.lines == [("p_a: 1.0000    ", False)]

    def test_of_nothing_is_nothing(self, sink):
        assert MetricContainer().log_metrics() == ""
        assert (sink.lines, sink.metrics_seen) == ([], [])

    def test_without_a_run_only_prints(self, capsys):
        MetricContainer(["a"]).log_metrics()
        assert capsys.readouterr().out == "a: 0.0000    \n"
