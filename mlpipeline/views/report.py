"""`mlpipeline report` on a terminal, and its top for notices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from mlpipeline.domain.curves import Curve
from mlpipeline.domain.facts import flat
from mlpipeline.domain.measures import Measure
from mlpipeline.domain.moments import epoch_s
from mlpipeline.domain.rankings import result_of
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, State
from mlpipeline.domain.words import counted
from mlpipeline.project.paths import QUEUE_NAME
from mlpipeline.views.causes import cause_text
from mlpipeline.views.listing import state_cell
from mlpipeline.views.observed import ObservedDaemon, ObservedRun
from mlpipeline.views.outlook import ends_in_words, outlook_in_words
from mlpipeline.views.pace import pace_in_words
from mlpipeline.views.reported import BEST_SHOWN, Best, Reported
from mlpipeline.views.screens import Color, Screen
from mlpipeline.views.sparklines import sparkline
from mlpipeline.views.tables import Cell, fold, table
from mlpipeline.views.words import achieved, ago, duration, iso_time, moment, one_line, value, values

#: How many causes are told of, and how many of the last lines of output with each.
_CAUSES_SHOWN, _OUTPUT_LINES = 6, 3
#: How many models are told of with their best versions; with more than a few, it is fewer versions of each.
_MODELS_SHOWN, _FEW_MODELS = 8, 3
_BEST_OF_MANY = 3
#: How many runs are listed one by one; of more, models are counted, and only so many of the latest listed.
_RUNS_LISTED, _LATEST_LISTED = 20, 10
_SPARKLINE_WIDTH = 12
#: How many of the next versions of a daemon are named, and how many reasons why something does not start.
_NEXT_SHOWN, _REASONS_SHOWN = 3, 10
#: How many versions that were stopped are named, and how many scripts that are listed.
_STOPPED_SHOWN, _LISTED_SHOWN = 5, 5


def report_screen(report: Reported, screen: Screen) -> str:
    """Return the whole report, what failed first."""
    return "\n\n".join([report_top(report, screen), *_rest(report, screen)])


def report_top(report: Reported, screen: Screen) -> str:
    """Return how the period went in one line, why runs failed, and which versions were best."""
    parts = [_heading(head_line(report), screen)]
    parts += [
        cause_text(cause, report.outputs, screen, output_lines=_OUTPUT_LINES) for cause in report.causes[:_CAUSES_SHOWN]
    ]
    parts += _more(len(report.causes) - _CAUSES_SHOWN, "causes", screen)
    shown = BEST_SHOWN if len(report.best) <= _FEW_MODELS else _BEST_OF_MANY
    parts += [_best_part(best, shown, screen) for best in report.best[:_MODELS_SHOWN]]
    parts += _more(len(report.best) - _MODELS_SHOWN, "models", screen)
    return "\n\n".join(parts)


def _rest(report: Reported, screen: Screen) -> Iterator[str]:
    if len(report.runs) > _RUNS_LISTED:
        counts = table(COUNT_COLUMNS, counts_by_model(report.runs), screen)
        yield f"{_heading(f'{len(report.runs)} runs', screen)}\n{counts}"
        yield f"{_heading('the latest of them', screen)}\n{_listed(report.runs[:_LATEST_LISTED], screen)}"
    elif report.runs:
        yield f"{_heading('what ran', screen)}\n{_listed(report.runs, screen)}"
    if report.hosts:
        yield f"{_heading('time', screen)}\n{table(host_columns(report), host_rows(report), screen)}"
    yield "\n".join([_heading("left", screen), *(line for said in left(report) for line in _folded(said, screen))])


def _listed(runs: Sequence[ObservedRun], screen: Screen) -> str:
    """Return runs as a narrower table than `mlpipeline runs`: why they failed stands above."""
    rows: list[list[Cell]] = [
        [
            observed.run.key,
            state_cell(observed),
            # The year of it and its seconds are no news.
            moment(observed.run.started_at or observed.run.selected_at)[5:16],
            duration(observed.run.seconds),
            observed.why or came_of(observed),
        ]
        for observed in runs
    ]
    return table(("version", "outcome", "started", "time", "results"), rows, screen)


def came_of(observed: ObservedRun) -> str:
    """Return what came of a run in one line; of one that was stopped how far it came, for its results are of no end."""
    run = observed.run
    if run.outcome is not Outcome.STOPPED:
        return achieved(run)
    how_far = pace_in_words(observed.pace)
    return " ".join(filter(None, [f"at {how_far}" if how_far else "", f"(note: {run.note})" if run.note else ""]))


def head_line(report: Reported) -> str:
    """Return how the period went: `12 h since 2026-11-20 21:30: 31 succeeded, 2 failed (1 cause), 3 running`."""
    causes = f" ({counted(len(report.causes), 'cause')})" if report.causes else ""
    failed, lost = report.count(Outcome.FAILED), report.count(Outcome.LOST)
    troubled = ", ".join(f"{count} {word}" for count, word in ((failed, "failed"), (lost, "lost")) if count)
    counts = [
        (report.count(Outcome.SUCCEEDED), "succeeded"),
        (report.count(Outcome.STOPPED), "stopped"),
        (report.open_count(State.RUNNING), "running"),
        (report.open_count(State.WAITING), "waiting"),
    ]
    said = [f"{count} {word}" for count, word in counts if count]
    if troubled:
        said.insert(1 if report.count(Outcome.SUCCEEDED) else 0, f"{troubled}{causes}")
    ends = ends_when(report)
    said = [*(said or ["nothing ran"]), *([ends] if ends else [])]
    return one_line("; ".join([f"{period_in_words(report)}: {', '.join(said)}", *gone_daemons(report)]))


def gone_daemons(report: Reported) -> list[str]:
    """Return which daemons went in the period: those that died, and where none is left, those that ended."""
    is_any_there = any(daemon.is_there for daemon in report.daemons)
    return [
        _gone(daemon)
        for daemon in report.daemons
        if (daemon.is_silent or not daemon.is_there)
        and (daemon.ended_at is None or not is_any_there)
        and _gone_at(daemon) >= report.period.begin
    ]


def _gone(daemon: ObservedDaemon) -> str:
    """Return when a daemon went; the year of it and its seconds are no news."""
    if daemon.ended_at is not None:
        return f"the launch on {daemon.host} ended {moment(daemon.ended_at)[5:16]}"
    how = "was last heard" if daemon.is_there else "died about"
    return f"the daemon on {daemon.host} {how} {moment(iso_time(daemon.heard_at))[5:16]}"


def _gone_at(daemon: ObservedDaemon) -> float:
    return epoch_s(daemon.ended_at) or daemon.heard_at


def ends_when(report: Reported) -> str | None:
    """Return when all is done: `ends about 14:20`; None where that, or a part of it, is not known."""
    outlook = report.outlook
    if outlook is None or outlook.ends is None or outlook.unknown:
        return None
    return f"ends {ends_in_words(outlook.ends, report.period.end)}"


def period_in_words(report: Reported) -> str:
    """Return how long the period is, and since when: `12 h since 2026-11-20 21:30`."""
    since = report.since.strftime("%Y-%m-%d %H:%M")
    return f"{re.sub(' 0 (s|min|h)$', '', duration(report.period.length_s))} since {since}"


def ranked(best: Best, shown: int) -> str:
    """Return how many versions are told of, and how they are ranked: `best 5 of 7 versions by loss, less is better`."""
    count, measure = len(best.ranking.runs), best.ranking.measure
    is_cut = count > shown
    if measure is None:
        which = f"latest {shown} of {count} versions" if is_cut else counted(count, "version")
        return f"{which}, newest first; to rank them: --best NAME:min or NAME:max" if count > 1 else which
    which = f"best {shown} of {count} versions" if is_cut else counted(count, "version")
    return f"{which} by {one_line(measure.name)}, {'less' if measure.is_lower_better else 'more'} is better"


def _best_part(best: Best, shown: int, screen: Screen) -> str:
    ranking, metric = best.ranking, next(iter(best.metrics), None)
    told = f"{one_line(ranking.model)}: {ranked(best, shown)}"
    columns = ["version", ranking.measure.name if ranking.measure else "results"]
    columns += [*([] if metric is None else ["curve"]), *ranking.differing]
    rows = [
        [
            run.version,
            result_cell(run, ranking.measure),
            *([] if metric is None else [_bars(best.curves[run.id].get(metric))]),
            *differing_cells(best, run),
        ]
        for run in best.runs[:shown]
    ]
    heading = _heading(told if metric is None else f"{told} (curve: {one_line(metric)})", screen)
    return f"{heading}\n{table([one_line(column) for column in columns], rows, screen)}"


def _bars(curve: Curve | None) -> str:
    return sparkline(curve.name, curve.points, _SPARKLINE_WIDTH) if curve else ""


def result_cell(run: Run, measure: Measure | None) -> str:
    """Return the result that a run is ranked by; all of them where there is no such."""
    if measure is None:
        return values(run.results)
    number = result_of(run, measure)
    return "" if number is None else value(number)


def differing_cells(best: Best, run: Run) -> list[str]:
    """Return a run's values of those parameters that are not the same in all versions."""
    parameters = flat(run.parameters)
    return [value(parameters[name]) if name in parameters else "" for name in best.ranking.differing]


COUNT_COLUMNS = ("model", "succeeded", "failed", "lost", "stopped", "running")


def counts_by_model(runs: Sequence[ObservedRun]) -> list[list[str]]:
    """Return how the runs of each model ended, a row for each, for `COUNT_COLUMNS`; nothing stands for none."""
    counts: dict[str, Counter[str]] = {}
    for observed in runs:
        how = "running" if observed.run.is_open else str(observed.run.outcome)
        counts.setdefault(observed.run.model, Counter())[how] += 1
    return [[model, *(str(count[how] or "") for how in COUNT_COLUMNS[1:])] for model, count in sorted(counts.items())]


def host_columns(report: Reported) -> tuple[str, ...]:
    """Return what is told of the hosts' time: of GPUs only where a run had one."""
    return ("host", "at work", "idle", "no daemon", "all runs", *(("GPU hours",) if _has_gpus(report) else ()))


def _has_gpus(report: Reported) -> bool:
    return any(host.gpu_s for host in report.hosts)


def host_rows(report: Reported) -> list[list[str]]:
    """Return how the hosts spent the period, a row for each, for `host_columns`."""
    return [
        [
            host.host,
            *(_share(seconds, report.period.length_s) for seconds in (host.busy_s, host.idle_s, host.away_s)),
            duration(host.run_s),
            *([gpu_hours(host.gpu_s)] if _has_gpus(report) else []),
        ]
        for host in report.hosts
    ]


def _share(seconds: float, whole_s: float) -> str:
    if not seconds:
        return ""
    percent = 100 * seconds / whole_s
    return f"{duration(seconds)} ({'<1' if percent < 1 else f'{percent:.0f}'} %)"


def gpu_hours(seconds: float) -> str:
    """Return GPU seconds in hours: `3.2`, and nothing for none."""
    return f"{seconds / 3600:.2g}" if 0 < seconds < 36_000 else f"{seconds / 3600:.0f}" if seconds else ""


def left(report: Reported) -> list[str]:
    """Return what is still to run and when that is done, a line for each thing to say."""
    lines = []
    if report.outlook is not None and (ends := outlook_in_words(report.outlook, report.period.end)):
        lines.append(ends)
    there = [daemon for daemon in report.daemons if daemon.is_there]
    lines += [_ahead(daemon) for daemon in there]
    if not there:
        lines.append("; ".join(["no daemon is running", *_last_gone(report)]))
    if report.stopped:
        names = [_how_far(observed) for observed in report.stopped[:_STOPPED_SHOWN]]
        lines.append(f"stopped, to be resumed: {', '.join(_with_more(names, len(report.stopped)))}")
    lines += [] if there else _at_launch(report)
    told = [f"held, or cannot be used: {obstacle.subject}: {obstacle.why}" for obstacle in report.held]
    told += [f"waits for something: {obstacle.subject}: {obstacle.why}" for obstacle in report.waits]
    more = len(told) - _REASONS_SHOWN
    told = told[:_REASONS_SHOWN] + ([f"and {counted(more, 'more reason')}: mlpipeline status"] if more > 0 else [])
    return list(map(one_line, [*lines, *told]))


def _ahead(daemon: ObservedDaemon) -> str:
    heard = f", last heard {ago(daemon.silent_s)}" if daemon.is_silent else ""
    return f"{daemon.host}{heard}: {_to_run(daemon)}"


def _to_run(daemon: ObservedDaemon) -> str:
    waiting = f": {', '.join(_with_more(daemon.next[:_NEXT_SHOWN], daemon.waiting))}" if daemon.waiting else ""
    return f"{counted(daemon.waiting, 'version')} to run{waiting}"


def _with_more(names: Sequence[str], count: int) -> list[str]:
    """Return the first names of `count`, and how many more there are."""
    more = count - len(names)
    return [*names, *([f"{more} more"] if more > 0 else [])]


def _last_gone(report: Reported) -> Iterator[str]:
    """Yield how the daemon went that was the last to go, and what it had still to do if it could not say more."""
    last = max(report.daemons, key=_gone_at, default=None)
    if last is not None:
        yield _gone(last)
        if last.ended_at is None and last.waiting:
            yield f"it had {_to_run(last)}"


def _how_far(observed: ObservedRun) -> str:
    how_far = pace_in_words(observed.pace)
    return f"{observed.run.key} at {how_far}" if how_far else observed.run.key


def _at_launch(report: Reported) -> list[str]:
    """Return what a launch would do, and how to have it done."""
    if report.queued is None:
        return [f"listed: nothing, until {QUEUE_NAME} is mended"]
    if not report.queued:
        return ["listed: nothing"]
    listed = _with_more(report.queued[:_LISTED_SHOWN], len(report.queued))
    return [f"listed: {', '.join(listed)}", "to go on with what is not done of it: mlpipeline -r -u"]


def _heading(text: str, screen: Screen) -> str:
    return "\n".join(screen.paint(line, Color.STRONG) for line in _folded(text, screen))


def _folded(text: str, screen: Screen) -> list[str]:
    return [text] if screen.width is None else list(fold(text, screen.width))


def _more(count: int, what: str, screen: Screen) -> list[str]:
    told = f"and {count} more {what}: mlpipeline report --html report.html"
    return ["\n".join(_folded(told, screen))] if count > 0 else []
