"""Processes that are told from each other, found and killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from support import wait_until

from mlpipeline.executors.processes import ProcessId, booted_at
from mlpipeline.executors.sweeping import find_by_environment, sweep

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes, which are killed in the end."""
    started: list[subprocess.Popen[bytes]] = []

    def make(*command: str, **popen: object) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command or ("sleep", "600"), **popen))  # type: ignore[call-overload]
        return started[-1]

    yield make
    for process in started:
        process.kill()
        process.wait()


def carrying(mark: str) -> dict[str, str]:
    return {**os.environ, "MLP_RUN_ID": mark}


@pytest.fixture
def mark(tmp_path: Path) -> str:
    return str(tmp_path)


def test_a_process_is_told_from_a_later_one_with_its_pid(start):
    process = ProcessId.of_child(start().pid)
    assert process == ProcessId.of(process.pid)
    assert process.is_alive()
    assert not replace(process, ticks=process.ticks - 1).is_alive()
    assert not replace(process, boot="an earlier one").is_alive()


def test_a_process_that_ended_is_not_alive_though_nobody_waited_for_it(start):
    child = start("true")
    wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert ProcessId.of(child.pid) is None
    ended = ProcessId.of_child(child.pid)
    assert ended.ticks > 0
    assert not ended.is_alive()


def test_a_process_whose_name_is_made_to_confuse_is_read_right(start, tmp_path):
    name = tmp_path / "a) S 1 (b"
    name.symlink_to(sys.executable)
    child = start(str(name), "-c", "import time; time.sleep(600)")
    process = ProcessId.of_child(child.pid)
    assert process.is_alive()
    assert (
        abs(process.ticks / os.sysconf("SC_CLK_TCK") + psutil.boot_time() - psutil.Process(child.pid).create_time()) < 2
    )


def test_the_machine_was_started_when_the_system_says(start):
    assert abs(booted_at() - psutil.boot_time()) < 2
    assert booted_at() < psutil.Process(start().pid).create_time()


def test_a_sweep_kills_descendants_session_and_what_carries_the_mark(start, mark):
    script = """
import os, subprocess, sys
marked = dict(os.environ)
bare = {}
children = [
    subprocess.Popen(["sleep", "600"], env=bare),
    subprocess.Popen(["sleep", "600"], env=marked, start_new_session=True),
    subprocess.Popen(["sleep", "600"], env=bare, start_new_session=True),
]
print(*(child.pid for child in children), flush=True)
import time; time.sleep(600)
"""
    leader = start(sys.executable, "-c", script, env=carrying(mark), stdout=subprocess.PIPE, start_new_session=True)
    with leader.stdout:
        pids = [int(pid) for pid in leader.stdout.readline().split()]
    stranger, neighbour = start(), start(env=carrying(f"{mark}x"))
    killed = sweep(ProcessId.of_child(leader.pid), mark)
    assert {int(line.split()[0]) for line in killed} == {leader.pid, *pids}
    # Its exit status is there to be seen.
    assert leader.wait(timeout=10) == -9
    assert (stranger.poll(), neighbour.poll()) == (None, None)


def test_a_sweep_after_the_leader_has_gone_kills_its_session(start, mark):
    script = "import subprocess; print(subprocess.Popen(['sleep', '600'], env={}, stdout=subprocess.DEVNULL).pid)"
    leader = start(sys.executable, "-c", script, stdout=subprocess.PIPE, start_new_session=True)
    process = ProcessId.of_child(leader.pid)
    out, _ = leader.communicate(timeout=30)
    assert {int(line.split()[0]) for line in sweep(process, mark)} == {int(out)}


@pytest.mark.parametrize("changed", [{"boot": "an earlier one"}, {"ticks": 1.0}], ids=["boot", "pid given anew"])
def test_a_session_that_only_has_the_number_of_a_dead_leader_is_let_live(start, mark, changed):
    script = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); input()"
    stranger = start(
        sys.executable, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    with stranger.stdin, stranger.stdout:
        child = psutil.Process(int(stranger.stdout.readline()))
        assert sweep(replace(ProcessId.of_child(stranger.pid), **changed), mark) == []
        assert sweep(None, mark) == []
        assert child.is_running()
        child.kill()


def test_a_sweep_spares_the_process_that_sweeps(start, mark):
    script = f"""
from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import sweep
import os
print(sweep(ProcessId.of_child(os.getpid()), {mark!r}))
"""
    sweeper = start(sys.executable, "-c", script, env=carrying(mark), stdout=subprocess.PIPE, start_new_session=True)
    out, _ = sweeper.communicate(timeout=30)
    assert (sweeper.returncode, out) == (0, b"[]\n")


def test_processes_are_found_by_what_they_were_started_with(start, mark):
    child = start(env=carrying(mark))
    start(env=carrying(f"{mark}x"))
    assert list(find_by_environment("MLP_RUN_ID", mark)) == [child.pid]
