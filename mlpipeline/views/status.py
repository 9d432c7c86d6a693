"""`mlpipeline status`: everything on one screen."""

from __future__ import annotations

from collections.abc import Sequence, Set

from mlpipeline.domain.causes import causes
from mlpipeline.domain.requests import Request
from mlpipeline.domain.test_results import TestResult
from mlpipeline.project.paths import Outputs
from mlpipeline.project.progress import read_progress
from mlpipeline.views.causes import cause_text
from mlpipeline.views.listing import state_cell
from mlpipeline.views.observed import ObservedDaemon, ObservedRun, is_trouble
from mlpipeline.views.screens import Screen
from mlpipeline.views.tables import Cell, table
from mlpipeline.views.words import ago, moment

#: How many of the next versions `status` names, and of those that wait for something, …
_NEXT_SHOWN = 10
#: … and how many of those that failed.
FAILED_SHOWN = 10
#: How many of those that wait for something a daemon tells at most.
_MOST_TOLD = 50
#: How many lines of what a run printed last it shows.
_OUTPUT_LINES = 3
#: How much of a traceback it shows: where it ended, and how.
_TRACEBACK_LINES = 6


def status_screen(
    daemons: Sequence[ObservedDaemon],
    runs: Sequence[ObservedRun],
    outputs: Outputs,
    queued: Sequence[str],
    screen: Screen,
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
        screen: that it is for.
        more_failed: how many failed besides those among `runs`.
        failed_tests: of versions that were neither tested nor run since.
        stopped: versions whose latest run was stopped, so that a launch resumes it.
        requests: that no daemon has answered yet, what they are about called as its user knows it.
    """
    parts = [_daemons_part(daemons, outputs.host)]
    running = [observed for observed in runs if observed.run.is_open]
    if running:
        parts.append(_running_part(running, outputs, screen))
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
        parts.append(_failed_part(failed, more_failed, outputs, screen))
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
            lines.append(_daemon_line(daemon, f"last heard {ago(daemon.silent_s)}"))
    return "\n".join(lines)


def _daemon_line(daemon: ObservedDaemon, when: str) -> str:
    stopping = ", stopping: it starts nothing more" if daemon.is_stopping else ""
    return f"daemon on {daemon.host}: pid {daemon.pid}, {when} ({daemon.command}){stopping}"


def _running_part(running: Sequence[ObservedRun], outputs: Outputs, screen: Screen) -> str:
    has_gpus = any(observed.gpus for observed in running)
    rows: list[list[Cell]] = [
        [
            observed.run.id,
            observed.run.key,
            state_cell(observed),
            observed.run.host,
            str(observed.run.pid or ""),
            moment(observed.run.started_at),
            _progress(observed, outputs),
            *([_gpus(observed)] if has_gpus else []),
            observed.why or "",
        ]
        for observed in running
    ]
    gpus = ["gpus"] if has_gpus else []
    return table(("run", "version", "state", "host", "pid", "since", "steps", *gpus, "note"), rows, screen)


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


def _failed_part(failed: Sequence[ObservedRun], more_failed: int, outputs: Outputs, screen: Screen) -> str:
    found = causes(observed.run for observed in failed)
    told = [cause_text(cause, outputs, screen, output_lines=_OUTPUT_LINES) for cause in found]
    more = f"\n\nand {more_failed} more failed: mlpipeline runs" if more_failed else ""
    return "failed:\n" + "\n\n".join(told) + more


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


def _end_of(traceback: str) -> str:
    return "".join(f"\n    {line}" for line in traceback.splitlines()[-_TRACEBACK_LINES:])
