"""How far a pipeline is, told at the prompt: a line for each stage, on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mlpipeline.cli.output import echo_message
from mlpipeline.domain.quantities import duration_in_words, size_in_words
from mlpipeline.pipelines.watching import Silent
from mlpipeline.views.tables import GAP, display_width
from mlpipeline.views.words import one_line, roughly

if TYPE_CHECKING:
    from mlpipeline.pipelines.records import Made
    from mlpipeline.pipelines.wiring import StageCall

#: From when on, and how often, a terminal shows that a stage runs, in seconds.
_SHOWN_AFTER_S, _SHOWN_EVERY_S = 2.0, 1.0
#: From the beginning of the line, over all that was in it.
_OVER = "\r\x1b[K"


class Progress(Silent):
    """Tells of the stages of a pipeline as they go; on a terminal also how long one runs, while that is silent."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        #: The call that raised.
        self.failed: StageCall | None = None
        self._width = 0
        self._began = 0.0
        self._running = _Running()

    def __enter__(self) -> Progress:
        self._running.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.end()

    def plans(self, calls: Sequence[StageCall]) -> None:
        """Align what is said of them."""
        self._width = max((display_width(call.name) for call in calls), default=0)

    def found(self, call: StageCall, made: Made) -> None:
        """Say so."""
        self._say(call, "cached")
        self._note(call, is_cached=True, seconds=made.seconds, size_bytes=sum(one.size_bytes for one in made.artifacts))

    def waits(self, call: StageCall, maker: str | None) -> None:
        """Say for whom."""
        self._say(call, f"is being made by {maker or 'another process'}: waiting")

    def begins(self, call: StageCall) -> None:
        """Show it after a while."""
        self._began = time.monotonic()
        self._running.show(self._line(call, "running"))

    def ran(self, call: StageCall, seconds: float, size_bytes: int | None) -> None:
        """Say how long it took, and how much it made."""
        kept = "not kept" if size_bytes is None else size_in_words(size_bytes)
        self._say(call, f"{duration_in_words(seconds)}, {kept}")
        self._note(call, is_cached=False, seconds=seconds, size_bytes=size_bytes)

    def fails(self, call: StageCall, error: BaseException) -> None:
        """Say after how long."""
        self.failed = call
        word = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        self._say(call, f"{word} after {duration_in_words(time.monotonic() - self._began)}")

    def warns(self, message: str) -> None:
        """Say it."""
        self._running.hide()
        echo_message(one_line(message))

    def _note(self, call: StageCall, *, is_cached: bool, seconds: float, size_bytes: int | None) -> None:
        self.told.append(
            {
                "stage": call.name,
                "cached": is_cached,
                "seconds": round(seconds, 6),
                "size_bytes": size_bytes,
            }
        )

    def _say(self, call: StageCall, what: str) -> None:
        self._running.hide()
        echo_message(self._line(call, what), begins="")

    def _line(self, call: StageCall, what: str) -> str:
        return f"{one_line(call.name)}{' ' * (self._width - display_width(call.name))}{GAP}{what}"


class _Running:
    """The line of a terminal that says what runs, and for how long; gone as soon as anybody else writes."""

    def __init__(self) -> None:
        self._is_wanted = sys.stderr is not None and sys.stderr.isatty()
        self._lock = threading.RLock()
        self._text: str | None = None
        self._began = 0.0
        self._is_shown = False
        self._ended = threading.Event()
        self._streams = (sys.stdout, sys.stderr)

    def start(self) -> None:
        """Show what is to be shown from now on."""
        if self._is_wanted:
            sys.stdout, sys.stderr = (_Watched(stream, self.hide) for stream in self._streams)
            threading.Thread(target=self._keep_showing, daemon=True).start()

    def end(self) -> None:
        """Leave the terminal as it was."""
        self._ended.set()
        self.hide()
        if self._is_wanted:
            sys.stdout, sys.stderr = self._streams

    def show(self, text: str) -> None:
        """Show a text, and for how long, after a while."""
        with self._lock:
            self._text, self._began = text, time.monotonic()

    def hide(self) -> None:
        """Clear the line, and leave it to who writes now: what it is in the midst of stays whole."""
        with self._lock:
            self._text = None
            if self._is_shown:
                self._is_shown = False
                self._write(_OVER)

    def _keep_showing(self) -> None:
        while not self._ended.wait(_SHOWN_EVERY_S):
            with self._lock:
                elapsed_s = time.monotonic() - self._began
                if self._text is not None and elapsed_s > _SHOWN_AFTER_S and not self._ended.is_set():
                    self._is_shown = True
                    self._write(f"{_OVER}{self._text}, {roughly(elapsed_s)}")

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._streams[1].write(text)
            self._streams[1].flush()


class _Watched:
    """A stream that tells of each write before it is done, and is the stream in all else."""

    def __init__(self, stream: Any, before: Any) -> None:
        self._stream = stream
        self._before = before

    def write(self, text: str) -> Any:
        self._before()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
