"""A pseudo-terminal of a given width, and what a command shows on it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_on_terminal(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str], columns: int, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end with a terminal for its stdin, stdout and stderr; `stdout` is all that it shows."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        try:
            shown = _read_to_end(master, time.monotonic() + timeout)
            status = process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        finally:
            os.close(master)
    return subprocess.CompletedProcess(command, status, shown.decode("utf-8", "replace").replace("\r\n", "\n"), "")


def _read_to_end(master: int, deadline: float) -> bytes:
    shown = b""
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 0.5)[0]:
            continue
        try:
            data = os.read(master, 65_536)
        except OSError:  # EIO: nobody has it open any more
            return shown
        if not data:
            return shown
        shown += data
    raise AssertionError(f"did not end in time; shown was:\n{shown.decode('utf-8', 'replace')}")
