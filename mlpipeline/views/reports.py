"""What a launch leaves for people to read: a block of results per run, and a table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from textwrap import dedent
from typing import Any

from mlpipeline.authoring.console import strip_colors
from mlpipeline.daemon.catalogue import Problem
from mlpipeline.domain.facts import flat
from mlpipeline.domain.notices import Notice
from mlpipeline.domain.result import Result
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.paths import Outputs
from mlpipeline.views.screens import PLAIN, Screen
from mlpipeline.views.tables import table
from mlpipeline.views.words import achieved, duration, exact_value, moment, one_line

_RULE = "=" * 78
#: How a notice begins.
_NOTICES = {
    Notice.DONE: "the queue is done",
    Notice.HELD: "something is held",
    Notice.FAILED: "a run failed",
}
#: How many reasons for which something is held a notice names.
_MOST_TOLD = 10


class Reports:
    """Turns runs into text; a `Reporter` of the daemon."""

    def __init__(self, outputs: Outputs, screen: Callable[[], Screen], *, is_recorded: bool = True) -> None:
        """Name paths below `outputs`; without recording, logs and the output of runs are nowhere to be named.

        `screen` says what a summary is shown on, at that moment: a terminal may be resized while a queue runs.
        """
        self._outputs = outputs
        self._screen = screen
        self._is_recorded = is_recorded

    def results_block(self, run: Run, result: Result | None) -> str:
        """Return what `output-<host>` says of a run that ended."""
        texts = dict(result.texts) if result else {}
        evaluations = {heading: texts.pop(heading) for heading in list(texts) if heading.endswith("evaluation")}
        return "\n".join(
            [
                _RULE,
                f"{run.key}  {run.outcome_in_words}  {moment(run.ended_at)}",
                *self._facts(run, result),
                *_section("results", run.results),
                *_paragraphs(evaluations),
                *_section("parameters", run.parameters),
                *_paragraphs(texts),
                "\n",
            ]
        )

    def _facts(self, run: Run, result: Result | None) -> Iterator[str]:
        yield f"    run        {run.id} on {run.host}, {duration(run.seconds) or 'of unknown length'}, seed {run.seed}"
        if result is not None and result.timings:
            parts = (f"{part} {duration(seconds)}" for part, seconds in result.timings.items())
            yield f"    time       {', '.join(parts)}"
        yield f"    model dir  {self._outputs.model_dir(run.model_dir)}"
        yield f"    run dir    {self._outputs.run_dir(run.name).path}"
        if run.error:
            yield f"    error      {run.error}"
        if run.note:
            yield f"    note       {run.note}"
        if run.outcome is not Outcome.SUCCEEDED:
            yield f"    output     {self._outputs.run_dir(run.name).attempt(run.attempt).output}"

    def notice(
        self,
        notice: Notice,
        ledger: Ledger,
        held: Sequence[Problem],
        waits: Sequence[Problem],
        *,
        since: datetime,
        now: float,
    ) -> str:
        """Return a plain text for a mail or a chat: the report's top, what is held, and what waits."""
        # Most launches have nobody to tell.
        from mlpipeline.views.observed import observe_daemons
        from mlpipeline.views.report import report_top
        from mlpipeline.views.reported import reported

        daemons = observe_daemons(self._outputs, now)
        report = reported(ledger, self._outputs, daemons, since=since, now=now)
        if notice is Notice.DONE:
            report = replace(report, outlook=None)  # The heartbeat may tell of what was left a moment ago.
        heading = f"{report.project} on {self._outputs.host}: {_NOTICES[notice]}"
        parts = [heading, report_top(report, PLAIN), _listed("held", held), _listed("waiting", waits)]
        return "\n\n".join(filter(None, parts)) + "\n"

    def summary(self, runs: Sequence[Run], problems: Sequence[Problem]) -> str:
        """Return the table of what a launch did."""
        rows = [
            [
                run.key,
                run.outcome_in_words,
                duration(run.seconds),
                achieved(run) if run.outcome is Outcome.SUCCEEDED else run.error or "",
                self._where_to_look(run),
            ]
            for run in runs
        ]
        log = self._outputs.log.name if self._is_recorded else ""
        rows += [[problem.what, "cannot be used", "", problem.why, log] for problem in problems]
        if not rows:
            return ""
        return "\n" + table(("version", "outcome", "time", "results", "where to look"), rows, self._screen())

    def _where_to_look(self, run: Run) -> str:
        if run.outcome is Outcome.SUCCEEDED:
            path = self._outputs.model_dir(run.model_dir)
        elif not self._is_recorded:
            return ""
        else:
            path = self._outputs.run_dir(run.name).attempt(run.attempt).output
        return path.relative_to(self._outputs.path.parent).as_posix()


def _listed(heading: str, problems: Sequence[Problem]) -> str:
    """Return what is held or waits, each reason once, with the first of those that it keeps."""
    if not problems:
        return ""
    kept: dict[str, list[str]] = {}
    for problem in problems:
        kept.setdefault(problem.why, []).append(problem.what)
    lines = [
        f"  {one_line(whats[0])}{f' and {len(whats) - 1} more' if len(whats) > 1 else ''}: {one_line(why)}"
        for why, whats in kept.items()
    ]
    more = [f"  and {len(lines) - _MOST_TOLD} more: mlpipeline status"] if len(lines) > _MOST_TOLD else []
    return "\n".join([f"{heading}:", *lines[:_MOST_TOLD], *more])


def _section(heading: str, things: Mapping[str, Any]) -> list[str]:
    lines = flat(things)
    if not lines:
        return []
    width = max(map(len, lines))
    return [f"    {heading}:", *(f"        {name:<{width}}  {exact_value(thing)}" for name, thing in lines.items())]


def _paragraphs(texts: Mapping[str, str]) -> Iterator[str]:
    for heading, text in texts.items():
        yield f"    {heading}:"
        for line in dedent(strip_colors(text)).strip("\n").splitlines():
            yield f"        {line}".rstrip()
