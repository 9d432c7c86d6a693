"""The daemon's terminal: it shows what is written to the log, and may be lost at any time."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

#: How often lines that workers wrote are looked for, in seconds.
_INTERVAL_S = 0.5
#: How long more lines are waited for when there is one, in seconds: each look takes time from the daemon.
_GATHER_S = 0.05
#: How long the daemon waits at its end for a terminal that does not take its output, in seconds.
_CLOSE_TIMEOUT_S = 2.0


class Terminal:
    """Follows a log in a thread of its own: a terminal that is paused, or gone, holds nobody up."""

    def __init__(self, log: Path) -> None:
        """Show what is appended to `log` from now on."""
        self._log = log
        self._offset = log.stat().st_size if log.exists() else 0
        self._lock = threading.Lock()
        self._texts: list[str] = []
        self._poked = threading.Event()
        self._closing = threading.Event()
        self._is_lost = False
        self._thread = threading.Thread(target=self._follow, name="terminal", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Show what is new, now."""
        self._poked.set()

    def show(self, text: str) -> None:
        """Show a text that is not in the log, after what is in it by now."""
        with self._lock:
            self._texts.append(text)
        self._poked.set()

    def close(self) -> None:
        """Show the rest, and wait for that if the terminal takes it."""
        self._closing.set()
        self._poked.set()
        self._thread.join(_CLOSE_TIMEOUT_S)

    def _follow(self) -> None:
        is_last = False
        while not is_last and not self._is_lost:
            if self._poked.wait(_INTERVAL_S):
                self._closing.wait(_GATHER_S)
            self._poked.clear()
            is_last = self._closing.is_set()
            with self._lock:
                texts, self._texts = self._texts, []
            self._write(self._new_in_log())
            for text in texts:
                self._write(text.encode("utf-8", "backslashreplace") + b"\n")

    def _new_in_log(self) -> bytes:
        try:
            with self._log.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset = 0  # Somebody cut it short or put another in its place.
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return b""
        # A line that is still being written is shown when it is whole.
        data = data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        return data

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(sys.__stdout__.fileno(), data) :] if sys.__stdout__ else b""
        except (OSError, ValueError):
            self._is_lost = True  # EIO, EPIPE: the terminal is gone; the log goes on.
