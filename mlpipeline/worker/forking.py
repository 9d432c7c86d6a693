"""A warm parent: a process that has imported what the runs of a script import, and becomes a worker by forking.

It speaks lines of JSON over a socket with the daemon that started it. To it: `{"modules": […], "never", "folders",
"hash_seed"}` once, then what `executors.handover` writes, with `{"fork": attempt id, "exit"}`. From it:
`{"ready": null or why not}` once, then `{"forked": attempt id, "pid"}`, or `{"refused": attempt id, "why"}`, and
`{"ended": pid, "status", "left"}`, where `left` is how many processes there are that workers left behind.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from mlpipeline.executors.how import forked
from mlpipeline.executors.marks import ROOM
from mlpipeline.executors.processes import become_subreaper, children_of_this_process, die_with_parent
from mlpipeline.project.exit_file import write_exit
from mlpipeline.project.files import to_json
from mlpipeline.project.seeding import draw_anew
from mlpipeline.worker.attempt import carry_out_and_leave
from mlpipeline.worker.becoming import become_worker, printed_so_far
from mlpipeline.worker.fork_safety import Surface, TemporaryFolders, why_threads_are_unsafe, why_unsafe
from mlpipeline.worker.importing import ask_beforehand
from mlpipeline.worker.rehearsal import rehearse


def serve(descriptor: int) -> NoReturn:
    """Fork workers for as long as the daemon is there, and end with the last child; nobody returns from here."""
    # What is started while importing must not hold the line to the daemon open.
    os.set_inheritable(descriptor, False)
    parent = _Parent(socket.socket(fileno=descriptor))
    handover = parent.serve()
    if handover is None:
        # What imports registered for the end of their process is for the workers, which end as Python does.
        os._exit(0)
    carry_out_and_leave(
        handover["run_dir"],
        int(handover["number"]),
        handover["how"],
        preloaded=parent.preloaded,
        hash_seed=parent.hash_seed,
    )


class _Parent:
    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._received = b""
        self._is_open = True
        #: pid -> where its exit status is written.
        self._children: dict[int, Path] = {}
        #: The modules that a worker has from it.
        self.preloaded: set[str] = set()
        #: Forked already, and waiting to be told; why there is none, where that is a reason to refuse.
        self._next: _NextWorker | None = None
        self._refusal: str | None = None
        self._bell: _Bell
        #: What importing printed, as it would have in a worker of its own.
        self._printed = b""
        #: What all its workers' string hashes are seeded with: that cannot differ between forks.
        self.hash_seed = os.environ.get("PYTHONHASHSEED")

    def serve(self) -> Mapping[str, Any] | None:
        """Return None when all is over; in a forked child, what was handed over to it."""
        # While it imports, which may hang, it reads nothing and would not notice that the daemon died.
        die_with_parent(True)
        told = self._next_line()
        if told is None or self._is_daemon_gone():
            return None
        become_subreaper()
        if told["hash_seed"] is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = told["hash_seed"]
        before = Surface.take()
        with TemporaryFolders() as folders:
            _preload(told["modules"])
        # Whatever was started by now shows the room, by which the daemon finds it.
        os.environ.pop(ROOM, None)
        self._printed = printed_so_far()
        reason = why_unsafe(before, told["never"], folders.made)
        # From now on it ends with its last child.
        die_with_parent(False)
        self._say({"ready": reason})
        if reason is not None:
            return None
        ask_beforehand(told["folders"])
        # What is there now stays: collections in the children need not touch, and so copy, its pages.
        gc.collect()
        gc.freeze()
        self._bell = _Bell()
        own = self._fork_next()
        while own is None and (self._is_open or self._children):
            handover = self._wait()
            if handover is not None:
                own = self._hand_over(handover)
            if not self._is_open:
                self._dismiss_next()
        return own

    def _wait(self) -> Mapping[str, Any] | None:
        """Wait for something to happen; return what is handed over to a fork, if that is what happened."""
        is_told_already = b"\n" in self._received
        sources = [self._bell.fileno(), self._channel.fileno()] if self._is_open else [self._bell.fileno()]
        # What has come is not waited for.
        ready, _, _ = select.select(sources, [], [], 0 if is_told_already else None)
        if self._bell.fileno() in ready:
            self._bell.silence()
            self._reap()
        if is_told_already or self._channel.fileno() in ready:
            return self._next_line()
        return None

    def _hand_over(self, handover: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Have the next worker carry it out, and fork the one after that; returns as `_fork_next` does."""
        if self._is_daemon_gone():
            return None
        if self._next is None:
            own = self._fork_next()
            if own is not None:
                return own
        if self._next is None:
            self._say({"refused": handover["fork"], "why": self._refusal})
            return None
        worker, self._next = self._next, None
        if not worker.tell(handover):
            self._say({"refused": handover["fork"], "why": "the worker that its warm parent had forked has died"})
            return None
        self._children[worker.pid] = Path(handover["exit"])
        self._say({"forked": handover["fork"], "pid": worker.pid})
        return self._fork_next()

    def _fork_next(self) -> Mapping[str, Any] | None:
        """Fork the next worker before it is asked for, so that nobody waits for that.

        Returns:
            None here; in the worker, once it is told, what was handed over to it.
        """
        self._refusal = why_threads_are_unsafe()
        if self._refusal is not None:
            return None
        hear, tell = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            self._refusal = f"its warm parent could not fork: {error.strerror}"
            os.close(hear)
            os.close(tell)
            return None
        if pid:
            os.close(hear)
            self._next = _NextWorker(pid, tell)
            return None
        os.close(tell)
        return self._become_worker(hear)

    def _dismiss_next(self) -> None:
        if self._next is not None:
            self._next.dismiss()
            self._next = None

    def _is_daemon_gone(self) -> bool:
        # What it had asked for before it died is still to be read; the daemon after it decides anew.
        poll = select.poll()
        poll.register(self._channel, 0)
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    def _become_worker(self, hear: int) -> Mapping[str, Any]:
        """Make this child what a worker is that was started by itself, for what it is told; return that."""
        how = forked(os.getppid())
        os.setsid()
        self._bell.remove()
        self._channel.close()
        self._children.clear()
        draw_anew()
        rehearse()
        self.preloaded = set(sys.modules)
        with open(hear, "rb") as line:
            told = line.readline()
        if not told.endswith(b"\n"):
            os._exit(0)
        handover: dict[str, Any] = json.loads(told)
        # What importing changed in the environment stays, as it would in a worker of its own.
        become_worker(handover, how, self._printed)
        return {**handover, "how": how}

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._next is not None and pid == self._next.pid:
                # Another is forked when it is asked for: one that always dies is not forked over and over.
                self._next.forget()
                self._next = None
            path = self._children.pop(pid, None)
            if path is not None:
                exit_status = os.waitstatus_to_exitcode(status)
                self._note_exit(path, exit_status)
                # What a worker leaves behind becomes a child of ours, wherever it went.
                ours = {*self._children, self._next.pid} if self._next is not None else self._children.keys()
                left = children_of_this_process() - ours
                self._say({"ended": pid, "status": exit_status, "left": len(left)})

    def _note_exit(self, path: Path, status: int) -> None:
        try:
            write_exit(path, status)
        except OSError as error:
            sys.stderr.write(f"{path} could not be written: {error.strerror}\n")

    def _say(self, message: Mapping[str, Any]) -> None:
        try:
            self._channel.sendall(to_json(message))
        except OSError:
            self._is_open = False

    def _next_line(self) -> dict[str, Any] | None:
        """Return the daemon's next line, or None once it is gone."""
        while b"\n" not in self._received:
            try:
                data = self._channel.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                self._is_open = False
                return None
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message


class _NextWorker:
    """A forked child that waits for the line which says what it is to carry out; without one it ends."""

    def __init__(self, pid: int, tell: int) -> None:
        self.pid = pid
        self._tell = tell

    def tell(self, handover: Mapping[str, Any]) -> bool:
        """Say what it is to carry out; return whether it was there to hear it."""
        try:
            os.write(self._tell, to_json(handover))
        except BrokenPipeError:
            return False
        finally:
            self.forget()
        return True

    def dismiss(self) -> None:
        """End it; its pid is its own, as it was not reaped yet."""
        self.forget()
        os.kill(self.pid, signal.SIGKILL)

    def forget(self) -> None:
        """Have nothing more to say to it."""
        os.close(self._tell)


class _Bell:
    """Rings when a child ends."""

    def __init__(self) -> None:
        self._wake, self._ring = os.pipe()
        os.set_blocking(self._ring, False)
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """Return what is readable once it has rung."""
        return self._wake

    def silence(self) -> None:
        """Wait for it to ring again."""
        with suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def remove(self) -> None:
        """Undo it, in a child."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._wake)
        os.close(self._ring)


def _preload(modules: Iterable[str]) -> None:
    for name in modules:
        # What cannot be imported now the run will import itself, and say so if that fails.
        with suppress(BaseException):
            importlib.import_module(name)
