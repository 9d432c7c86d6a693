"""The daemon's end of a warm parent: a process that forks workers which have their imports behind them."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from mlpipeline.domain.endings import how_it_ended
from mlpipeline.executors.executor import Attempt
from mlpipeline.executors.handover import handover_of
from mlpipeline.executors.how import start_worker
from mlpipeline.executors.marks import ROOM, room, with_room
from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import sweep
from mlpipeline.project.files import to_json

#: How long a parent that is ready may take to answer, or to say that a child of its ended, in seconds.
ANSWER_TIME_S = 10.0
#: How long one that was let go, or killed, is waited for, in seconds.
_LEAVE_TIME_S = 1.0


class WarmParent:
    """One warm parent. What it says is taken in by `poll`; nothing here waits for it."""

    def __init__(self, modules: Sequence[str], never: Sequence[str], attempt: Attempt, import_time_s: float) -> None:
        """Start it for runs such as `attempt`; `import_time_s` is how long it may take to import `modules`.

        Raises:
            OSError: there is no process.
        """
        mark = secrets.token_hex(8)
        self._room = room(mark)
        # Its forks share one seed of string hashes; chosen here, it can be recorded.
        hash_seed = os.environ.get("PYTHONHASHSEED")
        seed = str(1 + secrets.randbelow(2**32 - 1)) if hash_seed in (None, "random") else hash_seed
        self._channel, theirs = socket.socketpair()
        try:
            with theirs, tempfile.TemporaryFile(prefix="mlpipeline-warm-") as output:
                self._process = start_worker(
                    *("fork", str(theirs.fileno())),
                    cwd=attempt.project,
                    environment=with_room({**os.environ, "PYTHONHASHSEED": seed}, mark),
                    output=output,
                    pass_fds=[theirs.fileno()],
                )
        except OSError:
            self._channel.close()
            raise
        self._channel.setblocking(False)
        self._received = b""
        self._deadline = time.monotonic() + import_time_s
        #: What it is to be asked for once it has imported: it reads nothing before.
        self._waiting: list[Attempt] = []
        #: What it was asked for and has not answered: attempt -> since when, on the monotonic clock.
        self._asked: dict[str, float] = {}
        self.id = ProcessId.of_child(self._process.pid)
        self.is_ready = False
        #: Whether it found, once it had imported, that it must not be forked from.
        self.is_unfit = False
        #: Why it forks nothing (any more).
        self.trouble: str | None = None
        folders = [str(attempt.models_dir), str(attempt.project)]
        self._send({"modules": list(modules), "never": list(never), "folders": folders, "hash_seed": hash_seed})

    def fileno(self) -> int:
        """Return what becomes readable when it says something."""
        return self._channel.fileno()

    def fork(self, attempt: Attempt) -> None:
        """Ask for a worker, as soon as it can make one."""
        if not self.is_ready:
            self._waiting.append(attempt)
            return
        self._asked[attempt.id] = time.monotonic()
        self._send(handover_of(attempt, fork=attempt.id, exit=str(attempt.dir.exit)))

    def poll(self) -> list[Mapping[str, Any]]:
        """Return what it said since the last call; `trouble` says when it is of no more use."""
        gone = self._receive()
        *lines, self._received = self._received.split(b"\n")
        messages = [json.loads(line) for line in lines]
        for message in messages:
            if "ready" in message:
                self._heed_ready(message["ready"])
            self._asked.pop(message.get("forked") or message.get("refused") or "", None)
        # Its own word on why it ends counts for more.
        self.trouble = self.trouble or gone
        now = time.monotonic()
        if self.trouble is None and not self.is_ready and now > self._deadline:
            self.trouble = "its warm parent did not finish importing in time"
        if self.trouble is None and self.is_ready and any(now - at > ANSWER_TIME_S for at in self._asked.values()):
            self.trouble = "its warm parent does not answer"
        return messages

    def let_go(self) -> None:
        """Have it fork no more and end with its last child, which may be long after us."""
        self._channel.close()

    def is_over(self, wait_s: float = 0.0) -> bool:
        """Return whether it has ended, and reap it; wait for that up to `wait_s` seconds."""
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """End it at once, with what its imports started; workers that it forked live on."""
        self._channel.close()
        # It may be stopped, or hang: only this ends it for sure.
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        if self.is_over(_LEAVE_TIME_S):
            # Only now: of a living process all descendants are swept, and those are the workers.
            sweep(self.id, self._room, ROOM)

    def _heed_ready(self, why_not: str | None) -> None:
        self.trouble = self.trouble or why_not
        self.is_ready = why_not is None
        self.is_unfit = not self.is_ready
        while self.is_ready and self._waiting:
            self.fork(self._waiting.pop(0))

    def _receive(self) -> str | None:
        """Take in what it said; return how it ended, if it did."""
        # Asked first, so that nothing that it said before it ended is missed.
        has_ended = self.is_over()
        try:
            while data := self._channel.recv(1 << 16):
                self._received += data
        except BlockingIOError:
            # One that dies while it forks leaves the line open, in the child.
            return self._how_it_ended() if has_ended else None
        except OSError as error:
            return self._why_unreachable(error)
        # It says nothing more, so this is a matter of moments, but for one whose imports closed its descriptors.
        return self._how_it_ended() if self.is_over(_LEAVE_TIME_S) else "its warm parent does not answer"

    def _why_unreachable(self, error: OSError) -> str:
        # One that died before it read everything resets the line.
        is_over = self.is_over(_LEAVE_TIME_S)
        return self._how_it_ended() if is_over else f"its warm parent cannot be reached: {error.strerror or error}"

    def _how_it_ended(self) -> str:
        return f"its warm parent {how_it_ended(self._process.returncode)}"

    def _send(self, message: Mapping[str, Any]) -> None:
        # A few kilobytes fit into the socket's buffer even while it imports.
        try:
            self._channel.settimeout(1.0)
            self._channel.sendall(to_json(message))
        except OSError as error:
            self.trouble = self.trouble or self._why_unreachable(error)
        finally:
            self._channel.setblocking(False)
