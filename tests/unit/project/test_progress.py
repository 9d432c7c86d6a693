from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mlpipeline.project.progress import ProgressFile, read_progress


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress.jsonl"


def test_before_the_first_step_the_file_is_there_and_empty(path):
    ProgressFile(path)
    assert path.exists()
    assert read_progress(path) == []


def test_each_loop_has_a_line_that_says_how_far_it_came(path):
    file = ProgressFile(path)
    for done in range(4):
        file.write(0, done, 3)
    file.write(1, 10**15, 10**16)
    file.write(0, 2, 3)
    assert read_progress(path) == [(2, 3), (10**15, 10**16)]
    assert [len(line) for line in path.read_bytes().splitlines(keepends=True)] == [64, 64]


@pytest.mark.parametrize("has_fallocate", [True, False])
def test_what_an_earlier_writer_noted_is_kept_until_it_is_overwritten(path, monkeypatch, has_fallocate):
    if not has_fallocate:
        monkeypatch.delattr(os, "posix_fallocate")  # as on macOS
    ProgressFile(path).write(0, 5, 9)
    ProgressFile(path).write(1, 1, 2)
    assert read_progress(path) == [(5, 9), (1, 2)]


def test_a_kill_after_a_step_loses_nothing_of_it(path):
    child = os.fork()
    if child == 0:
        ProgressFile(path).write(0, 7, 9)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert read_progress(path) == [(7, 9)]


@pytest.mark.parametrize("content", [None, b"", b"{torn", b"[1]\n", b'{"done": 1}\n', b"\xff\n"])
def test_what_cannot_be_read_is_no_progress(path, content):
    if content is not None:
        path.write_bytes(content)
    assert read_progress(path) == []


def test_where_there_is_no_room_the_writer_is_told(path, monkeypatch):
    def refuse(*_: int) -> None:
        raise OSError(28, "No space left on device")

    file = ProgressFile(path)
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space"):
        file.write(0, 1, 2)
