"""Metrics as TensorBoard events in the run dir."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

#: How long the end of a run waits for its last events, in seconds.
_CLOSE_TIMEOUT_S = 20.0
#: For how long entries are gathered before they are written, in seconds: so far behind are the curves of a run under
#: way. Written one by one, they would be so in turn with the script, which waits meanwhile.
_GATHER_S = 2.0

_Entry = tuple[Mapping[str, int | float], int | None, float]


class TensorBoard:
    """Writes events in a thread of its own, so that training never waits for them."""

    def __init__(self, folder: Path) -> None:
        """Write the event file into `folder`; it appears with the first metric."""
        self._folder = folder
        self._entries: deque[_Entry] = deque()
        self._closing = threading.Event()
        self._is_broken = False
        # Here, not in the thread: two threads that import parts of one package at the same moment can break each
        # other's import, and the other one would be the user's.
        with suppress(Exception), _refused_here("torch"):
            import_module("tensorboardX.event_file_writer")
        self._thread = threading.Thread(target=self._write_all, name="tensorboard", daemon=True)
        self._thread.start()

    def metrics(self, values: Mapping[str, int | float], step: int | None, at: float) -> None:
        """Have the values written."""
        if not self._is_broken:
            self._entries.append((dict(values), step, at))

    def close(self) -> None:
        """Wait for the events, though not for ever."""
        self._closing.set()
        self._thread.join(_CLOSE_TIMEOUT_S)

    def _write_all(self) -> None:
        file: _EventFile | None = None
        try:
            is_last = False
            while not is_last:
                is_last = self._closing.wait(_GATHER_S)
                if self._entries:
                    file = file or _EventFile(self._folder)
                    file.write(self._gathered())
            if file is not None:
                file.close()
        except Exception as error:
            self._is_broken = True
            sys.stderr.write(f"TensorBoard events are not written: {error}. The metrics are in metrics.jsonl.\n")

    def _gathered(self) -> Iterator[_Entry]:
        with suppress(IndexError):
            while True:
                yield self._entries.popleft()


class _EventFile:
    """One event file.

    tensorboardX's own `SummaryWriter` would put a queue of multiprocessing and one more thread between us and the
    file, where an error of the disk would be lost, and it warns of every NaN.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        self._file = EventsWriter(str(folder / "events"))
        self._steps: dict[str, int] = {}

    def write(self, entries: Iterable[_Entry]) -> None:
        """Write the entries, so that whoever looks at the curves sees them."""
        for entry in entries:
            self._write(*entry)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, values: Mapping[str, int | float], step: int | None, at: float) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        for name, value in values.items():
            # Metrics logged without a step are counted, each by itself.
            self._steps[name] = self._steps.get(name, -1) + 1 if step is None else step
            scalar: Any = Summary.Value(tag=name, simple_value=_as_float(value))
            self._file.write_event(Event(wall_time=at, step=self._steps[name], summary=Summary(value=[scalar])))


@contextmanager
def _refused_here(name: str) -> Iterator[None]:
    """Refuse this thread a module that is not loaded so far.

    tensorboardX imports torch wherever that is installed, for an annotation only: each run that logs a metric would
    pay seconds and hundreds of megabytes for it.
    """
    finder = _Refusal(name, threading.get_ident())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Refusal:
    def __init__(self, name: str, thread: int) -> None:
        self._name, self._thread = name, thread

    def find_spec(self, name: str, *_: object) -> None:
        if name == self._name and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _as_float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:  # An int may be larger than any float.
        return float("inf") if value > 0 else float("-inf")
