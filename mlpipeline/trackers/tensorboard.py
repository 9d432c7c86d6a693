"""Metrics as TensorBoard events in the run dir."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

#: How long the end of a run waits for its last events, in seconds.
_CLOSE_TIMEOUT_S = 20.0

_Entry = tuple[Mapping[str, int | float], int | None, float]


class TensorBoard:
    """Writes events in a thread of its own, so that training never waits for them."""

    def __init__(self, folder: Path) -> None:
        """Write the event file into `folder`; it appears with the first metric."""
        self._folder = folder
        self._entries: SimpleQueue[_Entry | None] = SimpleQueue()
        self._is_broken = False
        self._thread = threading.Thread(target=self._write_all, name="tensorboard", daemon=True)
        self._thread.start()

    def metrics(self, values: Mapping[str, int | float], step: int | None, at: float) -> None:
        """Queue the values."""
        if not self._is_broken:
            self._entries.put((dict(values), step, at))

    def close(self) -> None:
        """Wait for the events, though not for ever."""
        self._entries.put(None)
        self._thread.join(_CLOSE_TIMEOUT_S)

    def _write_all(self) -> None:
        try:
            writer = self._writer()
            steps: dict[str, int] = {}
            while (entry := self._entries.get()) is not None:
                values, step, at = entry
                for name, value in values.items():
                    # Metrics logged without a step are counted, each by itself.
                    steps[name] = steps.get(name, -1) + 1 if step is None else step
                    writer.add_scalar(name, value, steps[name], walltime=at)
            writer.close()
        except Exception as error:
            self._is_broken = True
            sys.stderr.write(f"TensorBoard events are not written: {error}. The metrics are in metrics.jsonl.\n")

    def _writer(self) -> Any:
        from tensorboardX import SummaryWriter

        return SummaryWriter(str(self._folder))
