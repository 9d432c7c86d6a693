"""What the queue file lists, in the words of `status` while no daemon can tell which versions that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mlpipeline.domain.queue import Entry
from mlpipeline.domain.waits import HELD_IN_QUEUE
from mlpipeline.views.words import one_line


def queued_names(entries: Sequence[Entry]) -> list[str]:
    """Return a name for each entry: its script, with its versions where only these tell it from others."""
    times = Counter(entry.script for entry in entries)
    return [one_line(_name(entry, is_only_one=times[entry.script] == 1)) for entry in entries]


def _name(entry: Entry, *, is_only_one: bool) -> str:
    name = entry.script if is_only_one and entry.changes is None else str(entry)
    if isinstance(entry.hold, bool):
        return f"{name} ({HELD_IN_QUEUE})" if entry.hold else name
    return f"{name} ({HELD_IN_QUEUE}: {', '.join(entry.hold)})"
