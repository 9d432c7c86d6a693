"""`mlpipeline status --watch` at a terminal: what it shows, and the terminal as it was before."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from contextlib import suppress

import pytest
from support import GATE_SOURCE, Gate, wait_until

SCRIPT = """
from mlpipeline import FunctionModel, Versions
from mlpipeline.helper import *
from mlpipeline.utils import MetricContainer
from _gate import wait_for
def train(n, *, run):
    if n == 0:
        seen = MetricContainer(["loss"])
        for epoch in range(3):
            seen.reset_epoc()
    else:
        for step in run.steps(n):
            if step == 2:
                break
    wait_for({gate!r})
versions = Versions()
versions.add_version("stepped", n=5)
versions.add_version("counted", n=0)
MODEL = FunctionModel(train, versions)
"""
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """A terminal at which the command runs."""

    def __init__(self, project, *arguments, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        environment = project.environment({"TERM": "xterm"})
        del environment["COLUMNS"]
        self.command = subprocess.Popen(
            # As a terminal's shell starts it: this is its controlling terminal, and gone with its master.
            ["setsid", "--ctty", sys.executable, "-m", "mlpipeline", *arguments],
            cwd=project.root,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        self.slave = slave
        self._read = b""
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self._read += data

    @property
    def text(self):
        return self._read.decode("utf-8", "replace")

    @property
    def frames(self):
        """What was shown, one after the other, as lines."""
        plain = re.sub(r"\x1b\[(?!H)\??[0-9;]*[a-zA-Z]", "", self.text)
        return [frame.splitlines() for frame in plain.replace("\r", "").split("\x1b[H")[1:]]

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, key):
        os.write(self.master, key)

    @property
    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        self.command.kill()
        self.command.wait(30)
        for descriptor in (self.master, self.slave):
            with suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def terminals():
    opened = []
    yield lambda *arguments, **size: opened.append(Terminal(*arguments, **size)) or opened[-1]
    for terminal in opened:
        terminal.close()


def test_it_shows_how_things_stand_until_its_user_has_seen_enough(make_project, tmp_path, terminals):
    gate = Gate(tmp_path / "open")
    project = make_project(tmp_path, {"_gate.py": GATE_SOURCE, "net.py": SCRIPT.format(gate=str(gate))})
    daemon = project.start("-r", "-j", "2")
    wait_until(lambda: project.run("status").stdout.count("net:") >= 2)
    terminal = terminals(project, "status", "--watch")

    def last_shows(*told):
        return all(word in " ".join(terminal.frames[-1]) for word in told) if terminal.frames else False

    wait_until(lambda: last_shows("2 of 5", "3 epochs", "net:stepped", "log: "), message=lambda: terminal.text)
    terminal.resize(6, 30)
    wait_until(lambda: last_shows("more lines"), message=lambda: terminal.text)
    assert len(terminal.frames[-1]) == 6
    assert [line for line in terminal.frames[-1] if len(line) > 30] == []
    terminal.resize(40, 80)
    gate.open()
    assert daemon.wait(60) == 0
    wait_until(lambda: last_shows("no daemon is running", "2 succeeded"), message=lambda: terminal.text)
    assert not last_shows("net:stepped")
    # A file that cannot be read at this moment is no reason to end.
    history = next(project.outputs.glob("history-*"))
    history.rename(tmp_path / "aside")
    history.mkdir()
    wait_until(lambda: last_shows("cannot be read"), message=lambda: terminal.text)
    history.rmdir()
    (tmp_path / "aside").rename(history)
    wait_until(lambda: last_shows("2 succeeded") and not last_shows("cannot"), message=lambda: terminal.text)

    terminal.press(b"q")
    assert terminal.command.wait(30) == 0
    assert terminal.text.count(ENTER) == 1
    wait_until(lambda: terminal.text.endswith(LEAVE))
    assert terminal.is_as_before


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, None])
def test_the_terminal_is_as_it_was_whatever_ends_it_and_nothing_stays_when_it_is_closed(
    make_project, tmp_path, terminals, end
):
    terminal = terminals(make_project(tmp_path, {}), "status", "--watch")
    wait_until(lambda: terminal.frames)
    if end is None:
        os.close(terminal.slave)
        os.close(terminal.master)
        terminal.command.wait(30)
    else:
        terminal.press(b"\x03") if end is signal.SIGINT else terminal.command.send_signal(end)
        assert terminal.command.wait(30) == 0
        wait_until(lambda: terminal.text.endswith(LEAVE))
        assert terminal.is_as_before


def test_where_nothing_can_be_shown_in_place_it_says_so(make_project, tmp_path):
    project = make_project(tmp_path, {})
    piped = project.run("status", "--watch")
    assert (piped.returncode, piped.stdout) == (2, "")
    assert "stdout is none" in piped.stderr
    both = project.run("status", "--watch", "--json")
    assert (both.returncode, both.stdout) == (2, "")
    assert "does not go with --json" in both.stderr
