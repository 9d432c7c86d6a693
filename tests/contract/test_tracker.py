"""What every tracker does for the worker that calls it."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest
from support import read_events, wait_until

from mlpipeline.trackers.tensorboard import TensorBoard
from mlpipeline.trackers.tracker import Tracker


class TensorBoardCase:
    """Each tracker's way to be made, to be read back, and to be broken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> Tracker:
        return TensorBoard(self.folder)

    def stored(self) -> list[tuple[str, int, float]]:
        return read_events(self.folder)

    def make_broken(self) -> Tracker:
        blocked = self.folder / "a file"
        blocked.touch()
        return TensorBoard(blocked / "events")


@pytest.fixture(params=[TensorBoardCase])
def case(request, tmp_path):
    return request.param(tmp_path)


def test_what_was_taken_in_is_stored_by_the_time_it_is_closed(case):
    tracker = case.make()
    for step in range(300):
        tracker.metrics({"loss": step / 4, "count": step}, step, 1000.0 + step)
    tracker.close()
    stored = case.stored()
    assert [(step, value) for name, step, value in stored if name == "loss"] == [(i, i / 4) for i in range(300)]
    assert [(step, value) for name, step, value in stored if name == "count"] == [(i, i) for i in range(300)]


def test_metrics_without_a_step_are_counted_each_by_itself(case):
    tracker = case.make()
    tracker.metrics({"a": 1}, None, 0.0)
    tracker.metrics({"a": 2, "b": 3}, None, 0.0)
    tracker.metrics({"b": 4}, None, 0.0)
    tracker.close()
    assert case.stored() == [("a", 0, 1), ("a", 1, 2), ("b", 0, 3), ("b", 1, 4)]


def test_odd_numbers_and_names_are_stored_without_a_word(case, capfd, caplog):
    tracker = case.make()
    tracker.metrics({"nan": math.nan, "inf": math.inf, "large": 10**400, "low": -(10**400)}, 1, 0.0)
    tracker.metrics({"train/loss": 1e-300, "ü 🙂": 2}, 2, 0.0)
    tracker.close()
    stored = case.stored()
    assert math.isnan(stored[0][2])
    assert stored[1:] == [
        ("inf", 1, math.inf),
        ("large", 1, math.inf),
        ("low", 1, -math.inf),
        ("train/loss", 2, 0),
        ("ü 🙂", 2, 2),
    ]
    assert (capfd.readouterr().err, caplog.records) == ("", [])


def test_what_is_stored_can_be_read_before_it_is_closed(case):
    tracker = case.make()
    tracker.metrics({"a": 1}, 0, 0.0)
    wait_until(lambda: case.stored() == [("a", 0, 1)])
    tracker.close()


def test_the_values_are_those_of_the_call_whatever_becomes_of_the_dict(case):
    tracker = case.make()
    values = {"a": 1}
    tracker.metrics(values, 0, 0.0)
    values["a"] = 2
    values["b"] = 3
    tracker.close()
    assert case.stored() == [("a", 0, 1)]


def test_any_thread_may_call(case):
    tracker = case.make()
    threads = [
        threading.Thread(target=lambda: [tracker.metrics({"a": 1}, step, 0.0) for step in range(100)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tracker.close()
    assert len(case.stored()) == 400


def test_closing_without_metrics_stores_none(case):
    case.make().close()
    assert case.stored() == []


def test_trouble_is_told_once_and_never_reaches_the_caller(case, capsys):
    tracker = case.make_broken()
    for step in range(50):
        tracker.metrics({"a": 1}, step, 0.0)
    tracker.close()
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert "metrics.jsonl" in told
