"""Why runs failed, as people read it: the word, the line of their own code, and what was printed last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlpipeline.authoring.console import strip_colors
from mlpipeline.domain.causes import Cause
from mlpipeline.domain.runs import Run
from mlpipeline.domain.words import named
from mlpipeline.project.last_output import last_output
from mlpipeline.project.paths import Outputs
from mlpipeline.views.screens import Color, Screen
from mlpipeline.views.tables import fold
from mlpipeline.views.words import one_line

#: How many of the runs that a cause befell are named.
_RUNS_NAMED = 5


def cause_text(cause: Cause, outputs: Outputs, screen: Screen, *, output_lines: int) -> str:
    """Return a cause with the runs that it befell.

    Args:
        cause: of one run or of many.
        outputs: where they left what they printed.
        screen: that it is for.
        output_lines: how many of the last lines of the output are shown.
    """
    count = f"{len(cause.runs)} " if len(cause.runs) > 1 else ""
    first, what = cause.runs[0], f"{count}{cause.in_words}"
    lines = list(_folded(f"{what}: {one_line(cause.error)}" if cause.error else what, screen))
    if lines[0].startswith(what):
        lines[0] = f"{screen.paint(what, Color.BAD)}{lines[0].removeprefix(what)}"
    if cause.place:
        lines += _folded(f"at {one_line(place_in_words(cause.place, outputs))}", screen, indent="  ")
    lines += _folded(one_line(_named(cause.runs)), screen, indent="  ")
    for line in _output(first, outputs, output_lines):
        lines += [f"  {screen.paint(part, Color.DIM)}" for part in _folded(line, screen, indent="│ ", left=2)]
    lines.append(f"  {one_line(output_in_words(first, outputs))}")  # never folded: it is to be copied
    return "\n".join(lines)


def _folded(text: str, screen: Screen, indent: str = "", left: int = 0) -> Iterator[str]:
    parts = [text] if screen.width is None else fold(text, screen.width - len(indent) - left)
    return (f"{indent}{part}" for part in parts)


def place_in_words(place: str, outputs: Outputs) -> str:
    """Return a file and line below the models folder as it is called there: `cnn/net.py:12`."""
    path = Path(place)
    models_dir = outputs.path.parent
    return path.relative_to(models_dir).as_posix() if path.is_relative_to(models_dir) else place


def output_in_words(run: Run, outputs: Outputs) -> str:
    """Return where what the last attempt of a run printed is, or that it is gone with its run dir."""
    run_dir = outputs.run_dir(run.name)
    if not run_dir.path.exists():
        return "what it printed is gone with its run dir"
    return str(run_dir.attempt(run.attempt).output.absolute())


def _named(runs: Sequence[Run]) -> str:
    return named([f"{run.key} ({run.id})" for run in runs], _RUNS_NAMED)


def _output(run: Run, outputs: Outputs, count: int) -> Iterator[str]:
    text = last_output(outputs.run_dir(run.name).attempt(run.attempt).output) if count else None
    lines = [strip_colors(line) for line in (text or "").splitlines()]
    if lines[-count:] and not lines[-count:][0].strip(" ^~"):
        count += 1  # Python's marks mean nothing without the line of code above them.
    for line in lines[-count:]:
        yield one_line(line)
