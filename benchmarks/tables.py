"""Tables in Markdown that can also be read as they are."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.figures import Row, Target

_HEADINGS = ("what", "figure", "baseline", "ratio", "lowest–highest", "target", "met")


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns are padded to one width."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def results_table(rows: Sequence[Row]) -> str:
    """Return the rows as a table."""
    return markdown(_HEADINGS, [_cells(row) for row in rows])


def number(value: float) -> str:
    """Return a number with three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


def summary(row: Row) -> str:
    """Return the row in a few words."""
    if row.measured is None:
        return f"{row.target.name}: not measured: {row.problem}"
    unit = "" if row.measured.baselines else f" {row.target.unit}"
    return f"{row.target.name}: {number(median(row.measured.judged))}{unit}, target {_limit(row.target)}{unit}"


def _limit(target: Target) -> str:
    return f"{'≥' if target.is_least else '≤'} {number(target.limit)}"


def _cells(row: Row) -> list[str]:
    target, measured = row.target, row.measured
    limit = _limit(target)
    if measured is None:
        return [target.what, f"not measured: {row.problem}", target.baseline or "–", "–", "–", limit, "–"]
    judged = measured.judged
    spread = f"{number(min(judged))}–{number(max(judged))}"
    figure = f"{number(median(measured.figures))} {target.unit}"
    met = "yes" if row.is_met else "no"
    if not measured.baselines:
        return [target.what, figure, "–", "–", spread, f"{limit} {target.unit}", met]
    baseline = f"{number(median(measured.baselines))} {target.unit}: {target.baseline}"
    return [target.what, figure, baseline, number(median(judged)), spread, limit, met]
