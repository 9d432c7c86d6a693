"""That this host's daemon is there: its lock, and what it says of itself."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlpipeline.daemon.leftovers import clear_away
from mlpipeline.errors import OutputsError
from mlpipeline.executors.processes import ProcessId
from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import read_json, to_json, write_whole
from mlpipeline.project.paths import Outputs

#: How often a daemon says that it is there, in seconds.
HEARTBEAT_INTERVAL_S = 30.0
#: How soon after one heartbeat the next may say something new, in seconds: runs may be shorter than that.
CHANGE_INTERVAL_S = 0.2
#: How many of the next versions it names.
NEXT_SHOWN = 50
#: Of how many models it tells how much is to be started: the file stays small, whatever is listed.
MODELS_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What a daemon has to do."""

    #: Whether it was told to end, and waits for its runs.
    stopping: bool = False
    #: Whether it does not know yet what all listed scripts have.
    importing: bool = False
    #: How many versions wait for their turn.
    waiting: int = 0
    #: The next of them, up to `NEXT_SHOWN`.
    next: Sequence[str] = ()
    #: How many versions run at a time.
    at_once: int = 1
    #: How many are to be started by and by, `{"model", "start", "count"}`, those of most first, up to `MODELS_SHOWN`.
    to_start: Sequence[Mapping[str, Any]] = ()
    #: What waits for something else, `{"what", "why"}`, up to `NEXT_SHOWN`.
    waits: Sequence[Mapping[str, str]] = ()
    #: What is held or cannot be used, `{"what", "why"}`, with a `traceback` where there is one.
    held: Sequence[Mapping[str, str]] = ()
    #: What the queue file holds, likewise: once the launch is over, that file alone says so.
    on_hold: Sequence[Mapping[str, str]] = ()


class Presence:
    """Holds the lock of this host's daemon and keeps its heartbeat."""

    def __init__(self, outputs: Outputs, command: str, since: str, *, is_recorded: bool = True) -> None:
        """Be this process, started by `command` at `since`; without recording, it leaves what was said before it."""
        self._outputs = outputs
        self._is_recorded = is_recorded
        #: This daemon's process.
        self.process = ProcessId.of_child(os.getpid())
        self._about = {
            **self.process.to_json(),
            "host": outputs.host,
            "command": command,
            "since": since,
        }
        self._lock: Any = None
        self._ahead: dict[str, Any] = {}
        #: What the heartbeat said before this daemon.
        self._before: Any = None
        self._beat_at = float("-inf")
        #: Whether there is something new that was not said yet.
        self.has_news = False

    def begin(self) -> None:
        """Become this host's daemon, in place of one that died.

        Raises:
            OutputsError: another one is; or the outputs folder cannot be written.
        """
        from filelock import FileLock, Timeout

        try:
            self._outputs.locks.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self._outputs.daemon_lock, timeout=0)
            self._lock.acquire()
            self._before = read_json(self._outputs.heartbeat)
            self._clear_away_predecessor()
            self.beat(Ahead(importing=True))
        except Timeout:
            raise OutputsError(self._other_daemon()) from None
        except OSError as error:
            told = f"{self._outputs.path} cannot be written: {error.strerror}. mlpipeline -r needs it."
            raise OutputsError(told) from error

    def _clear_away_predecessor(self) -> None:
        """End what the daemon before this one had started for itself, if it died without leaving.

        The heartbeat alone says which that was: until all is gone, nothing is written over it.
        """
        if isinstance(self._before, dict) and "ended_at" not in self._before:
            predecessor = ProcessId.from_json(self._before)
            if predecessor is not None:
                clear_away(predecessor)

    def beat(self, what: Ahead) -> None:
        """Say what is ahead, if that is new or it is time to be heard of again.

        Raises:
            OSError: it could not be written.
        """
        ahead = vars(what)
        self.has_news = self.has_news or ahead != self._ahead
        self._ahead = ahead
        now = time.monotonic()
        if now - self._beat_at < (CHANGE_INTERVAL_S if self.has_news else HEARTBEAT_INTERVAL_S):
            return
        write_whole(self._outputs.heartbeat, to_json({**self._about, **ahead}), to_disk=False)
        self._beat_at, self.has_news = now, False

    def end(self) -> None:
        """Leave, saying so: nobody waits for the next heartbeat, and what could not be used is still there to read."""
        if self._lock is None:
            return
        last = {**self._about, "held": self._ahead.get("held", []), "ended_at": timestamp()}
        with suppress(OSError):
            if self._is_recorded or self._before:
                said = last if self._is_recorded else self._before
                write_whole(self._outputs.heartbeat, to_json(said), to_disk=False)
            else:
                self._outputs.heartbeat.unlink(missing_ok=True)
        self._lock.release()

    def _other_daemon(self) -> str:
        other = read_json(self._outputs.heartbeat) or {}
        who = "starting up"
        if "since" in other:
            who = f"pid {other['pid']}, since {_to_the_second(other['since'])} ({other['command']})"
        return (
            f"a daemon already runs this queue on {self._outputs.host}: {who}. "
            f"It takes up changes to models.toml by itself; follow it with: tail -F {self._outputs.log}"
        )


def _to_the_second(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
