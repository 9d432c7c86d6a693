"""Warm parents that die, hang, are stopped or refuse: their runs start fresh, and nothing is lost or doubled."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import spares
from support import GATE_SOURCE, Gate, Started, wait_until
from warm import IN_PARENT, Faults, script

#: Statements that shorten how long a daemon waits for its parents.
IMPATIENT = """
import mlpipeline.executors.warm as warm, mlpipeline.executors.warm_parent as warm_parent
warm.ANSWER_TIME_S = warm_parent.ANSWER_TIME_S = 0.5
warm._PATIENCE = 0.0
warm._PATIENCE_S = 5.0
warm._RETRY_S = 0.05
"""
#: What a package does in a warm parent, and how a run that was to be forked from that is started.
CASES = {
    "killed": ("os.kill(os.getpid(), 9)", "fresh: its warm parent was killed by SIGKILL"),
    "left": ("os._exit(3)", "fresh: its warm parent ended with exit status 3"),
    "hanging": ("time.sleep(600)", "fresh: its warm parent did not finish importing in time"),
    "stopped": ("os.kill(os.getpid(), 19)", "fresh: its warm parent did not finish importing in time"),
    "without_line": ("os.closerange(3, 256)", "fresh: its warm parent ended with exit status 0"),
    "exiting": ("sys.exit(3)", "warm"),
    "raising": ("raise SystemError('not here')", "warm"),
    "reading": ("assert sys.stdin.read() == ''; input()", "warm"),
    "printing": ("print('x' * 3_000_000)", "warm"),
    "killed_before_forking": (
        "os.register_at_fork(before=lambda: os.kill(os.getpid(), 9))",
        "fresh: its warm parent was killed by SIGKILL",
    ),
    "refusing": (
        """
    import errno
    def refuse():
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    os.fork = refuse
    """,
        "fresh: its warm parent could not fork: Resource temporarily unavailable",
    ),
    # When all is imported, what is there is collected once.
    "late_thread": (
        """
    import gc, threading
    def start(phase, info):
        if phase == "stop" and info["generation"] == 2 and threading.active_count() == 1:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    gc.callbacks.append(start)
    """,
        "fresh: importing started 1 thread",
    ),
}


@pytest.fixture
def warm(make_project: Callable[..., Any], tmp_path: Path) -> Faults:
    return Faults(make_project, tmp_path)


def test_a_parent_that_fails_in_any_way_costs_its_runs_no_more_than_a_fresh_start(warm: Faults):
    scripts = {}
    for name, (source, _) in CASES.items():
        warm.install(f"{name}_package", IN_PARENT + source.strip())
        scripts[f"case_{name}"] = warm.counting(before=f"import {name}_package")
    warm.write(script(), **scripts)
    warm.project.write_queue(
        [{"script": f"{name}.py", "versions": [version]} for version in ("v0", "v1") for name in scripts]
    )
    warm.run("-j", "4", change=IMPATIENT)
    found = {name: warm.how("v1", f"case_{name}") for name in CASES}
    assert found == {name: how for name, (_, how) in CASES.items()}
    for name, (_, how) in CASES.items():
        told = [line for line in warm.log_of("v1", f"case_{name}") if line.startswith("starts fresh")]
        assert told == ([] if how == "warm" else [how.replace("fresh:", "starts fresh, not warm:")])
    warm.check_all_ran_once(2 * len(CASES))


def test_a_parent_that_hangs_while_importing_does_not_outlive_a_killed_daemon(warm: Faults):
    gate = Gate(warm.outside / "gate")
    warm.install("library", GATE_SOURCE + IN_PARENT + f"wait_for({str(gate)!r}, 600)")
    warm.write(warm.counting(before="import library"))
    daemon = warm.start()
    gate.wait_reached()
    daemon.kill()
    daemon.wait()
    wait_until(lambda: not warm.project.processes(), timeout=10, message=lambda: str(warm.project.processes()))


#: From now on a warm parent does `{then}` when it has told a worker that it had forked what to carry out, and dies.
DYING = """
import os, time

def write_and_die(descriptor, data, write=os.write):
    written = write(descriptor, data)
    if b'"run_dir"' in data:
        {then}
        os.kill(os.getpid(), 9)
    return written

if "fork" in sys.orig_argv:
    os.write = write_and_die
"""
#: A change of folder that waits until somebody has the second run.
CHANGE_LATE = """
import glob, os, time

def change_late(path, change=os.chdir):
    while not glob.glob({taken!r}):
        time.sleep(0.01)
    change(path)

"""
#: How far the child is then.
AT_DEATH = {
    "nothing done": "os.register_at_fork(after_in_child=lambda: time.sleep(600))",
    "about to announce itself": "os.chdir = change_late",
}


@pytest.mark.parametrize("moment", AT_DEATH)
def test_a_child_whose_parent_dies_right_after_telling_it_leaves_the_run_to_a_fresh_one(warm: Faults, moment: str):
    warm.write(warm.counting(before="import library"))
    late = CHANGE_LATE.format(taken=f"{warm.project.outputs}/runs/*-v1-*/1/worker.json")
    warm.install("library", late + IN_PARENT + AT_DEATH[moment] + DYING.format(then="pass"))
    warm.run(change=IMPATIENT)
    assert warm.how("v1") == "fresh: its warm parent was killed by SIGKILL"
    wait_until(lambda: not warm.project.processes())  # one that comes too late leaves by itself
    warm.check_all_ran_once(2)


def test_a_child_that_was_faster_than_the_fresh_worker_carries_the_run_out(warm: Faults):
    late, gate = Gate(warm.outside / "late"), Gate(warm.outside / "gate")
    # It dies when its child has shown whose it is: one that has not is swept with it.
    wait = f"while not os.path.exists({f'{late}.reached.reached'!r}): time.sleep(0.01)"
    warm.install("library", "import sys\n" + DYING.format(then=wait))
    (warm.site / "sitecustomize.py").write_text(
        f"{GATE_SOURCE}\nimport sys\nif 'SIGKILL' in sys.orig_argv[-1]: wait_for({str(late)!r})\n"
        # The child is not forked before the fresh worker is there.
        f"import os\nif 'fork' in sys.orig_argv: change = os.chdir; os.chdir = "
        f"lambda path: (wait_for({str(late) + '.reached'!r}), change(path))\n"
    )
    warm.write(warm.counting(f"if number: wait_for({str(gate)!r})", before="import library"))
    daemon = warm.start(change=IMPATIENT + spares.NONE)
    late.wait_reached()
    gate.wait_reached()
    (fresh,) = [process for process in warm.project.processes() if "SIGKILL" in process.cmdline()[-1]]
    late.open()
    fresh.wait(timeout=30)
    gate.open()
    assert daemon.wait(timeout=30) == 0
    assert warm.how("v1") == "warm"
    warm.check_all_ran_once(2)


class Held(Faults):
    """A launch in which `v1` was forked, and that is held before `v2` by a run of another script."""

    def launch(self, **keywords: Any) -> Started:
        self.gate = Gate(self.outside / "gate")
        self.write(self.counting(count=3), hold=self.counting(f"wait_for({str(self.gate)!r})", count=1))
        self.project.write_queue(
            [{"script": "net.py", "versions": ["v0", "v1"]}, "hold.py", {"script": "net.py", "versions": ["v2"]}]
        )
        daemon = self.start(**keywords)
        self.gate.wait_reached()
        return daemon

    @property
    def parent(self) -> psutil.Process:
        """The warm parent that there is."""
        (parent,) = self.parents()
        return parent


@pytest.fixture
def held(make_project: Callable[..., Any], tmp_path: Path) -> Held:
    return Held(make_project, tmp_path)


def test_a_parent_that_dies_between_runs_is_replaced(held: Held):
    daemon = held.launch()
    first = held.parent.pid
    held.parent.kill()
    held.gate.open()
    assert daemon.wait(timeout=30) == 0
    assert held.worker("v1")["how"] == f"warm: forked from {first}"
    assert held.how("v2") == "warm"
    assert held.worker("v2")["how"] != held.worker("v1")["how"]
    held.check_all_ran_once(4)


def test_a_parent_that_is_stopped_between_runs_is_given_up(held: Held):
    daemon = held.launch(change=IMPATIENT)
    held.parent.suspend()
    held.gate.open()
    assert daemon.wait(timeout=30) == 0
    assert held.how("v2") == "fresh: its warm parent does not answer"
    assert "starts fresh, not warm: its warm parent does not answer" in held.log_of("v2")
    held.check_all_ran_once(4)


def test_a_parent_forks_nothing_that_a_dead_daemon_asked_for(held: Held):
    daemon = held.launch()
    parent = held.parent
    parent.suspend()
    held.gate.open()
    wait_until(lambda: "net:v2 starts" in held.project.log)
    daemon.kill()
    daemon.wait()
    parent.resume()
    wait_until(lambda: not held.project.processes())
    assert len(held.executions) == 3
    held.run("-u")
    held.check_all_ran_once(4)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_parent_that_fails_while_a_child_runs_does_not_harm_it(warm: Faults, how: str):
    gate = Gate(warm.outside / "gate")
    warm.write(warm.counting(f"if number == 1: wait_for({str(gate)!r})", count=3))
    daemon = warm.start(change=IMPATIENT)
    gate.wait_reached()
    (parent,) = warm.parents()
    parent.send_signal({"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}[how])
    gate.open()
    assert daemon.wait(timeout=30) == 0
    assert warm.worker("v1")["how"] == f"warm: forked from {parent.pid}"
    assert warm.how("v2") == "warm"
    warm.check_all_ran_once(3)


def test_a_run_for_which_there_is_no_process_at_all_waits_and_is_tried_again(warm: Faults):
    warm.install("library", IN_PARENT + CASES["refusing"][0].strip())
    warm.write(warm.counting(before="import library"))
    refused = warm.outside / "refused"
    refusing = f"""
from mlpipeline.executors.executor import StartRefused
from mlpipeline.executors.local import LocalExecutor
start = LocalExecutor.start

def refuse_at_first(self, attempt, how="fresh"):
    with open({str(refused)!r}, "a") as file:
        if "could not fork" in how and file.tell() < 3:
            file.write("x")
            raise StartRefused("no process could be started: Resource temporarily unavailable")
    return start(self, attempt, how)

LocalExecutor.start = refuse_at_first
"""
    warm.run(change=IMPATIENT + refusing)
    assert refused.read_text() == "xxx"
    told = warm.log_of("v1")
    assert told.count("waits, and is tried again: no process could be started: Resource temporarily unavailable") == 1
    assert warm.how("v1") == f"fresh: {CASES['refusing'][1].removeprefix('fresh: ')}"
    warm.check_all_ran_once(2)
