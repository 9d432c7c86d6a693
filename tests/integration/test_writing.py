"""Files, and processes that are forked or killed while they are written."""

from __future__ import annotations

import fcntl
import os
import signal

from mlpipeline.project.files import append_whole
from mlpipeline.project.progress import ProgressFile, read_progress


def test_a_child_that_was_forked_while_a_line_was_written_keeps_nobody_waiting(tmp_path, monkeypatch):
    path = tmp_path / "file"
    synced = os.fsync
    children = []

    def fork_and_sync(descriptor: int) -> None:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)  # until the test is over
            os._exit(0)
        os.close(read)
        children.append((child, write))
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fork_and_sync)
    append_whole(path, b"one\n", to_disk=True)
    try:
        with path.open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        for child, write in children:
            os.close(write)
            os.waitpid(child, 0)


def test_a_kill_after_a_step_loses_nothing_of_it(tmp_path):
    path = tmp_path / "progress.jsonl"
    child = os.fork()
    if child == 0:
        ProgressFile(path).write(0, 7, 9)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert [(loop.done, loop.of) for loop in read_progress(path)] == [(7, 9)]
