"""Being told to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

from mlpipeline.authoring.run import Run


class StopSignal:
    """Turns SIGTERM, however often it comes, into `run.should_stop` and one call of the model's own `on_stop`.

    Both happen in the main thread.
    """

    def __init__(self, run: Run, when_free: Callable[[Callable[[], None]], None]) -> None:
        """Listen from now on; `when_free` makes a call once the main thread holds no lock that others wait for."""
        self._run = run
        self._when_free = when_free
        self.is_received = False
        #: Who is still to be told. A signal cannot come in the midst of a pop: nobody is told twice.
        self._to_tell: list[Callable[[], None]] = []
        signal.signal(signal.SIGTERM, self._handle)
        # Forked children (data loaders, pools) are ended by SIGTERM, as they would be without us.
        os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))

    def tell(self, on_stop: Callable[[], None]) -> None:
        """Have `on_stop` called when the signal comes; now, if it came already."""
        self._to_tell.append(on_stop)
        if self.is_received:
            self._tell()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.is_received = True
        self._run.request_stop()
        # `on_stop` may take long, and logs: with the log's lock it would keep out all others, and itself.
        self._when_free(self._tell)

    def _tell(self) -> None:
        try:
            on_stop = self._to_tell.pop()
        except IndexError:
            return
        on_stop()
