"""Sleeping until something happens: a signal, a child that ended, whatever another thread knows of."""

from __future__ import annotations

import select
import signal
import socket
from contextlib import suppress
from types import FrameType


class Waker:
    """Wakes the loop from signal handlers and other threads; counts the requests to stop."""

    def __init__(self) -> None:
        self._listen, self._ring = socket.socketpair()
        self._listen.setblocking(False)
        self._ring.setblocking(False)
        self._watched: set[int] = set()
        #: The signals that asked the daemon to stop, in order.
        self.stops: list[signal.Signals] = []

    def install(self) -> None:
        """Take over the daemon's signals; from the main thread.

        A lost terminal (SIGHUP) is none of our business. A handler, unlike SIG_IGN, is not inherited by workers.
        """
        signal.set_wakeup_fd(self._ring.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)
        for number in (signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, _do_nothing)

    def wake(self) -> None:
        """Wake the loop; from any thread."""
        # When it is full, the loop is about to wake anyway.
        with suppress(OSError):
            self._ring.send(b"\0")

    def watch(self, descriptor: int) -> None:
        """Wake also when something can be read from a descriptor; whoever watches it reads it."""
        self._watched.add(descriptor)

    def unwatch(self, descriptor: int) -> None:
        """Wake for it no more."""
        self._watched.discard(descriptor)

    def sleep(self, timeout_s: float) -> None:
        """Wait for something to happen, at most so long."""
        select.select([self._listen.fileno(), *self._watched], [], [], timeout_s)
        with suppress(BlockingIOError):
            while self._listen.recv(4096):
                pass

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stops.append(signal.Signals(number))


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    pass
