"""`mlpipeline doctor`: a line for each thing that was looked at, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlpipeline.domain.findings import Finding, Health
from mlpipeline.views.screens import Color, Screen
from mlpipeline.views.tables import fold
from mlpipeline.views.words import one_line

_COLORS = {Health.OK: Color.GOOD, Health.LOOK: Color.NOTICE, Health.BAD: Color.BAD}
#: How wide the columns of how it is and of what was looked at are. They come one by one, so this is known before.
_HEALTH_WIDTH, _CHECK_WIDTH = 6, 17
#: Where what is told would have less room than this, it stands below what was looked at.
_LEAST_WIDTH = 30


def finding_text(finding: Finding, screen: Screen) -> str:
    """Return a finding, and below it what to do."""
    health = screen.paint(finding.health, _COLORS[finding.health]) + " " * (_HEALTH_WIDTH - len(finding.health))
    told = one_line(finding.told)
    advice = one_line(finding.advice) if finding.advice else ""
    margin = _HEALTH_WIDTH + _CHECK_WIDTH
    if screen.width is None:
        lines = [f"{health}{finding.check:<{_CHECK_WIDTH}}{told}"]
        return "\n".join([*lines, *([f"{' ' * margin}→ {advice}"] if advice else [])])
    if screen.width - margin < _LEAST_WIDTH:
        margin = 2
        lines = [f"{health}{finding.check}", *_folded(told, margin, screen.width)]
    else:
        first, *rest = _folded(told, margin, screen.width)
        lines = [f"{health}{finding.check:<{_CHECK_WIDTH}}{first.lstrip()}", *rest]
    if advice:
        # Not folded: what is to be typed can then be copied, though the terminal breaks it.
        lines.append(f"{' ' * margin}→ {advice}")
    return "\n".join(lines)


def closing_text(findings: Sequence[Finding]) -> str:
    """Return what came of the whole check-up in one line."""
    count = {health: sum(finding.health is health for finding in findings) for health in Health}
    if not (count[Health.BAD] or count[Health.LOOK]):
        return "all is well"
    parts = [f"{count[Health.BAD]} bad"] if count[Health.BAD] else []
    parts += [f"{count[Health.LOOK]} to look at"] if count[Health.LOOK] else []
    return f"{', '.join(parts)}, {count[Health.OK]} ok"


def checkup_for_programs(findings: Sequence[Finding], host: str, project: str | None) -> dict[str, Any]:
    """Return `doctor --json`; keys are only ever added."""
    return {
        "host": host,
        "project": project,
        "well": not any(finding.health is Health.BAD for finding in findings),
        "checks": [
            {"check": finding.check, "health": finding.health, "told": finding.told, "advice": finding.advice}
            for finding in findings
        ],
    }


def _folded(text: str, margin: int, width: int) -> list[str]:
    return [" " * margin + line for line in fold(text, width - margin)]
