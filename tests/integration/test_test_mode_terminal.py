"""Test mode at a real terminal: debuggers, Ctrl-C, colours and progress bars are as if the script ran by itself."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from support import Project


class Terminal:
    """A command that has a pseudo-terminal of its own, as in a window."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self.shown = ""
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(project.root)
            environment = {**project.environment(), "TERM": "xterm", "PYTHON_COLORS": "0"}
            os.execve(sys.executable, [sys.executable, "-m", "mlpipeline", *arguments], environment)

    def wait_for(self, text: str, timeout: float = 60) -> None:
        """Return once `text` was shown since the last call."""
        deadline = time.monotonic() + timeout
        before = len(self.shown) if text in self.shown else 0
        while text not in self.shown[before:]:
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"{text!r} was not shown within {timeout} s:\n{self.shown}")

    def type(self, keys: str) -> None:
        """Type `keys`; "\\x03" is Ctrl-C."""
        os.write(self._master, keys.encode())

    def exit_status(self, timeout: float = 60) -> int:
        """Read to the end, and return how the command ended."""
        deadline = time.monotonic() + timeout
        while self._read():
            if time.monotonic() > deadline:
                raise AssertionError(f"did not end within {timeout} s:\n{self.shown}")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._master, 4096)
        except OSError:  # EIO: nobody has it open any more
            return False
        self.shown += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)


@pytest.fixture
def make_terminal(make_project, tmp_path) -> Iterator[Callable[..., Terminal]]:
    def make(script: str, *arguments: str) -> Terminal:
        return Terminal(make_project(tmp_path, {"net.py": script}), *arguments)

    return make


def test_breakpoints_work_at_import_and_in_train(make_terminal):
    terminal = make_terminal(
        """
        import os
        from mlpipeline import FunctionModel, Versions
        if "MLP_RUN_DIR" not in os.environ:
            at_import = 41
            breakpoint()

        def train(n):
            in_train = n + 1
            breakpoint()
            return {"n": n}

        v = Versions()
        v.add_version("v", n=2)
        MODEL = FunctionModel(train, v)
        """
    )
    terminal.wait_for("(Pdb) ")
    terminal.type("p at_import + 1\n")
    terminal.wait_for("\n42\n")
    terminal.type("continue\n")
    terminal.wait_for("net:v: testing")
    terminal.wait_for("(Pdb) ")
    terminal.type("p in_train * 100\n")
    terminal.wait_for("\n300\n")
    terminal.type("!n = 5\n")
    terminal.type("continue\n")
    assert terminal.exit_status() == 0
    assert "net:v: ok in" in terminal.shown
    assert "n=5" in terminal.shown


def test_input_asks_at_the_terminal(make_terminal):
    terminal = make_terminal(
        """
        from mlpipeline import FunctionModel, Versions
        v = Versions()
        v.add_version("v")
        MODEL = FunctionModel(lambda: {"answer": input("how many? ")}, v)
        """
    )
    terminal.wait_for("how many? ")
    terminal.type("three\n")
    assert terminal.exit_status() == 0
    assert "answer=three" in terminal.shown


@pytest.mark.parametrize("where", ["import", "train", "command"])
def test_ctrl_c_shows_where_the_script_was_and_ends_with_130(make_terminal, where):
    # Many short sleeps: Python sleeps on to the end when a signal comes just before `sleep` does.
    terminal = make_terminal(
        f"""
        import sys, time
        from mlpipeline import CommandModel, FunctionModel, Versions

        def busy():
            print("busy now")
            while True:
                time.sleep(0.05)

        if {where!r} == "import":
            busy()
        v = Versions()
        v.add_version("v")
        v.add_version("never")
        if {where!r} == "command":
            program = "import time\\nprint('busy now', flush=True)\\nwhile True: time.sleep(0.05)"
            MODEL = CommandModel("true", v, test_command=[sys.executable, "-c", program])
        else:
            MODEL = FunctionModel(busy, v)
        """
    )
    terminal.wait_for("busy now")
    terminal.type("\x03")
    assert terminal.exit_status() == 130
    assert "never" not in terminal.shown
    expected = {
        "import": [("net.py", "<module>"), ("net.py", "busy")],
        "train": [("net.py", "busy")],
        "command": [("<string>", "<module>")],  # the program's own
    }
    assert re.findall(r'File "(?:.*/)?(.*)", line \d+, in (\S+)', terminal.shown) == expected[where]


def test_nothing_is_captured_and_the_script_has_the_foreground(make_terminal):
    terminal = make_terminal(
        """
        import os, subprocess, sys
        from mlpipeline import FunctionModel, Versions

        def train():
            assert sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
            assert os.tcgetpgrp(0) == os.getpgrp()
            sys.stdout.write("\\x1b[31mred\\x1b[0m\\n")
            for i in range(3):
                sys.stderr.write(f"\\r{i + 1}/3")
            sys.stderr.write("\\n")
            os.write(1, b"from C\\n")
            subprocess.run(["sh", "-c", "test -t 1 && echo from a child"])
            print("last", end="")

        v = Versions()
        v.add_version("v")
        MODEL = FunctionModel(train, v)
        """
    )
    assert terminal.exit_status() == 0, terminal.shown
    assert "\x1b[31mred\x1b[0m\n\r1/3\r2/3\r3/3\nfrom C\nfrom a child\nlast" in terminal.shown


def test_ctrl_c_is_the_commands_own_business(make_terminal):
    terminal = make_terminal(
        """
        from mlpipeline import CommandModel, Versions
        v = Versions()
        v.add_version("v")
        command = "trap 'echo heard; exit 0' INT; echo ready; while :; do sleep 0.1; done"
        MODEL = CommandModel("true", v, test_command=["sh", "-c", command])
        """
    )
    terminal.wait_for("ready")
    terminal.type("\x03")
    assert terminal.exit_status() == 0
    assert "heard" in terminal.shown
    assert "net:v: ok in" in terminal.shown


def test_a_command_that_is_interrupted_alone_is_a_failure_and_not_ctrl_c(make_terminal):
    terminal = make_terminal(
        """
        from mlpipeline import CommandModel, Versions
        v = Versions()
        v.add_version("v")
        MODEL = CommandModel("true", v, test_command=["sh", "-c", "kill -INT $$"])
        """
    )
    assert terminal.exit_status() == 1
    assert "net:v: the command was killed by SIGINT" in terminal.shown
