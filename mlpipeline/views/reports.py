"""What a launch leaves for people to read: a block of results per run, and a table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import dedent
from typing import Any

from mlpipeline.authoring.console import strip_colors
from mlpipeline.daemon.catalogue import Problem
from mlpipeline.domain.result import Result
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome
from mlpipeline.project.paths import Outputs
from mlpipeline.views.screens import Screen
from mlpipeline.views.tables import table
from mlpipeline.views.words import achieved, duration, exact_value, moment

_RULE = "=" * 78


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
            phases = (f"{phase} {duration(seconds)}" for phase, seconds in result.timings.items())
            yield f"    time       {', '.join(phases)}"
        yield f"    model dir  {self._outputs.model_dir(run.model_dir)}"
        yield f"    run dir    {self._outputs.run_dir(run.name).path}"
        if run.error:
            yield f"    error      {run.error}"
        if run.note:
            yield f"    note       {run.note}"
        if run.outcome is not Outcome.SUCCEEDED:
            yield f"    output     {self._outputs.run_dir(run.name).attempt(run.attempt).output}"

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


def _section(heading: str, things: Mapping[str, Any]) -> list[str]:
    if not things:
        return []
    width = max(len(name) for name in things)
    return [f"    {heading}:", *(f"        {name:<{width}}  {exact_value(thing)}" for name, thing in things.items())]


def _paragraphs(texts: Mapping[str, str]) -> Iterator[str]:
    for heading, text in texts.items():
        yield f"    {heading}:"
        for line in dedent(strip_colors(text)).strip("\n").splitlines():
            yield f"        {line}".rstrip()
