"""`mlpipeline report --json`: keys are only ever added."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from mlpipeline.domain.measures import Measure
from mlpipeline.domain.periods import HostTime
from mlpipeline.domain.rankings import Ranking, result_of
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, State
from mlpipeline.views.outlook import ends_for_programs
from mlpipeline.views.programs import cause_for_programs, obstacle_for_programs, run_for_programs
from mlpipeline.views.reported import Reported


def report_for_programs(report: Reported) -> dict[str, Any]:
    """Return the report as one object; runs are told once, newest first, and elsewhere by their ids."""
    until = datetime.fromtimestamp(report.period.end, report.since.tzinfo)
    return {
        "since": report.since.isoformat(timespec="milliseconds"),
        "until": until.isoformat(timespec="milliseconds"),
        "counts": {
            **{str(outcome): report.count(outcome) for outcome in Outcome},
            **{str(state): report.open_count(state) for state in (State.RUNNING, State.WAITING)},
        },
        "causes": [cause_for_programs(cause) for cause in report.causes],
        "best": [ranking_for_programs(best.ranking) for best in report.best],
        "runs": [run_for_programs(observed, report.outputs) for observed in report.runs],
        "hosts": [_host_for_programs(host) for host in report.hosts],
        "left": [
            {"host": daemon.host, "waiting": daemon.waiting, "next": list(daemon.next)}
            for daemon in report.daemons
            if daemon.is_there
        ],
        "waits": [obstacle_for_programs(obstacle) for obstacle in report.waits],
        "held": [obstacle_for_programs(obstacle) for obstacle in report.held],
        "stopped": [observed.run.key for observed in report.stopped],
        "ends_at": ends_for_programs(report.outlook, report.period.end) if report.outlook else None,
    }


def ranking_for_programs(ranking: Ranking) -> dict[str, Any]:
    """Return the versions of a model, the best first, as the report tells them."""
    measure = ranking.measure
    return {
        "model": ranking.model,
        "result": measure.name if measure else None,
        "better": ("lower" if measure.is_lower_better else "higher") if measure else None,
        "versions": [{"version": run.version, "id": run.id, "value": _value(run, measure)} for run in ranking.runs],
        "differing_parameters": ranking.differing,
    }


def _host_for_programs(host: HostTime) -> dict[str, Any]:
    return {
        "host": host.host,
        "busy_s": round(host.busy_s, 3),
        "idle_s": round(host.idle_s, 3),
        "away_s": round(host.away_s, 3),
        "run_s": round(host.run_s, 3),
        "gpu_s": round(host.gpu_s, 3),
    }


def _value(run: Run, measure: Measure | None) -> float | None:
    value = result_of(run, measure) if measure else None
    # An int may be too large to be asked.
    return None if isinstance(value, float) and not math.isfinite(value) else value
