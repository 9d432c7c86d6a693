"""Workers in the terminal's foreground: what `run_in_foreground` hands on, waits for and clears away."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from support import wait_until

from mlpipeline.executors import foreground
from mlpipeline.executors.foreground import run_in_foreground


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run Python code in the place of a worker."""
    monkeypatch.setattr(foreground, "worker_command", lambda *code: [sys.executable, "-c", *code])

    def run_code(code, **keywords):
        return run_in_foreground(
            code, cwd=tmp_path, environment={"MLP_RUN_ID": f"fg-{os.getpid()}", "EXTRA": "x"}, **keywords
        )

    return run_code


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; assert os.environ['EXTRA'] == 'x' and os.environ['PATH']", 0),
        ("import os; assert os.getcwd() == os.environ['WHERE']", 0),
        (f"import os; assert os.getpgrp() == {os.getpgrp()} and os.getsid(0) == {os.getsid(0)}", 0),
        ("import signal; assert signal.getsignal(signal.SIGINT) is signal.default_int_handler", 0),
        ("import signal; assert signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL", 0),
    ],
)
def test_it_hands_on_all_it_has_and_returns_the_exit_status(run, tmp_path, monkeypatch, code, status):
    monkeypatch.setenv("WHERE", str(tmp_path))
    assert run(code) == status


def test_it_is_killed_when_its_time_is_up(run):
    began = time.monotonic()
    assert run("import time; time.sleep(600)", timeout_s=0.3) is None
    assert time.monotonic() - began < 30


def test_what_it_leaves_behind_is_killed(run, tmp_path):
    pid = tmp_path / "pid"
    run(
        "import os, subprocess, pathlib\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(child.pid))\n"
        "os._exit(0)"
    )
    wait_until(lambda: not psutil.pid_exists(int(pid.read_text())) or _is_zombie(int(pid.read_text())))


def test_ctrl_c_is_left_to_the_worker_and_works_here_again_afterwards(run, tmp_path):
    ready, interrupted, before = tmp_path / "ready", tmp_path / "interrupted", signal.getsignal(signal.SIGINT)

    def interrupt_us():
        wait_until(ready.exists)
        os.kill(os.getpid(), signal.SIGINT)
        interrupted.touch()

    thread = threading.Thread(target=interrupt_us)
    thread.start()
    code = (
        "import pathlib, time\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        f"while not pathlib.Path({str(interrupted)!r}).exists(): time.sleep(0.01)"
    )
    assert run(code) == 0  # nothing happened to us, nor to it: a terminal would have told both
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
