"""Having the user told of the queue: `[notify] command`, in a process of its own that nothing waits for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import IO, Any

from mlpipeline.daemon.breaker import Breaker
from mlpipeline.daemon.catalogue import Problem
from mlpipeline.daemon.parts import Parts
from mlpipeline.daemon.runs_under_way import RunsUnderWay
from mlpipeline.daemon.todo import Todo
from mlpipeline.domain.notices import Notice, Notices, Standing, cause_of_hold

#: What stands among what is held for a disk that is full.
_DISK = "the disk"


class Notifying:
    """Starts the user's command when there is something to be told."""

    def __init__(self, parts: Parts, runs: RunsUnderWay, todo: Todo, breaker: Breaker) -> None:
        self._parts = parts
        self._runs = runs
        self._todo = todo
        self._breaker = breaker
        self._notices = Notices()
        #: When the work began that is told of: at the launch, or when all before it was done.
        self._since = datetime.now().astimezone()
        self._is_wanted = bool(parts.settings.notify_command) and parts.options.is_recorded
        #: Those under way, to be reaped; and what can be read as soon as the last of them is over.
        self._under_way: list[subprocess.Popen[bytes]] = []
        self._end_of_last: int | None = None

    def look(self, is_at_rest: Callable[[], bool]) -> None:
        """Tell what is to be told now; asked in every tick of a daemon that was not told to stop."""
        if not self._is_wanted:
            return
        self._under_way = [process for process in self._under_way if process.poll() is None]
        standing = self._standing(is_at_rest)
        for notice in self._notices.due(standing):
            try:
                self._start(notice)
            except Exception as error:  # Whatever is wrong with it costs this notice, and not the night.
                self._parts.records.log(f"[notify] command could not be started ({notice}): {error}")
        if standing.is_at_rest:
            self._since = datetime.now().astimezone()

    def _standing(self, is_at_rest: Callable[[], bool]) -> Standing:
        ended_count = self._runs.end_count + self._parts.gate.end_count
        is_worth_asking = self._notices.has_worked(ended_count)
        urgent = {cause_of_hold(problem.what) for problem in self._todo.outlook.held} & self._breaker.tripped
        # One that is still at work may succeed, and let the others go on.
        urgent -= {self._parts.records.run(active.run_id).model for active in self._runs.active}
        if not self._runs.active and self._parts.chooser.is_disk_full:
            urgent.add(_DISK)
        return Standing(
            ended_count=ended_count,
            failed_count=self._runs.failure_count,
            urgent=urgent,
            held={cause_of_hold(problem.what) for problem in self._held} if is_worth_asking else urgent,
            is_at_rest=is_worth_asking and is_at_rest(),
        )

    @property
    def _held(self) -> list[Problem]:
        return [*self._todo.outlook.held, *self._parts.catalogue.problems]

    def _start(self, notice: Notice) -> None:
        settings, outputs = self._parts.settings, self._parts.outputs
        waits = [*self._parts.chooser.waits, *self._todo.outlook.waits]
        now = datetime.now().astimezone()
        try:
            ledger = self._parts.records.ledger
            text = self._parts.reporter.notice(
                notice, ledger, self._held, waits, since=self._since, now=now.timestamp()
            )
        except Exception as error:  # To be told little is better than not to be told.
            text = f"{notice}; there is no report: {error}\n"
        what = {
            "command": settings.notify_command,
            "timeout_s": settings.notify_timeout_s,
            "event": notice,
            "project": str(settings.root),
            "host": outputs.host,
            "log": str(outputs.log),
        }
        # A file, and no pipe: a command that never reads it holds nobody up.
        with tempfile.TemporaryFile(prefix="mlpipeline-notice-") as stdin:
            stdin.write(text.encode("utf-8", "backslashreplace"))
            stdin.seek(0)
            self._spawn(what, stdin)

    def _spawn(self, what: Mapping[str, Any], stdin: IO[bytes]) -> None:
        """Start the process that carries out one notice, after the one before it."""
        before = self._end_of_last
        # It holds the other end until it is over, for the next one to see.
        own, its_own = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mlpipeline.daemon.notifier", json.dumps({**what, "after": before})],
                cwd=what["project"],
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[its_own, *([] if before is None else [before])],
            )
        except BaseException:
            os.close(own)
            raise
        finally:
            os.close(its_own)
        self._under_way.append(process)
        self._end_of_last = own
        if before is not None:
            os.close(before)
