"""A terminal that is lost, closed or paused never ends `mlpipeline -r`."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from night import Night
from support import Project, wait_until


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    return Night(make_project, tmp_path)


def launched(night: Night, **popen: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mlpipeline", "-r"],
        cwd=night.project.root,
        env=night.project.environment(night.env),
        **{"stdin": subprocess.DEVNULL, "start_new_session": True, **popen},  # type: ignore[call-overload]
    )


def check_it_goes_on(night: Night, daemon: subprocess.Popen[bytes]) -> None:
    night.gate.open()
    assert daemon.wait(timeout=30) == 0
    night.check_all_is_settled(runs=1)


def test_a_hangup_is_none_of_its_business(night: Night):
    daemon = night.project.start("-r", env=night.env)
    night.gate.wait_reached()
    for process in night.project.processes():
        if process.pid == daemon.pid:
            process.send_signal(signal.SIGHUP)
    check_it_goes_on(night, daemon)


def test_a_terminal_whose_window_is_closed(night: Night):
    master, slave = pty.openpty()
    # As a terminal's shell starts it: the pty is its controlling terminal, and gone with its master.
    daemon = launched(
        night, stdin=slave, stdout=slave, stderr=slave, preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR))
    )
    os.close(slave)
    night.gate.wait_reached()
    os.close(master)
    check_it_goes_on(night, daemon)


@pytest.mark.parametrize("closed", [["stdout"], ["stdout", "stderr"]], ids=" and ".join)
def test_a_pipe_whose_reader_left(night: Night, closed):
    daemon = launched(night, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with daemon.stdout, daemon.stderr:
        night.gate.wait_reached()
        for name in closed:
            getattr(daemon, name).close()
        check_it_goes_on(night, daemon)
        assert daemon.stderr.closed or daemon.stderr.read() == b""


def test_a_terminal_that_is_paused(night: Night):
    # Far more than a pipe holds, and nobody reads it.
    night.write_script(before="run.log('x' * 1_000_000)")
    daemon = launched(night, stdout=subprocess.PIPE)
    with daemon.stdout:
        night.gate.wait_reached()
        wait_until(lambda: len(night.project.log) > 1_000_000)
        began = time.monotonic()
        check_it_goes_on(night, daemon)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_descriptors_that_were_closed_before_the_launch(night: Night, closed):
    night.gate.open()
    daemon = subprocess.Popen(
        ["sh", "-c", f'exec "$0" -m mlpipeline -r {closed}', sys.executable],
        cwd=night.project.root,
        env=night.project.environment(night.env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    check_it_goes_on(night, daemon)
