"""The process that carries out `[notify] command` once: it outlives its daemon, and logs what went wrong."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import sweep
from mlpipeline.history.host_log import HostLog
from mlpipeline.project.clock import log_time

#: By which all that the command started is found.
_MARK = "MLP_NOTICE"
#: How long the notice before this one is waited for, in seconds, beyond the time that it may take.
_PATIENCE_S = 30.0
#: How much of what the command printed is kept, in bytes, and shown, in characters.
_KEPT, _SHOWN = 4096, 300
#: How long its last words are waited for once it has ended, in seconds: what it left behind may never close its output.
_LAST_WORDS_S = 0.5


def main() -> None:
    """Carry out what the daemon says; stdin is what the command is to read."""
    what = json.loads(sys.argv[1])
    if what["after"] is not None:
        # It can be read when the one before is over, as nobody else holds the other end.
        select.select([what["after"]], [], [], what["timeout_s"] + _PATIENCE_S)
    why = trouble(what)
    if why is not None:
        with suppress(OSError):  # There is nobody left to be told.
            HostLog(Path(what["log"]), log_time).write(f"[notify] command failed ({what['event']}): {why}")


def trouble(what: Mapping[str, Any]) -> str | None:
    """Run the command, and return in one line why it failed; None when it did not."""
    command, mark = what["command"], str(ProcessId.of_child(os.getpid()))
    told = {"MLP_EVENT": what["event"], "MLP_PROJECT": what["project"], "MLP_HOST": what["host"], _MARK: mark}
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command] if isinstance(command, str) else command,
            cwd=what["project"],
            env={**os.environ, **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"{shown(str(getattr(error, 'filename', None) or command))}: {getattr(error, 'strerror', None) or error}"
    leader = ProcessId.of_child(process.pid)
    assert process.stdout is not None
    output = _Tail(process.stdout)
    try:
        status = process.wait(what["timeout_s"])
    except subprocess.TimeoutExpired:
        sweep(leader, mark, _MARK)
        process.wait()
        return f"took more than {what['timeout_s']:g} s, and was killed{output.last_line()}"
    how = f"was killed by signal {-status}" if status < 0 else f"exit status {status}"
    return f"{how}{output.last_line()}" if status else None


class _Tail:
    """The end of what a process prints, read in a thread so that its pipe never fills."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._end = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def last_line(self) -> str:
        """Return what it printed last, ready to follow why it failed; nothing if it printed nothing."""
        self._thread.join(_LAST_WORDS_S)
        lines = [line for line in self._end.decode("utf-8", "replace").splitlines() if line.strip()]
        return f": {shown(lines[-1].strip())}" if lines else ""

    def _read(self) -> None:
        while data := os.read(self._pipe.fileno(), _KEPT):
            self._end = (self._end + data)[-_KEPT:]


def shown(text: str) -> str:
    """Return as much of a line as a line of the log has room for."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


if __name__ == "__main__":
    main()
