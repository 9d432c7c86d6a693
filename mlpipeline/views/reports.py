"""What a launch leaves for people to read: a block of results per run, and a table of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlpipeline.daemon.catalogue import Problem
from mlpipeline.domain.result import Result
from mlpipeline.domain.runs import Outcome, Run
from mlpipeline.project.paths import Outputs
from mlpipeline.views.tables import table
from mlpipeline.views.words import duration, moment, value, values

_RULE = "=" * 78


class Reports:
    """Turns runs into text; a `Reporter` of the daemon."""

    def __init__(self, outputs: Outputs) -> None:
        """Name paths below `outputs`."""
        self._outputs = outputs

    def results_block(self, run: Run, result: Result | None) -> str:
        """Return what `output-<host>` says of a run that ended."""
        how = f"{run.outcome}{f' ({run.failure})' if run.failure else ''}"
        lines = [
            _RULE,
            f"{run.key}  {how}  {moment(run.ended_at)}",
            f"    run        {run.id} on {run.host}, {duration(run.seconds) or 'of unknown length'}, seed {run.seed}",
            f"    model dir  {self._outputs.model_dir(run.model_dir)}",
            f"    run dir    {self._outputs.run_dir(run.name).path}",
        ]
        if run.error:
            lines.append(f"    error      {run.error}")
        lines += _section("parameters", run.parameters)
        lines += _section("results", run.results)
        if result is not None:
            lines += _section("time", {phase: duration(seconds) for phase, seconds in result.timings.items()})
            for heading, text in result.texts.items():
                lines += [f"    {heading}:", *(f"        {line.strip()}" for line in text.strip().splitlines())]
        return "\n".join(lines) + "\n\n"

    def summary(self, runs: Sequence[Run], problems: Sequence[Problem]) -> str:
        """Return the table of what a launch did."""
        rows = [
            [
                run.key,
                f"{run.outcome}{f' ({run.failure})' if run.failure else ''}",
                duration(run.seconds),
                values(run.results) if run.outcome is Outcome.SUCCEEDED else run.error or "",
                self._where_to_look(run),
            ]
            for run in runs
        ]
        rows += [[problem.what, "cannot be used", "", problem.why, self._outputs.log.name] for problem in problems]
        if not rows:
            return ""
        return "\n" + table(("version", "outcome", "time", "results", "where to look"), rows)

    def _where_to_look(self, run: Run) -> str:
        if run.outcome is Outcome.SUCCEEDED:
            path = self._outputs.model_dir(run.model_dir)
        else:
            path = self._outputs.run_dir(run.name).attempt(run.attempt).output
        return path.relative_to(self._outputs.path.parent).as_posix()


def _section(heading: str, things: Mapping[str, Any]) -> list[str]:
    if not things:
        return []
    width = max(len(name) for name in things)
    return [f"    {heading}:", *(f"        {name:<{width}}  {value(thing)}" for name, thing in things.items())]
