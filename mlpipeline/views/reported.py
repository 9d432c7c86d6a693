"""What a report tells of a period: what ran, how it went, and how the hosts spent the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mlpipeline.domain.causes import Cause, causes
from mlpipeline.domain.curves import Curve, curves, telling
from mlpipeline.domain.launches import Launch
from mlpipeline.domain.measures import Measure
from mlpipeline.domain.moments import epoch_s
from mlpipeline.domain.periods import HostTime, Interval, Stint, host_times
from mlpipeline.domain.rankings import Ranking, is_number, rankings
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, Start, State
from mlpipeline.history.durations import past_durations
from mlpipeline.history.ledger import Ledger
from mlpipeline.history.period import launches_since, runs_since
from mlpipeline.project.files import read_json
from mlpipeline.project.metrics_file import read_metrics
from mlpipeline.project.paths import Outputs
from mlpipeline.views import obstacles
from mlpipeline.views.observed import ObservedDaemon, ObservedRun, is_trouble, observe_runs
from mlpipeline.views.obstacles import Obstacle
from mlpipeline.views.outlook import QueueOutlook, models_ahead, queue_outlook
from mlpipeline.views.overview import Overview
from mlpipeline.views.pace import observe_pace

#: How many versions of a model are told of as its best.
BEST_SHOWN = 5
#: How much is read of the metrics of one run at most, in bytes, and however many runs there are: it is enough for a
#: curve of some hundred points.
_MOST_BYTES, _LEAST_BYTES = 2_000_000, 100_000
#: How many of the latest runs are looked through for those that were stopped.
_LOOKED_AT = 200
#: Of a training that was resumed again and again, so many of the last runs are looked at.
_MOST_PARTS = 10


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best versions of a model, with the metrics of their runs."""

    ranking: Ranking
    #: The first of its runs, no more than `BEST_SHOWN`.
    runs: Sequence[Run]
    #: The metrics that have a curve in any of them, the most telling first.
    metrics: Sequence[str]
    #: By id of the run, by name of the metric.
    curves: Mapping[str, Mapping[str, Curve]]
    #: Whether more was logged than was read.
    is_sampled: bool


@dataclass(frozen=True, kw_only=True)
class Reported:
    """All of it, as it is at one moment."""

    #: The name of the project's folder.
    project: str
    outputs: Outputs
    since: datetime
    #: In seconds since the epoch.
    period: Interval
    #: What was at work, or ended, in the period, newest first.
    runs: Sequence[ObservedRun]
    causes: Sequence[Cause]
    best: Sequence[Best]
    hosts: Sequence[HostTime]
    daemons: Sequence[ObservedDaemon]
    #: What waits for something else than its turn, and what is held or cannot be used.
    waits: Sequence[Obstacle] = ()
    held: Sequence[Obstacle] = ()
    #: The versions whose latest run was stopped, so that a launch resumes it, newest first, with how far they came.
    stopped: Sequence[ObservedRun] = ()
    #: The scripts that the queue lists, what is left while no daemon is there; None where it has a mistake.
    queued: Sequence[str] | None = ()
    #: None where no daemon is there that would get it done.
    outlook: QueueOutlook | None = None

    def count(self, *outcomes: Outcome) -> int:
        """Return how many runs ended so."""
        return sum(observed.run.outcome in outcomes for observed in self.runs)

    def open_count(self, state: State) -> int:
        """Return how many runs are in a state that is not their last."""
        return sum(observed.run.is_open and observed.run.state is state for observed in self.runs)


def reported(
    ledger: Ledger,
    outputs: Outputs,
    daemons: Sequence[ObservedDaemon],
    *,
    since: datetime,
    now: float,
    wanted: Measure | None = None,
    metrics_bytes: int = 0,
    queued: Sequence[str] | None = (),
    streaks: Sequence[Sequence[Run]] = (),
) -> Reported:
    """Return what there is to tell of the period from `since` to `now`.

    Args:
        ledger: up to date.
        outputs: of this host.
        daemons: that left a heartbeat, looked at before the ledger was read.
        since: with its offset.
        now: in seconds since the epoch.
        wanted: the result by which versions are ranked, where a model has it.
        metrics_bytes: about how much is read of the metrics of the best versions in all: they take the longest. 0 where
            no curves are shown.
        queued: the scripts that the queue lists, where no daemon is there; None where it has a mistake.
        streaks: the runs of each listed script whose versions fail in a row, where no daemon here tells what is held.
    """
    period = Interval(min(since.timestamp(), now), now)
    runs = [
        _with_pace(observed, outputs, now)
        for observed in observe_runs(runs_since(ledger, period.begin), outputs, daemons, now)
    ]
    succeeded = [observed.run for observed in runs if observed.run.outcome is Outcome.SUCCEEDED]
    stints = [stint for observed in runs for stint in _stints(observed, outputs, daemons, now)]
    overview = Overview(now=now, outputs=outputs, daemons=daemons, failed_tests=ledger.failed_tests(), streaks=streaks)
    launches = launches_since(ledger, period.begin)
    return Reported(
        project=outputs.path.parent.parent.name,
        outputs=outputs,
        since=since,
        period=period,
        runs=runs[::-1],
        causes=causes(observed.run for observed in reversed(runs) if is_trouble(observed)),
        best=_best(rankings(succeeded, wanted), ledger, outputs, metrics_bytes),
        hosts=host_times(period, stints, _presences(launches, daemons, now)),
        daemons=daemons,
        waits=obstacles.waits(overview),
        held=obstacles.held(overview),
        stopped=_stopped(ledger, outputs, daemons, now),
        queued=queued,
        outlook=_outlook(ledger, daemons, runs),
    )


def _with_pace(observed: ObservedRun, outputs: Outputs, now: float) -> ObservedRun:
    """Return a run that was stopped with how far it came; any other as it is."""
    if observed.run.outcome is not Outcome.STOPPED:
        return observed
    return replace(observed, pace=observe_pace(observed.run, outputs, now)[0])


def _stopped(ledger: Ledger, outputs: Outputs, daemons: Sequence[ObservedDaemon], now: float) -> list[ObservedRun]:
    # What is left may have been stopped long before the period.
    return [
        _with_pace(observed, outputs, now)
        for observed in observe_runs(ledger.newest(_LOOKED_AT), outputs, daemons, now)
        if observed.run.outcome is Outcome.STOPPED
        and (last := ledger.latest(observed.run.model_dir)) is not None
        and last.id == observed.run.id
    ]


def _outlook(ledger: Ledger, daemons: Sequence[ObservedDaemon], runs: Sequence[ObservedRun]) -> QueueOutlook | None:
    if not any(daemon.is_there for daemon in daemons):
        return None
    return queue_outlook(daemons, runs, past_durations(ledger, models_ahead(daemons, runs)))


def _best(ranked: Sequence[Ranking], ledger: Ledger, outputs: Outputs, metrics_bytes: int) -> list[Best]:
    count = sum(len(ranking.runs[:BEST_SHOWN]) for ranking in ranked)
    most_bytes = max(_LEAST_BYTES, min(_MOST_BYTES, metrics_bytes // max(1, count))) if metrics_bytes else 0
    return [_best_of(ranking, ledger, outputs, most_bytes) for ranking in ranked]


def _best_of(ranking: Ranking, ledger: Ledger, outputs: Outputs, most_bytes: int) -> Best:
    runs = ranking.runs[:BEST_SHOWN]
    found: dict[str, Mapping[str, Curve]] = {}
    is_sampled = False
    for run in runs if most_bytes else ():
        parts = _parts(run, ledger)
        logged = [read_metrics(outputs.run_dir(part.name).metrics, most_bytes // len(parts)) for part in parts]
        rows = (row for metrics in logged for row in metrics.rows)
        found[run.id] = curves(rows, restarts=sum(1 + len(part.past) for part in parts) - 1)
        is_sampled = is_sampled or any(metrics.is_sampled for metrics in logged)
    # One number is no curve.
    drawn = dict.fromkeys(name for of_run in found.values() for name, curve in of_run.items() if len(curve.points) > 1)
    return Best(
        ranking=ranking,
        runs=runs,
        metrics=telling(drawn, ranking.measure),
        curves=found,
        is_sampled=is_sampled,
    )


def _parts(run: Run, ledger: Ledger) -> list[Run]:
    """Return the runs that one training is made of, which each resumed the one before it, oldest first."""
    parts = [run]
    while run.first_start is Start.RESUME and run.previous and len(parts) < _MOST_PARTS:
        before = ledger.get(run.previous)
        if before is None:
            break
        run = before
        parts.insert(0, run)
    return parts


def _stints(observed: ObservedRun, outputs: Outputs, daemons: Iterable[ObservedDaemon], now: float) -> Iterator[Stint]:
    """Yield when the attempts of a run were at work, by the clock of its host, as far as that is known."""
    run, run_dir = observed.run, outputs.run_dir(observed.run.name)
    intervals = {}
    for past in run.past:
        # An attempt that was the last before a person asked for another may be told twice.
        worker = read_json(run_dir.attempt(past.attempt).worker)
        begin = epoch_s(worker.get("started_at")) if isinstance(worker, dict) else None
        if begin is not None and past.seconds is not None:
            intervals[past.attempt] = Interval(begin, begin + past.seconds)
    begin = epoch_s(run.started_at)
    if begin is not None:
        intervals[run.attempt] = Interval(begin, max(begin, _end(run, begin, daemons, now)))
    if intervals:
        spec = read_json(run_dir.spec)
        gpus = spec.get("gpus") if isinstance(spec, dict) else None
        for interval in intervals.values():
            yield Stint(host=run.host, interval=interval, gpus=len(gpus) if isinstance(gpus, dict) else 0)


def _end(run: Run, begin: float, daemons: Iterable[ObservedDaemon], now: float) -> float:
    if is_number(run.seconds):
        # Sooner than it is recorded, where the daemon was away, and right where a clock was set meanwhile.
        return begin + run.seconds
    if (end := epoch_s(run.ended_at)) is not None:
        return end
    daemon = next((daemon for daemon in daemons if daemon.host == run.host), None)
    return now if run.is_open and (daemon is None or not daemon.is_silent) else daemon.heard_at if daemon else begin


def _presences(
    launches: Iterable[Launch], daemons: Iterable[ObservedDaemon], now: float
) -> Iterator[tuple[str, Interval]]:
    """Yield when daemons were there, as far as that is known: of one that died, until it was last heard."""
    last = {f"{daemon.host}-{daemon.pid}-{daemon.since}": daemon for daemon in daemons}
    for launch in launches:
        begin, end = epoch_s(launch.began_at), epoch_s(launch.ended_at) or epoch_s(launch.heard_at)
        daemon = last.get(launch.id)
        if launch.ended_at is None and daemon is not None:
            end = now if daemon.is_there and not daemon.is_silent else epoch_s(daemon.ended_at) or daemon.heard_at
        if begin is not None and end is not None:
            yield launch.host, Interval(begin, max(begin, end))
