from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlpipeline.domain.pace import Loop
from mlpipeline.project.progress import ProgressFile, read_progress


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress.jsonl"


def counts(path: Path) -> list[tuple[int, int | None]]:
    return [(loop.done, loop.of) for loop in read_progress(path)]


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
    assert counts(path) == [(2, 3), (10**15, 10**16)]
    assert [len(line) for line in path.read_bytes().splitlines(keepends=True)] == [160, 160]


def test_a_reader_can_tell_when_the_first_step_was_done_here_and_when_the_last_was(path, monkeypatch):
    file = ProgressFile(path)
    seen = []
    for done, now in ((40, 1000.0), (41, 1001.5), (42, 1003.25), (43, 1004.0)):
        monkeypatch.setattr("mlpipeline.project.progress.monotonic", lambda now=now: now)
        file.write(0, done, 100)
        seen += read_progress(path)
    assert seen == [
        Loop(40, 100, 40, 1000.0, 1000.0),
        Loop(41, 100, 41, 1001.5, 1001.5),
        Loop(42, 100, 41, 1001.5, 1003.25),
        Loop(43, 100, 41, 1001.5, 1004.0),
    ]
    for epoch in (1, 2):
        file.write(1, epoch, None)
    assert read_progress(path)[1] == Loop(2, None, 1, 1004.0, 1004.0)


def test_what_an_earlier_release_wrote_tells_no_times_and_what_comes_before_a_torn_line_is_kept(path):
    path.write_bytes(b'{"done": 3, "of": 10}\n{"done": 1, "of": 2}\n{"done": 7, "o')
    assert read_progress(path) == [Loop(3, 10), Loop(1, 2)]


@pytest.mark.parametrize("has_fallocate", [True, False])
def test_what_an_earlier_writer_noted_is_kept_until_it_is_overwritten(path, monkeypatch, has_fallocate):
    if not has_fallocate:
        monkeypatch.delattr(os, "posix_fallocate")  # as on macOS
    ProgressFile(path).write(0, 5, 9)
    ProgressFile(path).write(1, 1, 2)
    assert counts(path) == [(5, 9), (1, 2)]


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
