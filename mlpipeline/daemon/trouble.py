"""What went wrong with the daemon itself: told once, while all that broke is tried again."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from mlpipeline.executors.executor import StartRefused


class Trouble:
    """Whether something goes wrong in tick after tick, and what."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._kind: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether the last tick was not done to its end, or not all of it."""
        return self._kind is not None

    def note(self, error: Exception) -> None:
        """Something went wrong; it is logged where it is not what did before."""
        # Not by the whole message: it may name another file each time.
        kind = getattr(error, "strerror", None) or repr(error)
        if kind != self._kind:
            self._kind = kind
            is_expected = isinstance(error, (OSError, StartRefused))
            told = str(error) if is_expected else f"an error of mlpipeline itself:\n{traceback.format_exc()}"
            self._log(f"nothing new starts until this is over: {told}")

    def note_over(self) -> None:
        """All went well."""
        if self._kind is not None:
            self._kind = None
            self._log("that is over")
