"""`runs` and `status`, for people and for programs."""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any

from mlpipeline.domain.requests import Request
from mlpipeline.domain.states import Outcome, State
from mlpipeline.domain.test_results import TestResult
from mlpipeline.project.paths import Outputs
from mlpipeline.project.progress import read_progress
from mlpipeline.views.observed import ObservedDaemon, ObservedRun, is_trouble
from mlpipeline.views.tables import table
from mlpipeline.views.words import achieved, ago, duration, moment

#: How many of the next versions `status` names, and of those that wait for something, …
_NEXT_SHOWN = 10
#: … and how many of those that failed.
FAILED_SHOWN = 10
#: How many of those that wait for something a daemon tells at most.
_MOST_TOLD = 50
#: How much of a traceback it shows: where it ended, and how.
_TRACEBACK_LINES = 6


def run_for_programs(observed: ObservedRun, outputs: Outputs) -> dict[str, Any]:
    """Return a run as `--json` prints it; keys are only ever added."""
    run, gpus = observed.run, observed.gpus
    return {
        "run": run.name,
        "id": run.id,
        "model": run.model,
        "version": run.version,
        "state": run.state,
        "outcome": run.outcome,
        "failure": run.failure,
        "error": run.error,
        "mark": "paused" if run.is_paused else None,
        "why": observed.why,
        "host": run.host,
        "pid": run.pid if run.state is State.RUNNING else None,
        "attempt": run.attempt,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "seconds": run.seconds,
        "parameters": dict(run.parameters),
        "results": dict(run.results),
        "model_dir": str(outputs.model_dir(run.model_dir)),
        "run_dir": str(outputs.run_dir(run.name).path),
        "gpus": None if gpus is None else [{"uuid": uuid, "index": index} for uuid, index in gpus.items()],
    }


def status_for_programs(
    daemons: Sequence[ObservedDaemon],
    runs: Sequence[ObservedRun],
    outputs: Outputs,
    failed_tests: Sequence[TestResult] = (),
) -> dict[str, Any]:
    """Return `status --json`: this host's daemon, those of other hosts, and the runs that matter now, newest first.

    Those are the runs that are still to end, and those that failed or were lost and were the last of their version.
    Beside them stand the tests that failed, of versions that were neither tested nor run since.
    """
    daemons = [daemon for daemon in daemons if daemon.ended_at is None]
    own = next((daemon for daemon in daemons if daemon.host == outputs.host), None)
    return {
        "host": outputs.host,
        "daemon": _daemon_for_programs(own) if own else None,
        "other_daemons": [_daemon_for_programs(daemon) for daemon in daemons if daemon is not own],
        "runs": [run_for_programs(run, outputs) for run in runs],
        "failed_tests": [_test_for_programs(test) for test in failed_tests],
    }


def runs_table(runs: Sequence[ObservedRun]) -> str:
    """Return runs, newest first, as a table."""
    if not runs:
        return "no runs yet"
    rows = [
        [
            observed.run.id,
            observed.run.key,
            f"{_how(observed)}{_attempt(observed)}",
            moment(observed.run.started_at or observed.run.selected_at),
            duration(observed.run.seconds),
            _said(observed),
        ]
        for observed in runs
    ]
    return table(("run", "version", "outcome", "started", "time", "results"), rows)


def status_screen(
    daemons: Sequence[ObservedDaemon],
    runs: Sequence[ObservedRun],
    outputs: Outputs,
    queued: Sequence[str],
    *,
    more_failed: int = 0,
    failed_tests: Sequence[TestResult] = (),
    stopped: Sequence[str] = (),
    requests: Sequence[Request] = (),
) -> str:
    """Return what runs, what is next, what is held, what failed, and where the daemons are.

    Args:
        daemons: that left a heartbeat.
        runs: those that matter now, as in `status_for_programs`.
        outputs: of this host.
        queued: the scripts that the queue lists, shown as what is next while no daemon runs here.
        more_failed: how many failed besides those among `runs`.
        failed_tests: of versions that were neither tested nor run since.
        stopped: versions whose latest run was stopped, so that a launch resumes it.
        requests: that no daemon has answered yet, what they are about called as its user knows it.
    """
    parts = [_daemons_part(daemons, outputs.host)]
    running = [observed for observed in runs if observed.run.is_open]
    if running:
        parts.append(_running_part(running, outputs))
    waits = [f"  {wait['what']}: {wait['why']}" for daemon in daemons if daemon.is_there for wait in daemon.waits]
    ahead = _next_part(daemons, outputs.host, queued)
    if ahead or not waits:
        parts.append(ahead or "next: nothing waits")
    if waits:
        more = len(waits) - _NEXT_SHOWN
        # Of more than that, a daemon tells but the first.
        is_cut = any(len(daemon.waits) >= _MOST_TOLD for daemon in daemons if daemon.is_there)
        end = [f"  and {'at least ' if is_cut else ''}{more} more"] if more > 0 else []
        parts.append("\n".join(["waits for something:", *waits[:_NEXT_SHOWN], *end]))
    if stopped:
        parts.append(f"stopped, to be resumed: {', '.join(stopped)}")
    if requests:
        lines = [f"  {request.ask} {request.of} ({request.by})" for request in requests]
        parts.append("\n".join(["asked for, and not answered yet:", *lines]))
    held = [
        held
        for daemon in daemons
        for held in daemon.held
        if daemon.is_there or (daemon.ended_at and daemon.host == outputs.host)
    ]
    held += _held_by_tests(failed_tests, daemons, {held["what"] for held in held})
    if held:
        lines = [f"  {held['what']}: {held['why']}{_end_of(held.get('traceback', ''))}" for held in held]
        parts.append("\n".join(["held, or cannot be used:", *lines]))
    failed = [observed for observed in runs if is_trouble(observed)]
    if failed:
        parts.append(_failed_part(failed, more_failed, outputs))
    parts.append(f"log: {outputs.log}")
    return "\n\n".join(parts)


def _daemons_part(daemons: Sequence[ObservedDaemon], host: str) -> str:
    lines = []
    if not any(daemon.host == host and daemon.is_alive for daemon in daemons):
        lines.append(f"no daemon is running on {host}")
    for daemon in daemons:
        if daemon.ended_at is not None:
            if daemon.host == host:
                lines[0] += f"; the last launch ended {moment(daemon.ended_at)}"
        elif daemon.is_alive is False:
            lines[0] += f"; the last one (pid {daemon.pid}, since {moment(daemon.since)}) died"
        elif daemon.is_alive:
            lines.append(_daemon_line(daemon, f"since {moment(daemon.since)}"))
        else:
            lines.append(_daemon_line(daemon, f"last heard {ago(daemon.heard_at, time.time())}"))
    return "\n".join(lines)


def _daemon_line(daemon: ObservedDaemon, when: str) -> str:
    stopping = ", stopping: it starts nothing more" if daemon.is_stopping else ""
    return f"daemon on {daemon.host}: pid {daemon.pid}, {when} ({daemon.command}){stopping}"


def _running_part(running: Sequence[ObservedRun], outputs: Outputs) -> str:
    has_gpus = any(observed.gpus for observed in running)
    rows = [
        [
            observed.run.id,
            observed.run.key,
            _how(observed),
            observed.run.host,
            str(observed.run.pid or ""),
            moment(observed.run.started_at),
            _progress(observed, outputs),
            *([_gpus(observed)] if has_gpus else []),
            observed.why or "",
        ]
        for observed in running
    ]
    return table(
        ("run", "version", "state", "host", "pid", "since", "steps", *(["gpus"] if has_gpus else []), ""), rows
    )


def _gpus(observed: ObservedRun) -> str:
    return ", ".join(map(str, (observed.gpus or {}).values()))


def _progress(observed: ObservedRun, outputs: Outputs) -> str:
    attempt = outputs.run_dir(observed.run.name).attempt(observed.run.attempt)
    loops = read_progress(attempt.progress)
    return f"{loops[-1][0]} of {loops[-1][1]}" if loops else ""


def _next_part(daemons: Sequence[ObservedDaemon], host: str, queued: Sequence[str]) -> str:
    own = next((daemon for daemon in daemons if daemon.host == host and daemon.is_alive), None)
    if own is None:
        return f"next, when it is launched: {', '.join(queued) if queued else 'nothing is listed'}"
    more = f" and {own.waiting - _NEXT_SHOWN} more" if own.waiting > _NEXT_SHOWN else ""
    known = f"{', '.join(own.next[:_NEXT_SHOWN])}{more}" if own.waiting else ""
    told = "; ".join(filter(None, (known, "scripts are still being imported" if own.is_importing else "")))
    return f"next: {told}" if told else ""


def _failed_part(failed: Sequence[ObservedRun], more_failed: int, outputs: Outputs) -> str:
    rows = []
    for observed in failed[:FAILED_SHOWN]:
        run = observed.run
        output = outputs.run_dir(run.name).attempt(run.attempt).output
        rows.append([run.id, run.key, _how(observed), run.error or "", output.relative_to(outputs.path).as_posix()])
    count = len(failed) + more_failed
    more = f" (the latest {FAILED_SHOWN} of {count})" if count > FAILED_SHOWN else ""
    return f"failed{more}:\n" + table(("run", "version", "outcome", "why", "output, below outputs/"), rows)


def _held_by_tests(
    failed_tests: Sequence[TestResult], daemons: Sequence[ObservedDaemon], told: Set[str]
) -> list[dict[str, str]]:
    # A daemon that is there knows better: it may test again what was mended.
    hosts = {daemon.host for daemon in daemons if daemon.is_there}
    return [
        {
            "what": test.key,
            "why": f"its test failed on {test.host}: {test.error}",
            "traceback": test.traceback or "",
        }
        for test in failed_tests
        if test.host not in hosts and test.key not in told
    ]


def _test_for_programs(test: TestResult) -> dict[str, Any]:
    return {
        "model": test.model,
        "version": test.version,
        "identity": test.identity,
        "host": test.host,
        "error": test.error,
        "traceback": test.traceback,
    }


def _end_of(traceback: str) -> str:
    return "".join(f"\n    {line}" for line in traceback.splitlines()[-_TRACEBACK_LINES:])


def _attempt(observed: ObservedRun) -> str:
    return f", attempt {observed.run.attempt}" if observed.run.attempt > 1 else ""


def _said(observed: ObservedRun) -> str:
    """Return what there is to say of a run: the error of one that failed comes before what it achieved."""
    run = observed.run
    is_well = run.outcome in (None, Outcome.SUCCEEDED)
    said = (achieved(run), run.error) if is_well else (run.error, achieved(run))
    return next(filter(None, (*said, observed.why)), "")


def _how(observed: ObservedRun) -> str:
    run = observed.run
    return run.outcome_in_words if run.outcome else "paused" if run.is_paused else run.state


def _daemon_for_programs(daemon: ObservedDaemon) -> dict[str, Any]:
    return {
        "host": daemon.host,
        "pid": daemon.pid,
        "since": daemon.since,
        "command": daemon.command,
        "is_alive": daemon.is_alive,
        "stopping": daemon.is_stopping,
        "importing": daemon.is_importing,
        "heard_at": datetime.fromtimestamp(daemon.heard_at).astimezone().isoformat(timespec="milliseconds"),
        "next": list(daemon.next),
        "waiting": daemon.waiting,
        "waits": list(daemon.waits),
        "held": list(daemon.held),
    }
