"""`mlpipeline report --html`: one page that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape

from mlpipeline import __version__
from mlpipeline.authoring.console import strip_colors
from mlpipeline.domain.causes import Cause
from mlpipeline.domain.states import Outcome, State
from mlpipeline.domain.words import counted, named
from mlpipeline.project.last_output import last_output
from mlpipeline.project.paths import Outputs
from mlpipeline.views.causes import output_in_words, place_in_words
from mlpipeline.views.charts import BREAK, Line, breakable, chart, key
from mlpipeline.views.listing import state_cell
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.page_style import STYLE
from mlpipeline.views.report import (
    COUNT_COLUMNS,
    came_of,
    counts_by_model,
    differing_cells,
    ends_when,
    gone_daemons,
    host_columns,
    host_rows,
    left,
    period_in_words,
    ranked,
    result_cell,
)
from mlpipeline.views.reported import BEST_SHOWN, Best, Reported
from mlpipeline.views.screens import Color
from mlpipeline.views.words import duration, moment, one_line

#: How many charts a model has at most, and of how many models.
_CHARTS, _MODELS_DRAWN = 4, 50
#: How many runs are listed one by one; of more, models are counted, and only so many of the latest listed.
_RUNS_LISTED, _LATEST_LISTED = 200, 100
#: How many runs of a cause are named.
_RUNS_NAMED = 20
#: A cell with more characters than this is broken into lines.
_LONG_CELL = 28
_CLASSES = {Color.GOOD: "good", Color.BAD: "bad", Color.NOTICE: "notice"}


def report_page(report: Reported) -> str:
    """Return the whole report as HTML, what failed first."""
    name, period = _text(report.project), _text(period_in_words(report))
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        # Nothing is loaded, and nothing can be: the page is read offline, and names in it are other people's.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<link rel="icon" href="data:,">\n<title>{name}: {period}</title>\n<style>{STYLE}</style>\n</head>\n<body>',
        f"<header>\n<h1>{name}</h1>\n<p>{period}</p>\n{_counts(report)}\n</header>\n<main>",
        *_failures(report),
        *_best(report),
        *_runs(report),
        *_time(report),
        *_left(report),
        f"</main>\n<footer>{_footer(report)}</footer>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _counts(report: Reported) -> str:
    causes = f" ({counted(len(report.causes), 'cause')})" if report.causes else ""
    failed, lost = report.count(Outcome.FAILED), report.count(Outcome.LOST)
    counts = [
        (failed, "bad", "failed" + ("" if lost else causes)),
        (lost, "bad", "lost" + causes),
        (report.count(Outcome.SUCCEEDED), "good", "succeeded"),
        (report.count(Outcome.STOPPED), "notice", "stopped"),
        (report.open_count(State.RUNNING), "", "running"),
        (report.open_count(State.WAITING), "", "waiting"),
    ]
    said = [f'<li class="{color}"><b>{count}</b> {word}</li>' for count, color, word in counts if count]
    ends = ends_when(report)
    more = [
        f"\n<p>{ends}</p>" if ends else "",
        *(f'\n<p class="notice">{_text(gone)}</p>' for gone in gone_daemons(report)),
    ]
    return f'<ul class="counts">{"".join(said) or "<li>nothing ran</li>"}</ul>{"".join(more)}'


def _failures(report: Reported) -> Iterator[str]:
    if report.causes:
        yield "<section>\n<h2>What failed</h2>"
        yield from (_cause(cause, report.outputs) for cause in report.causes)
        yield "</section>"


def _cause(cause: Cause, outputs: Outputs) -> str:
    first = cause.runs[0]
    count = f"{len(cause.runs)} " if len(cause.runs) > 1 else ""
    error = f": {_text(cause.error)}" if cause.error else ""
    place = f"<p>at <code>{_text(place_in_words(cause.place, outputs))}</code></p>" if cause.place else ""
    runs = named([f"<code>{_broken(run.key)}</code> ({_text(run.id)})" for run in cause.runs], _RUNS_NAMED)
    output = last_output(outputs.run_dir(first.name).attempt(first.attempt).output) or ""
    lines = "\n".join(_text(strip_colors(line)) for line in output.splitlines())
    said = f'<pre tabindex="0">{lines}</pre>' if lines else ""
    return (
        f'<article class="cause">\n<h3><span class="bad">{count}{cause.in_words}</span>{error}</h3>\n{place}\n'
        f"<p>{runs}</p>\n{said}\n"
        f'<p class="soft"><code>{_text(output_in_words(first, outputs))}</code></p>\n</article>'
    )


def _best(report: Reported) -> Iterator[str]:
    if report.best:
        yield "<section>\n<h2>Best versions</h2>"
        for number, best in enumerate(report.best):
            yield from _best_of(best, is_drawn=number < _MODELS_DRAWN)
        if any(best.is_sampled for best in report.best):
            yield '<p class="soft">Curves of long runs are drawn from samples of what they logged.</p>'
        yield "</section>"


def _best_of(best: Best, *, is_drawn: bool) -> Iterator[str]:
    ranking = best.ranking
    charts = [drawn for name in best.metrics[:_CHARTS] if is_drawn and (drawn := chart(name, _lines(best, name)))]
    columns = ["version", ranking.measure.name if ranking.measure else "results", *ranking.differing, "time", "run"]
    rows = [
        [
            _keyed(number, run.version) if charts else _broken(run.version),
            _broken(result_cell(run, ranking.measure)),
            *map(_broken, differing_cells(best, run)),
            duration(run.seconds),
            _text(run.id),
        ]
        for number, run in enumerate(best.runs, start=1)
    ]
    yield f'<h3>{_text(ranking.model)}</h3>\n<p class="soft">{_text(ranked(best, BEST_SHOWN))}</p>'
    yield _table(f"best versions of {ranking.model}", list(map(_text, columns)), rows)
    if charts:
        yield "\n".join(['<div class="charts">', *charts, "</div>"])


def _keyed(number: int, version: str) -> str:
    return f'<div class="keyed">{key(number)}<span>{_broken(version)}</span></div>'


def _lines(best: Best, metric: str) -> list[Line]:
    return [
        Line(label=run.version, number=number, curve=curve)
        for number, run in enumerate(best.runs, start=1)
        if (curve := best.curves[run.id].get(metric)) is not None
    ]


def _runs(report: Reported) -> Iterator[str]:
    if not report.runs:
        return
    yield "<section>\n<h2>What ran</h2>"
    listed = report.runs
    if len(listed) > _RUNS_LISTED:
        counts = [[_text(cell) for cell in row] for row in counts_by_model(report.runs)]
        yield f"<p>{len(listed)} runs, the latest {_LATEST_LISTED} of them below</p>"
        yield _table("runs by model", COUNT_COLUMNS, counts)
        listed = listed[:_LATEST_LISTED]
    yield _table("runs", ("version", "outcome", "started", "time", "host", "results", "run"), map(_run_row, listed))
    yield "</section>"


def _run_row(observed: ObservedRun) -> list[str]:
    run, state = observed.run, state_cell(observed)
    said = came_of(observed) if run.outcome in (None, Outcome.SUCCEEDED) else run.error or came_of(observed)
    return [
        _broken(run.key),
        f'<span class="{_CLASSES.get(state.color, "")}">{_text(state.text)}</span>',
        # The year of it and its seconds are no news.
        moment(run.started_at or run.selected_at)[5:16],
        duration(run.seconds),
        _text(run.host),
        _broken(said or observed.why or ""),
        _text(run.id),
    ]


def _time(report: Reported) -> Iterator[str]:
    if not report.hosts:
        return
    whole_s = report.period.length_s
    rows = [
        [*map(_text, row), _bar(host.busy_s / whole_s, host.idle_s / whole_s)]
        for row, host in zip(host_rows(report), report.hosts, strict=True)
    ]
    columns = (*host_columns(report), '<span class="unseen">at work and idle, drawn</span>')
    yield f"<section>\n<h2>Time</h2>\n{_table('time by host', columns, rows)}</section>"


def _bar(busy: float, idle: float) -> str:
    return (
        f'<div class="bar" aria-hidden="true"><span class="busy" style="width:{100 * busy:.1f}%"></span>'
        f'<span class="idle" style="width:{100 * idle:.1f}%"></span></div>'
    )


def _left(report: Reported) -> Iterator[str]:
    lines = "\n".join(f"<p>{_broken(line)}</p>" for line in left(report))
    yield f"<section>\n<h2>What is left</h2>\n{lines}\n</section>"


def _footer(report: Reported) -> str:
    made = datetime.fromtimestamp(report.period.end, report.since.tzinfo).strftime("%Y-%m-%d %H:%M:%S")
    return f"Written {made} on {_text(report.outputs.host)} by mlpipeline {__version__}"


def _table(label: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that is scrolled by itself where it is too wide; its cells are HTML, the first names the row."""
    heads = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(f'<tr><th scope="row">{first}</th>{"".join(map(_cell, cells))}</tr>' for first, *cells in rows)
    return (
        f'<div class="scroll" role="region" aria-label="{_text(label)}" tabindex="0">\n<table>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _cell(html: str) -> str:
    is_long = not html.startswith("<") and len(html.replace(BREAK, "")) > _LONG_CELL
    return f'<td class="long">{html}</td>' if is_long else f"<td>{html}</td>"


def _broken(text: str) -> str:
    return breakable(one_line(text))


def _text(text: str) -> str:
    return escape(one_line(text))
