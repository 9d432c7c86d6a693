"""Daemons that are killed around a further attempt: it happens once, whatever died when."""

from __future__ import annotations

import json
import os
import signal

import pytest
from night import Night
from support import wait_until


@pytest.fixture
def night(make_project, tmp_path):
    night = Night(make_project, tmp_path)
    # Fails once, and may be tried again.
    failing = f"""
    first = pathlib.Path({str(night.outside / "first")!r})
    if not first.exists():
        first.touch()
        (model_dir / "kept").touch()
        raise OSError("once")
    """
    night.write_script(before=failing)
    script = night.project.models_dir / "net.py"
    script.write_text(script.read_text().replace("Versions()", "Versions(retries={'exception': 1})"))
    (night.project.root / "mlp.toml").write_text("[queue]\nretry_delay = 0.2\n")
    return night


@pytest.mark.parametrize(
    "moment",
    [
        "before a retry",
        "after a retry",
        "before the next attempt",
        "after the next attempt was started",
    ],
)
def test_the_next_attempt_is_carried_out_once_by_the_next_launch(night: Night, moment):
    night.gate.open()
    night.kill_daemon_at(moment)
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert night.executions == 2
    night.check_all_is_settled(runs=1)


def test_a_run_that_was_timed_out_when_the_daemon_died_is_told_again_and_has_failed_for_that(night: Night):
    night.write_script()
    script = night.project.models_dir / "net.py"
    script.write_text(script.read_text().replace("Versions()", "Versions(timeout=1)"))
    night.kill_daemon_at("after a timeout")
    assert not night.told.exists()
    daemon = night.project.start("-r", "-u", env=night.env)
    wait_until(night.told.exists)
    night.gate.open()
    assert daemon.wait(60) == 1
    assert [event["failure"] for event in night.ends] == ["timeout"]
    night.check_nothing_is_left()


def times_running(night: Night) -> int:
    return sum(event["event"] == "running" for event in night.project.history())


def test_a_lost_run_that_is_worth_it_is_tried_again_by_the_launch_that_finds_it_lost(night: Night):
    night.write_script()
    script = night.project.models_dir / "net.py"
    script.write_text(script.read_text().replace("Versions()", "Versions(retries={'lost': 1})"))
    for attempt in (1, 2):
        daemon = night.project.start("-r", "-u", env=night.env)
        wait_until(lambda attempt=attempt: night.executions == attempt, message=lambda: night.project.log)
        night.project.wait_for("running", count=attempt)
        daemon.kill()
        daemon.wait()
        worker = night.project.outputs.glob(f"runs/net-v-*/{attempt}/worker.json")
        os.kill(json.loads(next(worker).read_text())["pid"], signal.SIGKILL)
        wait_until(lambda: not night.project.processes())
    night.gate.open()
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    runs = json.loads(night.project.run("runs", "--json").stdout)
    assert [(run["outcome"], run["attempt"]) for run in runs] == [("succeeded", 1), ("lost", 2)]
    night.check_nothing_is_left()
