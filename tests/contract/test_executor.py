"""What every executor does for the daemon that calls it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import psutil
import pytest
from support import STRAY_SOURCE, wait_until, write_attempt

from mlpipeline.executors.executor import Attempt, Executor, Presence, Seen, StartRefused
from mlpipeline.executors.local import LocalExecutor
from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import find_by_environment
from mlpipeline.executors.warm import WarmExecutor
from mlpipeline.project.files import read_json, to_json


class TaughtExecutor(WarmExecutor):
    """Forks every attempt: of each it is known what it imports."""

    def __init__(self) -> None:
        def ignore(*_: object) -> None:
            pass

        super().__init__(most_parents=1, never=(), log=ignore, watch=ignore, unwatch=ignore, cache=None)

    def start(self, attempt: Attempt) -> str:
        attempt.dir.path.mkdir(parents=True, exist_ok=True)
        attempt.dir.imports.write_bytes(to_json({"modules": ["subprocess"], "seconds": 0.1, "unsafe": None}))
        self._lessons.learn(attempt)
        return super().start(attempt)


class SparedExecutor(LocalExecutor):
    """Has every attempt carried out by a process that was there before it."""

    def start(self, attempt: Attempt, how: str = "fresh") -> str:
        def is_one_ready() -> bool:
            self._spares.tend()
            return any(spare.is_ready for spare in self._spares._waiting)

        if sys.executable == PYTHON:
            self._spares.fill(attempt.project)
            wait_until(is_one_ready)
            waiting = {spare.process.pid for spare in self._spares._waiting}
        handle = super().start(attempt, how)
        assert json.loads(handle)["pid"] in waiting
        return handle


EXECUTORS = {"local": LocalExecutor, "spare": SparedExecutor, "warm": TaughtExecutor}
PYTHON = sys.executable

#: Says who it is, and then does what the file `order` says.
SCRIPT = """
import os, pathlib, signal, subprocess, sys, time
from mlpipeline.authoring.function_model import FunctionModel
from mlpipeline.authoring.versions import Versions

def train(*, model_dir, run):
    child = subprocess.Popen(["sleep", "600"])
    (model_dir / "child").write_text(str(child.pid))
    (model_dir / "told").write_text(f"{os.getsid(0) == os.getpid()} {sys.stdin.isatty()} {os.getcwd()}")
    print("hello")
    while not run.should_stop and not (model_dir / "end").exists():
        time.sleep(0.01)
    child.kill()
    child.wait()

versions = Versions()
versions.add_version("v")
MODEL = FunctionModel(train, versions)
"""


@pytest.fixture(params=EXECUTORS)
def make_executor(request: pytest.FixtureRequest) -> Iterator[Callable[[], Executor]]:
    made = []

    def make() -> Executor:
        made.append(EXECUTORS[request.param]())
        return made[-1]

    yield make
    for executor in made:
        executor.close()


@pytest.fixture
def executor(make_executor: Callable[[], Executor]) -> Executor:
    return make_executor()


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Attempt]:
    script = tmp_path / "net.py"
    script.write_text(SCRIPT)
    run_id = f"contract-{tmp_path.name}-{os.getpid()}"
    yield write_attempt(tmp_path, script, run_id)
    for pid in find_by_environment("MLP_RUN_ID", run_id):
        os.kill(pid, signal.SIGKILL)


def running(executor: Executor, attempt: Attempt) -> str:
    """Start the attempt and return its handle once user code runs."""
    handle = executor.start(attempt)
    # The daemon looks again and again; what a start waits for may be noticed by that.
    wait_until(lambda: executor.look([handle]) and (attempt.project / "model" / "told").exists())
    return handle


def worker_of(attempt: Attempt) -> psutil.Process:
    return psutil.Process(read_json(attempt.dir.worker)["pid"])


def child_of(attempt: Attempt) -> ProcessId:
    return ProcessId.of_child(int((attempt.project / "model" / "child").read_text()))


def seen_ended(executor: Executor, handle: str) -> Seen:
    def look() -> Seen | None:
        seen = executor.look([handle])[handle]
        return seen if seen.presence is Presence.ENDED else None

    return wait_until(look)


def test_a_worker_carries_the_attempt_out_and_its_end_is_seen_once(executor, attempt):
    handle = running(executor, attempt)
    assert executor.look([handle]) == {handle: Seen(presence=Presence.ALIVE)}
    (attempt.project / "model" / "end").touch()
    assert seen_ended(executor, handle) == Seen(presence=Presence.ENDED, exit_status=0)
    assert executor.look([handle]) == {}
    assert read_json(attempt.dir.result)["outcome"] == "succeeded"
    assert attempt.dir.output.read_text() == "hello\n"
    assert (attempt.project / "model" / "told").read_text() == f"True False {attempt.project}"


def test_a_handle_is_json_text_that_names_the_run(executor, attempt):
    assert json.loads(running(executor, attempt))["run"] == attempt.run_id


def test_what_was_never_started_is_absent(executor, attempt):
    assert executor.look([]) == {}
    assert executor.find(attempt.id) is None
    handle = json.dumps({"run": attempt.run_id})
    assert executor.look([handle]) == {}
    executor.stop(handle, hard=False)
    executor.stop(handle, hard=True)


def test_another_executor_finds_looks_at_and_stops_what_a_dead_one_started(executor, attempt, make_executor):
    handle = running(executor, attempt)
    assert handle in executor.look([handle])
    heir = make_executor()
    found = heir.find(attempt.id)
    assert json.loads(found)["pid"] == worker_of(attempt).pid
    assert heir.look([found]) == {found: Seen(presence=Presence.ALIVE)}
    heir.stop(found, hard=False)
    # How it ended only its parent can know; to all others it is gone.
    wait_until(lambda: heir.look([found]) == {})
    assert heir.find(attempt.id) is None
    assert read_json(attempt.dir.result)["outcome"] == "stopped"


def test_soft_is_told_to_the_worker_alone_and_hard_ends_all_that_belongs_to_the_run(executor, attempt):
    handle = running(executor, attempt)
    worker = worker_of(attempt)
    child = child_of(attempt)
    worker.suspend()  # so that the child is looked at before the worker ends it
    executor.stop(handle, hard=False)
    executor.stop(handle, hard=False)
    assert child.is_alive()
    executor.stop(handle, hard=True)
    assert seen_ended(executor, handle).exit_status == -signal.SIGKILL
    assert not child.is_alive()
    # It is over: to say so again does no harm, and says nothing to anybody else.
    executor.stop(handle, hard=False)
    executor.stop(handle, hard=True)


def test_hard_clears_away_what_an_ended_run_left_behind(executor, attempt):
    handle = running(executor, attempt)
    child = child_of(attempt)
    worker_of(attempt).kill()
    assert seen_ended(executor, handle).exit_status == -signal.SIGKILL
    assert child.is_alive()
    executor.stop(handle, hard=True)
    assert not child.is_alive()


def test_several_are_looked_at_in_one_call(executor, attempt):
    first = running(executor, attempt)
    gone = json.dumps({"run": attempt.run_id, **ProcessId.of(worker_of(attempt).pid).to_json(), "ticks": 1.0})
    assert executor.look([first, gone]) == {first: Seen(presence=Presence.ALIVE)}


def test_where_no_process_can_be_started_nothing_is_left_behind(executor, attempt, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    descriptors = psutil.Process().num_fds()
    # While the exception is there, so is all that it passed through.
    with pytest.raises(StartRefused, match="no process could be started: No such file") as refused:
        executor.start(attempt)
    assert psutil.Process().num_fds() == descriptors
    del refused
    assert executor.find(attempt.id) is None
    monkeypatch.undo()
    handle = running(executor, attempt)
    executor.stop(handle, hard=True)


@pytest.mark.parametrize("make_executor", ["spare", "warm"], indirect=True)
def test_no_room_for_what_was_printed_before_the_attempt_does_not_end_it(executor, attempt, monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "a word at which Python complains when it starts")
    attempt.dir.path.mkdir(parents=True)
    attempt.dir.output.symlink_to("/dev/full")
    script = Path(attempt.script)
    script.write_text(script.read_text().replace('    print("hello")\n', ""))
    handle = running(executor, attempt)
    (attempt.project / "model" / "end").touch()
    assert seen_ended(executor, handle).exit_status == 0
    assert read_json(attempt.dir.result)["outcome"] == "succeeded"


def test_an_attempt_that_was_revoked_runs_no_user_code(executor, attempt):
    attempt.dir.path.mkdir(parents=True)
    attempt.dir.worker.write_bytes(to_json({"revoked": True}))
    handle = executor.start(attempt)
    assert seen_ended(executor, handle).exit_status == 0
    assert not attempt.dir.result.exists()
    assert not (attempt.project / "model").exists()


@pytest.mark.parametrize("hard", [False, True])
def test_what_is_stopped_before_it_began_never_begins(executor, attempt, hard):
    script, gate = Path(attempt.script), attempt.project / "gate"
    # Its worker may be there before it is told to stop, but comes no further.
    at_gate = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
    script.write_text(at_gate + script.read_text())
    handle = executor.start(attempt)
    executor.stop(handle, hard=hard)
    gate.touch()
    seen_ended(executor, handle)
    assert not (attempt.project / "model" / "told").exists()
    executor.stop(handle, hard=True)
    assert executor.look([handle]) == {}
    assert executor.find(attempt.id) is None


def test_what_left_its_session_is_cleared_away_though_it_never_was_another_program(executor, attempt):
    script = Path(attempt.script)
    forking = indent(f"{STRAY_SOURCE}(model_dir / 'stray').write_text(str(stray))\n", "    ")
    script.write_text(script.read_text().replace('    print("hello")\n', f'{forking}    print("hello")\n'))
    handle = running(executor, attempt)
    stray_path = attempt.project / "model" / "stray"
    pid = wait_until(lambda: stray_path.exists() and stray_path.read_text())
    stray = ProcessId.of_child(int(pid))
    (attempt.project / "model" / "end").touch()
    assert seen_ended(executor, handle).exit_status == 0
    assert stray.is_alive()
    executor.stop(handle, hard=True)
    assert not stray.is_alive()
