"""A worker is killed by somebody who is not the queue, with and without a daemon to see it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from night import Night, hold_workers
from support import Gate, Project, wait_until


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    return Night(make_project, tmp_path)


def worker_of(night: Night) -> psutil.Process:
    """The worker that carries out the run under way, once it executes user code."""
    night.gate.wait_reached()
    return psutil.Process(night.project.wait_for("running")["pid"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_worker_killed_by_somebody_else_failed_and_the_signal_is_named(night: Night, number):
    daemon = night.project.start("-r", env=night.env)
    worker_of(night).send_signal(number)
    if number == signal.SIGTERM:
        night.gate.open()  # a worker that is told to end ends by its own word, when its script does
    assert daemon.wait(timeout=30) == 1
    ended = night.ends[-1]
    assert (ended["outcome"], ended["failure"]) == ("failed", "killed")
    assert number.name in ended["error"]
    assert "failed (killed)" in night.project.log


def test_a_worker_killed_while_no_daemon_was_there_is_lost_and_resumed_by_the_next_launch(night: Night):
    night.kill_daemon_at("after running")
    worker = worker_of(night)
    worker.kill()
    wait_until(lambda: not night.project.processes())
    status = json.loads(night.project.run("status", "--json").stdout)
    assert [(run["state"], run["outcome"]) for run in status["runs"]] == [("ended", "lost")]
    night.gate.open()
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert [end["outcome"] for end in night.ends] == ["lost", "succeeded"]
    assert [event["start"] for event in night.project.history() if event["event"] == "selected"] == ["clean", "resume"]
    assert night.executions == 2


def test_a_worker_killed_after_its_result_while_no_daemon_was_there_succeeded(night: Night):
    # It stands still after its result: user code left a thread that is not a daemon.
    night.write_script(after="import threading; threading.Thread(target=wait_for, args=(NEVER,)).start()")
    night.gate.open()
    night.kill_daemon_at("after running")
    (attempt,) = wait_until(lambda: list(night.project.outputs.glob("runs/*/1")))
    wait_until((attempt / "result.json").exists)
    worker_of(night).kill()
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert [end["outcome"] for end in night.ends] == ["succeeded"]
    assert night.executions == 1


def test_a_worker_that_dies_before_it_says_that_it_is_there_failed(night: Night):
    late = Gate(night.outside / "late")
    daemon = night.project.start("-r", env={**night.env, **hold_workers(night.outside, late)})
    late.wait_reached()
    (worker,) = [process for process in night.project.processes() if process.pid != daemon.pid]
    worker.kill()
    assert daemon.wait(timeout=30) == 1
    assert [(end["outcome"], end["failure"]) for end in night.ends] == [("failed", "killed")]
    assert night.executions == 0


def test_what_a_killed_worker_left_behind_is_killed_and_nothing_else(night: Night, tmp_path: Path):
    pids = night.outside / "children"
    night.write_script(
        before=f"""
    import subprocess, sys
    plain = subprocess.Popen(["sleep", "600"])
    away = subprocess.Popen(["sleep", "600"], start_new_session=True)
    bare = subprocess.Popen(["sleep", "600"], env={{}})
    open({str(pids)!r}, "w").write(f"{{plain.pid}} {{away.pid}} {{bare.pid}}")
"""
    )
    strangers = [
        psutil.Popen(["sleep", "600"]),
        psutil.Popen(["sleep", "600"], env={**os.environ, "MLP_RUN_ID": "another"}),
    ]
    try:
        daemon = night.project.start("-r", env=night.env)
        worker = worker_of(night)
        children = [psutil.Process(int(pid)) for pid in pids.read_text().split()]
        worker.kill()
        assert daemon.wait(timeout=30) == 1
        psutil.wait_procs(children, timeout=10)
        assert [child.is_running() for child in children] == [False] * 3
        assert [stranger.poll() for stranger in strangers] == [None, None]
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.wait()


def test_a_process_that_does_not_leave_after_its_result_is_killed_and_the_run_succeeded(night: Night):
    night.write_script(after="import threading; threading.Thread(target=wait_for, args=(NEVER,)).start()")
    night.gate.open()
    daemon = night.start_changed("import mlpipeline.daemon.runs_under_way as runs; runs.LEAVE_TIME_S = 0.1", "-r")
    assert daemon.wait(timeout=30) == 0
    note = "after its result, its process was killed by SIGKILL"
    assert [(end["outcome"], end["note"]) for end in night.ends] == [("succeeded", note)]
    assert f"note: {note}" in night.project.log
