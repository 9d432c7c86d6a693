"""Since when, as people write it: `12h`, `1d`, `yesterday`, `18:00`, `2026-11-20`, `2026-11-20 18:00`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from mlpipeline.domain import quantities
from mlpipeline.domain.complaints import shown
from mlpipeline.errors import MlpipelineError

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_DAYS_AGO = {"today": 0, "yesterday": 1}


class NoTime(MlpipelineError):
    """A text says no moment in the past."""


def since(text: str, now: datetime, tz: tzinfo) -> datetime:
    """Return the moment in the past that a text says.

    Args:
        text: how long ago (`12h`, `1d 6h`; a day has 24 hours), a day, which begins at midnight, a day and time, or a
            time of day, which is the last one that has been.
        now: with its offset.
        tz: the zone in which days begin, and that of the answer.

    Raises:
        NoTime: the text says none, or one that is still to come.
    """
    text = text.strip()
    try:
        ago_s = quantities.seconds(text, "--since", NoTime, most=quantities.LONG_AGO_S)
    except NoTime:
        at = _moment(text, now.astimezone(tz), tz)
    else:
        # In UTC: within a zone, 24 hours lead to the same time of the day before, also where that had 25.
        at = (now.astimezone(UTC) - timedelta(seconds=ago_s)).astimezone(tz)
    if at > now:
        raise NoTime(f"--since {shown(text)} is still to come; it is {now.astimezone(tz):%Y-%m-%d %H:%M} now.")
    return at


def _moment(text: str, now: datetime, tz: tzinfo) -> datetime:
    if (days_ago := _DAYS_AGO.get(text.lower())) is not None:
        day = now.date() - timedelta(days=days_ago)
        return datetime(day.year, day.month, day.day, tzinfo=tz)
    if clock := _CLOCK.fullmatch(text):
        at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return at if at <= now else at - timedelta(days=1)
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(tz) if at.tzinfo else at.replace(tzinfo=tz)
    except (ValueError, OverflowError):
        raise NoTime(
            f"--since {shown(text)} says no time; expected how long ago, such as 12h or 1d, or when: today, yesterday, "
            "18:00, 2026-11-20 or '2026-11-20 18:00'."
        ) from None
