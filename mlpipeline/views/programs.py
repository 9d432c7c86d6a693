"""What `--json` prints: keys are only ever added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpipeline.domain.states import Outcome, State
from mlpipeline.project.paths import Outputs
from mlpipeline.views.observed import ObservedDaemon, ObservedRun, is_trouble
from mlpipeline.views.words import iso_time

if TYPE_CHECKING:
    from mlpipeline.domain.causes import Cause
    from mlpipeline.domain.test_results import TestResult
    from mlpipeline.views.obstacles import Obstacle
    from mlpipeline.views.overview import Overview


def run_for_programs(observed: ObservedRun, outputs: Outputs) -> dict[str, Any]:
    """Return a run as `--json` prints it; keys are only ever added."""
    run, gpus, pace = observed.run, observed.gpus, observed.pace
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
        "progress": None if pace is None else {"done": pace.done, "of": pace.of, "unit": pace.unit},
        "rate": pace.rate if pace else None,
        "elapsed_s": None if observed.elapsed_s is None else round(observed.elapsed_s, 3),
        "eta": None if observed.ends_at is None else iso_time(observed.ends_at),
    }


def status_for_programs(overview: Overview) -> dict[str, Any]:
    """Return `status --json`: this host's daemon, those of other hosts, and the runs that matter now, newest first.

    Those are the runs that are still to end, and those that failed or were lost and were the last of their version.
    Beside them stands why, what keeps versions from starting, and when all is done.
    """
    from mlpipeline.domain.causes import causes
    from mlpipeline.views.obstacles import held, waits
    from mlpipeline.views.outlook import ends_for_programs

    daemons = [daemon for daemon in overview.daemons if daemon.ended_at is None]
    own = next((daemon for daemon in daemons if daemon.host == overview.outputs.host), None)
    outlook = overview.outlook
    return {
        "host": overview.outputs.host,
        "daemon": _daemon_for_programs(own) if own else None,
        "other_daemons": [_daemon_for_programs(daemon) for daemon in daemons if daemon is not own],
        "runs": [run_for_programs(run, overview.outputs) for run in overview.runs],
        "failed_tests": [_test_for_programs(test) for test in overview.failed_tests],
        "causes": [cause_for_programs(cause) for cause in causes(run.run for run in overview.runs if is_trouble(run))],
        "waits": [obstacle_for_programs(obstacle) for obstacle in waits(overview)],
        "held": [obstacle_for_programs(obstacle) for obstacle in held(overview)],
        "stopped": list(overview.stopped),
        "done_today": {outcome: overview.done_today.get(outcome, 0) for outcome in Outcome},
        "left": outlook.left if outlook else None,
        "left_unknown": outlook.unknown if outlook else None,
        "ends_at": ends_for_programs(outlook, overview.now) if outlook else None,
    }


def cause_for_programs(cause: Cause) -> dict[str, Any]:
    """Return why runs failed or were lost as `--json` prints it."""
    first = cause.runs[0]
    return {
        "outcome": first.outcome,
        "failure": first.failure,
        "error": cause.error,
        "place": cause.place,
        "runs": [run.id for run in cause.runs],
    }


def obstacle_for_programs(obstacle: Obstacle) -> dict[str, Any]:
    """Return what keeps versions from starting as `--json` prints it."""
    return {"what": list(obstacle.what), "why": obstacle.why, "host": obstacle.host}


def _test_for_programs(test: TestResult) -> dict[str, Any]:
    return {
        "model": test.model,
        "version": test.version,
        "identity": test.identity,
        "host": test.host,
        "error": test.error,
        "traceback": test.traceback,
    }


def _daemon_for_programs(daemon: ObservedDaemon) -> dict[str, Any]:
    return {
        "host": daemon.host,
        "pid": daemon.pid,
        "since": daemon.since,
        "command": daemon.command,
        "is_alive": daemon.is_alive,
        "stopping": daemon.is_stopping,
        "importing": daemon.is_importing,
        "heard_at": iso_time(daemon.heard_at),
        "next": list(daemon.next),
        "waiting": daemon.waiting,
        "waits": list(daemon.waits),
        "held": [{"traceback": None, **problem} for problem in daemon.held],
        "at_once": daemon.at_once,
        "to_start": list(daemon.to_start),
    }
