"""The figures of a storm, as a table in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from storm.kills import Blow
from storm.scenes import Report
from storm.victims import Role

_HEAD = ("what", *Role, "runs", "launches", "lost", "doubled", "wrong", "left", "statuses", "false", "longest false")


def table(reports: Sequence[Report]) -> str:
    """Return a line for each scene; of what has many kills, first a line for each kind of them."""
    rows = [row for report in reports for row in (*_by_blow(report), _row(report))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (_HEAD, ["---"] * len(_HEAD), *rows))


def _by_blow(report: Report) -> Iterator[list[str]]:
    if report.name != "kills":
        return
    for blow in Blow:
        counts = [sum((hit.blow, hit.role) == (blow, role) for hit in report.hits) for role in Role]
        yield [f"kills: {blow}", *map(str, counts), *[""] * (len(_HEAD) - len(Role) - 1)]


def _row(report: Report) -> list[str]:
    morning, statuses = report.morning, report.statuses
    counts = [sum(hit.role is role for hit in report.hits) for role in Role]
    ends = (morning.lost, morning.doubled, morning.wrong, morning.left)
    return [
        report.name,
        *map(str, counts),
        str(report.runs),
        str(report.launches),
        *(str(len(sentences)) for sentences in ends),
        str(statuses.count),
        str(len(statuses.false)),
        f"{statuses.longest_s:.1f} s",
    ]
