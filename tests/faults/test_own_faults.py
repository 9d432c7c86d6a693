"""Faults of mlpipeline itself, and a history that somebody empties: neither ends a night."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from night import Night
from support import HOST, Project, wait_until


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    return Night(make_project, tmp_path)


#: The method CLASS.METHOD raises the first time.
FAULTY = """
import mlpipeline.daemon.loop as loop
loop._TROUBLE_S = 0.2
raised = []
def faulty(self, method=loop.CLASS.METHOD):
    if not raised:
        raised.append(True)
        raise KeyError("no such run")
    return method(self)
loop.CLASS.METHOD = faulty
"""


@pytest.mark.parametrize(
    "method", ["Stopping.heed_signals", "RunsUnderWay.collect", "Daemon._is_done", "Daemon._pause_s"]
)
def test_a_fault_in_any_part_of_a_tick_is_told_and_the_queue_goes_on(night: Night, method: str):
    night.gate.open()
    daemon = night.start_changed(FAULTY.replace("CLASS.METHOD", method), "-r")
    assert daemon.wait(timeout=30) == 0, daemon.out + daemon.err
    assert night.project.log.count("an error of mlpipeline itself") == 1
    assert night.project.log.count("that is over") == 1
    night.check_all_is_settled(runs=1)


def test_a_process_is_watched_though_the_history_does_not_take_that_it_was_started(night: Night):
    change = """
from mlpipeline.daemon.records import Records
from mlpipeline.errors import IllegalTransition
def note(self, event, *, to_disk=True, note=Records.note):
    if event["event"] == "started":
        raise IllegalTransition("it cannot be started")
    note(self, event, to_disk=to_disk)
Records.note = note
"""
    night.gate.open()
    daemon = night.start_changed(change, "-r")
    assert daemon.wait(timeout=30) == 0, daemon.out + daemon.err
    night.check_all_is_settled(runs=1)


def test_with_its_history_emptied_a_daemon_stays_and_all_its_runs_are_told_to_stop(night: Night):
    other_told = night.outside / "other told"
    night.project.write_script("other.py", night.source().replace(str(night.told), str(other_told)))
    night.project.write_queue(["net.py", "other.py"])
    daemon = night.project.start("-r", "-j", "2", env=night.env)
    wait_until(lambda: [event["event"] for event in night.project.history()].count("running") == 2)
    wait_until(lambda: night.executions == 2)  # before that, a signal simply ends them
    (night.project.outputs / f"history-{HOST}.jsonl").write_bytes(b"")
    wait_until(lambda: "an error of mlpipeline itself" in night.project.log, message=lambda: daemon.out + daemon.err)
    daemon.terminate()
    wait_until(lambda: night.told.exists() and other_told.exists(), message=lambda: daemon.out + daemon.err)
    assert daemon.poll() is None
    # What cannot be recorded keeps nobody from ending it.
    daemon.terminate()
    assert daemon.wait(timeout=30) == 143, daemon.out + daemon.err
    assert night.project.processes() == []
    assert "ended_at" in json.loads((night.project.outputs / f"heartbeat-{HOST}").read_bytes())
