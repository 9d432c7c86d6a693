"""Trying out a file system: what is written for that is removed again."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.project.storage import PROBE

#: Another process, which asks for a lock that this one holds.
_ASK = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print("free")
    except BlockingIOError:
        print("held")
"""
_ASK_TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What was found."""

    folder: Path
    #: Why nothing can be written there; None where something can, and then the rest is known.
    refusal: OSError | None = None
    #: By how much the clock of the file system is ahead of this host's, in seconds.
    skew_s: float | None = None
    #: What is wrong with locks, with exclusive creation, and with hard links; None where they work.
    lock_trouble: str | None = None
    creation_trouble: str | None = None
    link_trouble: str | None = None


def probe(folder: Path) -> Probe:
    """Try the file system of a folder out, in a folder of its own in it."""
    try:
        place = Path(tempfile.mkdtemp(prefix=PROBE, dir=folder))
    except OSError as error:
        return Probe(folder=folder, refusal=error)
    try:
        file = place / "file"
        return Probe(
            folder=folder,
            skew_s=_skew_s(file),
            lock_trouble=_lock_trouble(file),
            creation_trouble=_creation_trouble(file),
            link_trouble=_link_trouble(file),
        )
    except OSError as error:
        return Probe(folder=folder, refusal=error)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _skew_s(path: Path) -> float:
    before = time.time()
    path.write_bytes(b"x")
    after = time.time()
    at = path.stat().st_mtime
    # It was written at some moment between the two.
    return min(0.0, at - before) if at < after else at - after


def _lock_trouble(path: Path) -> str | None:
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return f"there are none: {error.strerror}"
        asked = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _ASK, str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_TIMEOUT_S,
            check=False,
        )
    if asked.stdout.strip() == "held":
        return None
    if asked.stdout.strip() == "free":
        return "two processes were given the same one"
    said = asked.stderr.strip().splitlines()
    return f"another process could not ask for one: {said[-1] if said else f'exit status {asked.returncode}'}"


def _creation_trouble(path: Path) -> str | None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return None
    return "a file that was there was created once more"


def _link_trouble(path: Path) -> str | None:
    other = path.with_name("link")
    try:
        os.link(path, other)
    except OSError as error:
        return str(error.strerror)
    try:
        os.link(path, other)
    except FileExistsError:
        return None
    return "one was put in the place of a file"
