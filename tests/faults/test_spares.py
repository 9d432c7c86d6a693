"""Spare workers while daemons, and they themselves, die."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from night import Night
from spares import EAGER, IS_SPARE, killed_at
from support import Gate, Project, Started, wait_until
from warm import Faults

from mlpipeline.executors.how import NOT_WARM


@pytest.fixture
def warm(make_project: Callable[..., Project], tmp_path: Path) -> Faults:
    return Faults(make_project, tmp_path)


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    night = Night(make_project, tmp_path)
    with (night.project.root / "mlp.toml").open("a") as settings:
        settings.write("warm = false\n")
    return night


def at_gate(warm: Faults, count: int = 2) -> tuple[Started, Gate]:
    """Start the daemon of a project whose first run waits at the gate; return when it does."""
    gate = Gate(warm.outside / "gate")
    body = f"if number == 0:\n    wait_for({str(gate)!r})\nreturn {{'is_spare': {IS_SPARE}}}"
    warm.write(warm.counting(body, count=count), is_warm=False)
    daemon = warm.start(change=EAGER)
    gate.wait_reached()
    return daemon, gate


def waiting(warm: Faults) -> list[psutil.Process]:
    """The spare workers that wait: of those that work, others see the run in their environment."""

    def found() -> list[psutil.Process]:
        processes = []
        for process in warm.project.processes():
            if "wait" in process.cmdline() and "MLP_RUN_ID" not in process.environ():
                processes.append(process)
        return processes

    return wait_until(found)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_runs_are_carried_out_all_the_same_when_the_spare_workers_die_or_hang(warm: Faults, number):
    daemon, gate = at_gate(warm, count=3)
    for process in waiting(warm):
        process.send_signal(number)
    gate.open()
    assert daemon.wait(timeout=60) == 0
    warm.check_all_ran_once(3)


def test_they_are_gone_when_the_daemon_is_killed_and_the_run_goes_on(warm: Faults):
    daemon, gate = at_gate(warm)
    spare = waiting(warm)
    worker = psutil.Process(warm.worker("v0")["pid"])
    daemon.kill()
    daemon.wait()
    wait_until(lambda: not any(process.is_running() for process in spare))
    assert worker.is_running()
    gate.open()
    wait_until(lambda: not warm.project.processes())
    warm.run("-u")
    assert sorted(warm.how(f"v{number}") for number in range(2)) == [f"fresh: {NOT_WARM}"] * 2
    warm.check_all_ran_once(2)


@pytest.mark.parametrize("times", [1, 2])
def test_they_are_gone_when_the_daemon_was_told_to_stop(warm: Faults, times):
    daemon, gate = at_gate(warm)
    waiting(warm)
    daemon.terminate()
    if times == 2:
        wait_until(lambda: "SIGTERM: starts nothing more" in warm.project.log)
        daemon.terminate()
    else:
        gate.open()
    assert daemon.wait(timeout=30) == 128 + signal.SIGTERM
    assert warm.project.processes() == []


@pytest.mark.parametrize("unfinished", [(), ("-u",)], ids=["-r", "-r -u"])
def test_a_run_that_was_handed_over_just_before_the_daemon_was_killed_is_carried_out_once(night: Night, unfinished):
    daemon = night.start_changed(killed_at("after the process was started"), "-r")
    assert daemon.wait(timeout=60) == -signal.SIGKILL
    night.gate.wait_reached()
    heir = night.project.start("-r", *unfinished, env=night.env)
    wait_until(lambda: "watched again" in night.project.log, message=lambda: night.project.log)
    night.gate.open()
    assert heir.wait(timeout=30) == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


def test_a_spare_worker_whose_attempt_was_revoked_meanwhile_runs_no_user_code(night: Night):
    night.gate.open()
    # Its line is read late: it is stopped between its answer and the line.
    late = night.outside / "late"
    stopping = f"""
import os, signal
from mlpipeline.executors import spares
handover_of = spares.handover_of

def stop_first(attempt, **more):
    from mlpipeline.executors.processes import children_of_this_process
    for pid in children_of_this_process():
        if b"wait" in open(f"/proc/{{pid}}/cmdline", "rb").read().split(b"\\0"):
            os.kill(pid, signal.SIGSTOP)
            open({str(late)!r}, "a").write(f"{{pid}} ")
    return handover_of(attempt, **more)

spares.handover_of = stop_first
"""
    daemon = night.start_changed(killed_at("after the process was started") + stopping, "-r")
    assert daemon.wait(timeout=60) == -signal.SIGKILL
    stopped = [psutil.Process(int(pid)) for pid in late.read_text().split()]
    assert night.project.run("-r", env=night.env).returncode == 0
    assert night.executions == 1
    for process in stopped:
        process.resume()
    wait_until(lambda: not any(process.is_running() for process in stopped))
    assert night.executions == 1
    night.check_all_is_settled(runs=1)
    (withdrawn,) = [event for event in night.project.history() if event["event"] == "withdrawn"]
    (run_dir,) = (night.project.outputs / "runs").glob(f"*-{withdrawn['run']}")
    assert json.loads((run_dir / "1" / "worker.json").read_text())["revoked"]
