"""How long an attempt may take, and how long it may be silent."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.quantities import duration_in_words
from mlpipeline.project.clock import since_boot
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import RunDir


class Limits:
    """Watches one attempt; the time for which it was paused does not count."""

    def __init__(
        self, conditions: Conditions, run_dir: RunDir, number: int, *, timeout_name: str = "its timeout"
    ) -> None:
        """Watch an attempt of a run; `timeout_name` is what is said of its timeout."""
        self._timeout_name = timeout_name
        self._timeout_s = conditions.timeout_s or 0.0
        self._silence_s = conditions.silence_s or 0.0
        attempt = run_dir.attempt(number)
        self._worker = attempt.worker
        self._progress = attempt.progress
        #: What grows while it is not silent.
        self._signs = (attempt.output, run_dir.metrics, attempt.command_metrics)
        #: Since when it runs, and since when it has been silent, in seconds since the boot.
        self._began_at: float | None = None
        self._silent_since = 0.0
        self._last_signs: tuple[object, ...] = ()

    def passed(self, *, paused_s: float = 0.0, is_paused: bool = False) -> str | None:
        """Return which limit it has passed, None while it has passed none. Asked again and again while it runs.

        Args:
            paused_s: how long it stood still before, in seconds.
            is_paused: whether it stands still now; then it passes none.
        """
        if not (self._timeout_s or self._silence_s):
            return None
        now = since_boot()
        if self._began_at is None:
            # An adopted run began long ago; how long it has been silent is only known from now on.
            self._began_at = _began_at(self._worker, now)
            self._silent_since = now
        if is_paused:
            self._silent_since = now
            return None
        if self._timeout_s and now - self._began_at - paused_s > self._timeout_s:
            return f"ran for longer than {self._timeout_name}, {duration_in_words(self._timeout_s)}"
        if self._silence_s and self._is_silent(now):
            told = f"was silent for longer than {duration_in_words(self._silence_s)}"
            return f"{told}: no output, metrics or progress"
        return None

    def _is_silent(self, now: float) -> bool:
        signs = (*map(_size, self._signs), _content(self._progress))
        if signs != self._last_signs:
            self._last_signs = signs
            self._silent_since = now
        return now - self._silent_since > self._silence_s


def _began_at(worker: Path, now: float) -> float:
    try:
        return float((read_json(worker) or {})["since_boot"])
    except (KeyError, TypeError, ValueError):
        return now


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 (asked of every run, every second)
    except OSError:
        return 0


def _content(path: Path) -> bytes:
    # Written through a mapping, which changes neither its size nor, for long, its time.
    with suppress(OSError):
        return path.read_bytes()
    return b""
