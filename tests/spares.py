"""Daemons whose every run is carried out by a spare worker, or none."""

from __future__ import annotations

from pathlib import Path

#: What a daemon executes first, to have no run begin before a spare worker is ready for it.
EAGER = """
import time
from mlpipeline.executors.spares import Spares
take = Spares.take

def take_when_ready(self, attempt, how):
    self.fill(attempt.project)
    deadline = time.monotonic() + 30
    while not any(spare.is_ready for spare in self._waiting) and time.monotonic() < deadline:
        self.tend()
        time.sleep(0.01)  # Nothing is told when one is ready.
    return take(self, attempt, how)

Spares.take = take_when_ready
"""

#: What a daemon executes first to start each worker when there is a run for it.
NONE = """
from mlpipeline.executors.spares import Spares
Spares.fill = lambda *_: None
"""

#: In a run: whether a spare worker carries it out.
IS_SPARE = "b'\\0wait\\0' in open('/proc/self/cmdline', 'rb').read()"


def killed_at(moment: str) -> str:
    """Return what such a daemon executes to be killed at `moment` of `kill_at.MOMENTS`."""
    return f"{EAGER}\nimport sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n" + (
        f"from kill_at import die_at\ndie_at({moment!r})\n"
    )
