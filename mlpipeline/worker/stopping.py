"""Being told to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

from mlpipeline.authoring.run import Run


class StopSignal:
    """Turns SIGTERM into `run.should_stop` and the model's own `on_stop`, in the main thread, as often as it comes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.is_received = False
        #: What else is done, set once there is a model to tell.
        self.on_stop: Callable[[], None] | None = None
        signal.signal(signal.SIGTERM, self._handle)
        # Forked children (data loaders, pools) are ended by SIGTERM, as they would be without us.
        os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        is_first = not self.is_received
        self.is_received = True
        self._run.request_stop()
        if is_first and self.on_stop is not None:
            self.on_stop()
