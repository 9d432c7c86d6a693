"""Runs and daemons as they are at this moment: what history says, checked against processes and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpipeline.domain.moments import epoch_s
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, State, outcome_in_words
from mlpipeline.executors.processes import ProcessId
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import AttemptDir, Outputs
from mlpipeline.views.words import moment, roughly_ago

if TYPE_CHECKING:
    from mlpipeline.domain.pace import Pace

#: After how long a daemon counts as silent that says every 30 s that it is there, in seconds.
_SILENT_AFTER_S = 120.0


@dataclass(frozen=True, kw_only=True)
class ObservedDaemon:
    """A daemon that left a heartbeat."""

    host: str
    pid: int | None
    since: str | None
    command: str
    #: None where only that host can tell.
    is_alive: bool | None
    #: When it last said that it is there, in seconds since the epoch.
    heard_at: float
    #: How long ago that was when it was looked at, in seconds; negative where a clock was set back.
    silent_s: float
    #: When its launch came to its end, ISO 8601; None for one that runs, or died.
    ended_at: str | None = None
    #: Whether it was told to end, and waits for its runs.
    is_stopping: bool = False
    #: Whether it does not know yet what all listed scripts have.
    is_importing: bool = False
    next: tuple[str, ...] = ()
    #: How many versions wait in all.
    waiting: int = 0
    #: What waits for something else than its turn, and what is held or cannot be used: `{"what", "why"}` each.
    waits: tuple[dict[str, str], ...] = ()
    held: tuple[dict[str, str], ...] = ()
    #: How many versions it runs at a time, and how much it is to start: `{"model", "start", "count"}` each.
    at_once: int = 1
    to_start: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_silent(self) -> bool:
        """Whether it has not been heard of for long, where only that host can tell more."""
        return self.is_alive is None and self.silent_s > _SILENT_AFTER_S

    @property
    def is_there(self) -> bool:
        """Whether it is not known to be gone."""
        return self.is_alive is not False and self.ended_at is None

    @property
    def known(self) -> list[str]:
        """The versions that it has to do with and has not run, `model:version`, and scripts that cannot be used."""
        return [*self.next, *(told["what"] for told in (*self.waits, *self.held))]

    def place_of(self, key: str) -> str | None:
        """Return why `model:version` has not run yet, as far as it said so."""
        for how, problems in (("held", self.held), ("waiting", self.waits)):
            why = next((told["why"] for told in problems if told["what"] == key), None)
            if why is not None:
                return f"it is {how} on {self.host}: {why.removesuffix('.')}"
        return f"it is listed, and waits for its turn on {self.host}" if key in self.next else None


@dataclass(frozen=True, kw_only=True)
class ObservedRun:
    """A run, and what there is to say about it beside its history."""

    run: Run
    why: str | None = None
    #: UUID -> index of the GPUs that it leases; None where it leaves that to itself, or has ended.
    gpus: Mapping[str, int] | None = None
    #: How far it came, and for how long it has been at work, in seconds; None where that is not known, or it has ended.
    pace: Pace | None = None
    elapsed_s: float | None = None
    #: When it will have done what is left of its steps at its rate, in seconds since the epoch.
    ends_at: float | None = None

    @property
    def in_words(self) -> str:
        """How it is, or ended: `running`, `paused`, `failed (exit)`."""
        run = self.run
        return run.outcome_in_words if run.outcome else "paused" if run.is_paused else run.state


def observe_daemons(outputs: Outputs, now: float) -> list[ObservedDaemon]:
    """Return the daemons that left a heartbeat, this host's first; `now` is in seconds since the epoch."""
    found = [_observed_daemon(path, outputs.host, now) for path in outputs.heartbeats()]
    return sorted((daemon for daemon in found if daemon), key=lambda daemon: daemon.host != outputs.host)


def observe_runs(
    runs: Iterable[Run], outputs: Outputs, daemons: Iterable[ObservedDaemon], now: float
) -> list[ObservedRun]:
    """Return runs in the same order, none shown as running whose process is gone."""
    by_host = {daemon.host: daemon for daemon in daemons}
    found = [_observed(run, outputs, by_host, now) for run in runs]
    closer = [_closer(observed, outputs, now) if observed.run.is_open else observed for observed in found]
    silent = {daemon.host for daemon in by_host.values() if daemon.is_silent}
    return [_without_pace(observed) if observed.run.host in silent else observed for observed in closer]


def _without_pace(observed: ObservedRun) -> ObservedRun:
    """Return a run of which nothing was heard for long: how far it came is known, and not how fast it is now."""
    pace = None if observed.pace is None else replace(observed.pace, rate=None, left_s=None)
    return replace(observed, pace=pace, elapsed_s=None, ends_at=None)


def _closer(observed: ObservedRun, outputs: Outputs, now: float) -> ObservedRun:
    """Return a run that is still to end with what its run dir tells."""
    # What is listed is mostly over.
    from mlpipeline.views.pace import observe_pace

    run = observed.run
    pace, elapsed_s = observe_pace(run, outputs, now) if run.state is State.RUNNING else (None, None)
    ends_at = None if pace is None or pace.left_s is None else now + pace.left_s
    return replace(observed, gpus=_gpus(run, outputs), pace=pace, elapsed_s=elapsed_s, ends_at=ends_at)


def _observed_daemon(path: Path, own_host: str, now: float) -> ObservedDaemon | None:
    said = read_json(path)
    try:
        heard_at = path.stat().st_mtime
    except OSError:
        return None
    if not isinstance(said, dict) or "host" not in said:
        return None
    process = ProcessId.from_json(said)
    return ObservedDaemon(
        host=said["host"],
        pid=said.get("pid"),
        since=said.get("since"),
        command=said.get("command", ""),
        is_alive=(process is not None and process.is_alive()) if said["host"] == own_host else None,
        heard_at=heard_at,
        silent_s=now - heard_at,
        ended_at=said.get("ended_at"),
        is_stopping=said.get("stopping", False),
        is_importing=said.get("importing", False),
        next=tuple(said.get("next", ())),
        waiting=said.get("waiting", 0),
        waits=tuple(said.get("waits", ())),
        held=(*said.get("held", ()), *said.get("on_hold", ())),
        at_once=said.get("at_once", 1),
        to_start=tuple(said.get("to_start", ())),
    )


def _observed(run: Run, outputs: Outputs, daemons: dict[str, ObservedDaemon], now: float) -> ObservedRun:
    if not run.is_open:
        return ObservedRun(run=run)
    daemon = daemons.get(run.host)
    if run.host != outputs.host:
        heard = (
            f"last heard {roughly_ago(daemon.silent_s)}"
            if daemon and not daemon.ended_at
            else "whose daemon is not running"
        )
        is_silent = daemon is None or daemon.is_silent
        release = f"; if it is gone for good: mlpipeline release {run.key}" if is_silent else ""
        return ObservedRun(run=run, why=_joined(_told(run), f"on {run.host}, {heard}{release}"))
    is_daemon_alive = daemon is not None and bool(daemon.is_alive)
    attempt = outputs.run_dir(run.name).attempt(run.attempt)
    worker = read_json(attempt.worker)
    process = ProcessId.from_json(worker)
    if process is None and run.past:
        why = _between_attempts(run, is_daemon_alive, now)
        is_stopped = run.is_stop_asked and not is_daemon_alive
        return ObservedRun(run=replace(run, state=State.ENDED, outcome=Outcome.STOPPED) if is_stopped else run, why=why)
    if process is None:
        return ObservedRun(run=run, why=None if is_daemon_alive else "its daemon died before it began")
    if process.is_alive():
        run = replace(run, state=State.RUNNING, pid=process.pid, started_at=worker["started_at"])
        return ObservedRun(run=run, why=_joined(_told(run), None if is_daemon_alive else "its daemon is not running"))
    return _gone(run, attempt, is_daemon_alive)


def _told(run: Run) -> str | None:
    """Return that a run which has not ended was told to, and for which limit."""
    if run.is_stop_asked:
        return "told to stop"
    return f"told to stop: {run.timeout}" if run.timeout is not None else None


def _joined(*parts: str | None) -> str | None:
    return "; ".join(filter(None, parts)) or None


def _between_attempts(run: Run, is_daemon_alive: bool, now: float) -> str:
    last = run.past[-1]
    how = outcome_in_words(last.outcome, last.failure)
    why = f": {last.error}" if last.error else ""
    if run.is_stop_asked:
        recorded = "" if is_daemon_alive else " (not recorded yet; the next launch does that)"
        next_ = f"stopped before attempt {run.attempt}{recorded}"
    else:
        when = _when_due(run.retry_at, now) if is_daemon_alive else "with the next launch"
        next_ = f"attempt {run.attempt} begins {when}"
    return f"{next_}; attempt {last.attempt} {how}{why}"


def _when_due(at: str | None, now: float) -> str:
    is_due = (epoch_s(at) or 0.0) <= now
    return "when there is a place" if is_due else f"at {moment(at)}"


def _gpus(run: Run, outputs: Outputs) -> Mapping[str, int] | None:
    spec = read_json(outputs.run_dir(run.name).spec)
    return spec.get("gpus") if isinstance(spec, dict) else None


def _gone(run: Run, attempt: AttemptDir, is_daemon_alive: bool) -> ObservedRun:
    # Hardly ever is a run found that nobody has recorded yet.
    from mlpipeline.domain.endings import ending
    from mlpipeline.project.exit_file import read_exit
    from mlpipeline.project.result_file import read_result

    result = read_result(attempt)
    run = replace(run, state=State.ENDED)
    if result is None and is_daemon_alive:
        # The daemon alone knows how its child ended, and is about to say so.
        return ObservedRun(run=run, why="its process is gone; the daemon is recording how it ended")
    end = ending(result, read_exit(attempt.exit), is_stop_asked=run.is_stop_asked, timeout=run.timeout)
    run = replace(
        run,
        outcome=end.outcome,
        failure=end.failure,
        error=end.error,
        seconds=result.seconds if result else None,
        results=result.results if result else {},
    )
    return ObservedRun(run=run, why=None if is_daemon_alive else "not recorded yet; the next launch does that")


def is_trouble(observed: ObservedRun) -> bool:
    """Return whether the run failed or was lost."""
    return observed.run.outcome in (Outcome.FAILED, Outcome.LOST)
