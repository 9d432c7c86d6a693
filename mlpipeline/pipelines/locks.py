"""Locks that keep processes, on all hosts that share a folder, from doing the same at the same time.

Where a file system has none, everybody goes on: what is made twice is the same, and the last one's stays.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Hears again and again that somebody else holds a lock: what that one says of itself, None where it says nothing.
#: What it raises ends the waiting.
Waits = Callable[[str | None], None]

#: How long until a lock is looked at again, at first and at most: nobody is woken.
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.002, 0.1
#: How much of what the holder says is read.
_NOTE_BYTES = 512
#: What is answered where somebody else holds the lock.
TAKEN = frozenset({errno.EACCES, errno.EAGAIN})

#: The locks that this process holds, and which of its threads: the system tells processes apart, and no more.
_owners: dict[str, int] = {}
_owners_change = threading.Condition()


@contextmanager
def held(path: Path, note: str, waits: Waits) -> Iterator[None]:
    """Hold the lock that a file stands for, after waiting for whoever holds it.

    It belongs to this process alone and ends with it, however that comes; what the process forked holds nothing.
    The file is gone afterwards.

    Args:
        path: the file.
        note: what is told to those who wait.
        waits: hears that it has to be waited for.
    """
    # One folder may have several names.
    with _for_this_thread(os.path.realpath(path), note, waits) as is_new:
        descriptor = _locked(path, waits) if is_new else None
        if descriptor is None:
            yield
            return
        process = os.getpid()
        try:
            with suppress(OSError):
                os.truncate(descriptor, 0)
                os.pwrite(descriptor, note.encode("utf-8", "replace")[:_NOTE_BYTES], 0)
            yield
        finally:
            if os.getpid() == process:  # What a stage forked may come here, too.
                _let_go(descriptor, path)


def is_free(path: Path, *, is_cleared: bool = False) -> bool | None:
    """Return whether nobody holds the lock that a file stands for; None where that cannot be told.

    Args:
        path: the file.
        is_cleared: delete it then: who held it died.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return True if error.errno == errno.ENOENT else None
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_cleared and is_at(path, descriptor):
            path.unlink()
    except OSError as error:
        return False if error.errno in TAKEN else None
    finally:
        os.close(descriptor)
    return True


@contextmanager
def shared(path: Path, *, is_alone: bool = False) -> Iterator[bool]:
    """Hold the lock of a file with others, for a moment, or alone; whether that is so, or there are no locks."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
            is_held = True
        except OSError:
            is_held = False
        yield is_held
    finally:
        # Not by closing alone: a child that is forked at this moment holds the file open, too.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@contextmanager
def _for_this_thread(name: str, note: str, waits: Waits) -> Iterator[bool]:
    """Keep other threads out; whether this one was not in already."""
    me = threading.get_ident()
    while True:
        with _owners_change:
            owner = _owners.get(name)
            if owner in (None, me):
                _owners[name] = me
                break
            is_over = _owners_change.wait(_LAST_PAUSE_S) and name not in _owners
        # Not while all other locks wait, too: it may take its time.
        if not is_over:
            waits(note)
    is_new = owner is None
    try:
        yield is_new
    finally:
        if is_new:
            with _owners_change:
                _owners.pop(name, None)
                _owners_change.notify_all()


def _after_fork() -> None:
    """Forget the threads that this process does not have; one of them may have been at it right then."""
    global _owners_change  # noqa: PLW0603 (a lock that is held at the fork stays so)
    _owners_change = threading.Condition()
    me = threading.get_ident()
    for name in [name for name, owner in _owners.items() if owner != me]:
        del _owners[name]


os.register_at_fork(after_in_child=_after_fork)


def _locked(path: Path, waits: Waits) -> int | None:
    """Return the open file whose lock is held; None where there are none, or nothing can be written."""
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            descriptor = _opened(path)
        except OSError:
            return None
        try:
            # Not flock: whatever a stage forked would hold that, too, and long after we were killed.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(path, descriptor):
                return descriptor
            os.close(descriptor)  # Its last holder has deleted it meanwhile.
            continue
        except OSError as error:
            note = os.pread(descriptor, _NOTE_BYTES, 0).decode("utf-8", "replace")
            os.close(descriptor)
            if error.errno not in TAKEN:
                return None
        # Who has only just got it is about to say who that is.
        if note or pause_s == _LAST_PAUSE_S:
            waits(note or None)
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_PAUSE_S)


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


def is_at(path: Path, descriptor: int) -> bool:
    """Return whether an open file is still the one at a path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _let_go(descriptor: int, path: Path) -> None:
    with suppress(OSError):
        path.unlink()
    with suppress(OSError):
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
