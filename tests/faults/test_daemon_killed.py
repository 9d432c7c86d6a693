"""A daemon is killed with SIGKILL at each moment of a run's life, and launched again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from night import Night, hold_workers
from support import Gate, Project, wait_until

#: Nothing of the run was carried out yet, or its result was not yet recorded as its end.
BEFORE_THE_END = [
    "starting up",
    "after the launch was recorded",
    "before the plan",
    "after the claim",
    "after spec.json",
    "after selected",
]
#: The run has succeeded, and the daemon died over writing that down.
AT_THE_END = [
    "before ended",
    "before the results",
    "before the claim is released",
    "after the claim is released",
]


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    return Night(make_project, tmp_path)


@pytest.mark.parametrize("unfinished", [(), ("-u",)], ids=["-r", "-r -u"])
@pytest.mark.parametrize("moment", BEFORE_THE_END)
def test_a_run_that_had_not_begun_is_carried_out_once_by_the_next_launch(night: Night, moment, unfinished):
    night.gate.open()
    night.kill_daemon_at(moment)
    assert night.project.run("-r", *unfinished, env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@pytest.mark.parametrize("unfinished", [(), ("-u",)], ids=["-r", "-r -u"])
@pytest.mark.parametrize("moment", ["before running", "after running"])
def test_a_worker_that_outlives_its_daemon_is_adopted_and_its_result_collected(night: Night, moment, unfinished):
    night.kill_daemon_at(moment)
    night.gate.wait_reached()
    daemon = night.project.start("-r", *unfinished, env=night.env)
    wait_until(lambda: "watched again" in night.project.log, message=lambda: night.project.log)
    status = json.loads(night.project.run("status", "--json").stdout)
    assert [run["state"] for run in status["runs"]] == ["running"]
    night.gate.open()
    assert daemon.wait(timeout=30) == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@pytest.mark.parametrize(("unfinished", "executions"), [((), 2), (("-u",), 1)], ids=["-r", "-r -u"])
@pytest.mark.parametrize("moment", AT_THE_END)
def test_a_run_that_was_over_is_recorded_and_called_again_only_without_u(night: Night, moment, unfinished, executions):
    night.gate.open()
    night.kill_daemon_at(moment)
    assert night.project.run("-r", *unfinished, env=night.env).returncode == 0
    assert night.executions == executions
    night.check_all_is_settled(runs=executions)


def test_a_result_written_while_no_daemon_was_there_is_collected_by_the_next(night: Night):
    night.kill_daemon_at("after running")
    night.gate.open()
    wait_until(lambda: not night.project.processes(), message="the end of the worker")
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


def test_what_a_dead_daemon_was_describing_ends_when_the_next_one_begins(night: Night):
    first = night.outside / "first"
    hang_once = f"""
import pathlib, time
if not pathlib.Path({str(first)!r}).exists():
    pathlib.Path({str(first)!r}).touch()
    time.sleep(600)
"""
    night.project.write_script("net.py", hang_once + night.source())
    night.gate.open()
    night.kill_daemon_at("while describing")
    wait_until(first.exists, message="an import")
    assert len(night.project.processes()) == 1
    assert night.project.run("-r", env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@pytest.mark.parametrize("unfinished", [(), ("-u",)], ids=["-r", "-r -u"])
def test_a_worker_that_comes_late_after_its_attempt_was_revoked_runs_no_user_code(night: Night, unfinished):
    night.gate.open()
    late = Gate(night.outside / "late")
    night.kill_daemon_at("after the process was started", env=hold_workers(night.outside, late))
    late.wait_reached()
    (worker,) = night.project.processes()
    assert night.project.run("-r", *unfinished, env=night.env).returncode == 0
    assert night.executions == 1
    late.open()
    worker.wait(timeout=30)
    assert night.executions == 1
    night.check_all_is_settled(runs=1)
    (withdrawn,) = [event for event in night.project.history() if event["event"] == "withdrawn"]
    (held_run_dir,) = (night.project.outputs / "runs").glob(f"*-{withdrawn['run']}")
    assert not (held_run_dir / "1" / "result.json").exists()
    assert json.loads((held_run_dir / "1" / "worker.json").read_text())["revoked"]


def test_a_worker_that_was_not_recorded_but_comes_before_the_next_daemon_is_adopted(night: Night):
    late = Gate(night.outside / "late")
    night.kill_daemon_at("after the process was started", env=hold_workers(night.outside, late))
    late.wait_reached()
    late.open()
    night.gate.wait_reached()
    daemon = night.project.start("-r", env=night.env)
    wait_until(lambda: "watched again" in night.project.log, message=lambda: night.project.log)
    night.gate.open()
    assert daemon.wait(timeout=30) == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


def test_a_daemon_killed_again_and_again_loses_and_doubles_nothing(night: Night):
    night.gate.open()
    for moment in ("after the claim", "after selected", "before running", "before ended", "before the results"):
        night.kill_daemon_at(moment, "-u")
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)
