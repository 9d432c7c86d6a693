"""What `--json` prints: keys are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlpipeline.domain.states import State
from mlpipeline.project.paths import Outputs
from mlpipeline.views.observed import ObservedDaemon, ObservedRun

if TYPE_CHECKING:
    from mlpipeline.domain.test_results import TestResult


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
        "heard_at": datetime.fromtimestamp(daemon.heard_at).astimezone().isoformat(timespec="milliseconds"),
        "next": list(daemon.next),
        "waiting": daemon.waiting,
        "waits": list(daemon.waits),
        "held": list(daemon.held),
    }
