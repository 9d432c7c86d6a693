"""Workers that were started before there is a run for them, so that a run need not wait for Python to start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from mlpipeline.executors.executor import Attempt
from mlpipeline.executors.grounds import grounds
from mlpipeline.executors.handover import handover_of
from mlpipeline.executors.how import start_worker
from mlpipeline.executors.marks import with_room
from mlpipeline.project.files import to_json

#: How many wait at a time at most: while runs are short, one is used and the other gets ready.
_MOST = 2
#: How long one waits, in seconds. Where runs take longer than that, nobody notices the tenth of a second that it saves,
#: but whoever changes something on the machine (its time zone, a mount) expects that the next run finds it so.
_MOST_AGE_S = 60.0
#: How long one that is ready may take to say that it still is, in seconds.
_ANSWER_TIME_S = 0.1
#: After so many that ended or hung before they were used, something is wrong with them here.
_MOST_LOST = 3
#: How long one that was killed is waited for, in seconds.
_LEAVE_TIME_S = 1.0


class Spares:
    """The spare workers of a daemon. Each carries out one attempt, or none; without them runs start as ever."""

    def __init__(self) -> None:
        """Begin without any."""
        self._waiting: list[_Spare] = []
        self._lost = 0
        #: When `prepare` was called last, on the monotonic clock.
        self._prepared_at: float | None = None

    def take(self, attempt: Attempt, how: str) -> subprocess.Popen[bytes] | None:
        """Return a process that is the worker of the attempt from now on, or None where there is none to be had."""
        self.tend()
        for spare in list(self._waiting):
            if not spare.is_ready:
                continue
            self._waiting.remove(spare)
            if spare.grounds == grounds(attempt.project):
                if spare.hand_over(attempt, how):
                    return spare.process
                if not spare.is_over:
                    self._lost += 1  # It hangs; nothing of the attempt was begun.
            spare.end()
        return None

    def prepare(self, project: Path) -> None:
        """Have some ready for the next attempts in `project`, if more runs follow each other soon."""
        now = time.monotonic()
        is_soon = self._prepared_at is not None and now - self._prepared_at < _MOST_AGE_S
        self._prepared_at = now
        # The environment that others see of a process can be changed on Linux only, and runs are found by it.
        if is_soon and sys.platform.startswith("linux"):
            self.fill(project)

    def fill(self, project: Path) -> None:
        """Start as many as may wait."""
        while self._lost < _MOST_LOST and len(self._waiting) < min(_MOST, len(os.sched_getaffinity(0))):
            try:
                self._waiting.append(_Spare(project))
            except OSError:
                self._lost = _MOST_LOST  # A run may need what is short here.

    def tend(self) -> None:
        """Reap those that ended, and end those that have waited for too long."""
        for spare in list(self._waiting):
            spare.listen()
            if spare.is_unfit:
                self._lost = _MOST_LOST
            if spare.is_over:
                self._lost += 1
            if spare.is_unfit or spare.is_over or time.monotonic() - spare.began_at > _MOST_AGE_S:
                self._waiting.remove(spare)
                spare.end()

    def close(self) -> None:
        """End all that wait."""
        while self._waiting:
            self._waiting.pop().end()


class _Spare:
    def __init__(self, project: Path) -> None:
        """Start it.

        Raises:
            OSError: there is no process.
        """
        self.grounds = grounds(project)
        self.began_at = time.monotonic()
        self._channel, theirs = socket.socketpair()
        try:
            with theirs, tempfile.TemporaryFile(prefix="mlpipeline-spare-") as output:
                self.process = start_worker(
                    *("wait", str(theirs.fileno())),
                    cwd=project,
                    environment=with_room(os.environ, ""),
                    output=output,
                    pass_fds=[theirs.fileno()],
                )
        except OSError:
            self._channel.close()
            raise
        self._channel.setblocking(False)
        self.is_ready = False
        #: Whether it says that what is started here cannot be of use.
        self.is_unfit = False

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def listen(self) -> None:
        """Take in what it said."""
        with suppress(OSError):
            said = self._channel.recv(64)
            self.is_ready = self.is_ready or said == b"ready\n"
            self.is_unfit = said == b"unfit\n"

    def hand_over(self, attempt: Attempt, how: str) -> bool:
        """Give the attempt to it; return False when it does not answer, and so knows nothing of the attempt."""
        try:
            self._channel.settimeout(_ANSWER_TIME_S)
            self._channel.sendall(b"?\n")
            if self._channel.recv(64) != b"ready\n":
                # What it was started from has changed since.
                self.process.wait(_LEAVE_TIME_S)
                return False
            self._channel.sendall(to_json(handover_of(attempt, how=how)))
        except (OSError, subprocess.TimeoutExpired):
            return False
        self._channel.close()
        return True

    def end(self) -> None:
        """End it at once."""
        self._channel.close()
        # It may be stopped, or hang: only this ends it for sure.
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_LEAVE_TIME_S)
