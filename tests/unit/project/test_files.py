from __future__ import annotations

import errno
import fcntl
import math
import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from mlpipeline.project.files import (
    append_whole,
    create_exclusively,
    read_json,
    replace_if_unchanged,
    to_json,
    write_whole,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def only(path: Path) -> bool:
    return [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
def test_a_file_is_put_in_place_whole_and_can_be_read_by_others(path):
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert only(path)


def test_what_cannot_be_written_leaves_what_stood_there(path, monkeypatch):
    write_whole(path, b"first")

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"second")
    assert path.read_bytes() == b"first"
    assert only(path)


def test_a_file_is_created_once(path):
    assert create_exclusively(path, b"mine")
    assert not create_exclusively(path, b"theirs")
    assert path.read_bytes() == b"mine"
    assert only(path)


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_where_there_are_no_hard_links_a_file_is_created_once_all_the_same(path, monkeypatch, number):
    def refuse(_source: str, _target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    assert create_exclusively(path, b"mine")
    assert not create_exclusively(path, b"theirs")
    assert path.read_bytes() == b"mine"
    assert only(path)


def test_any_other_reason_why_a_file_cannot_be_created_is_an_error(path, monkeypatch):
    def refuse(_source: str, _target: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="Read-only"):
        create_exclusively(path, b"mine")
    assert not path.exists()


def test_json_is_one_line_and_keeps_what_json_has_no_word_for():
    data = to_json({"text": "é\n", "nan": math.nan, "inf": -math.inf})
    assert data == '{"text":"é\\n","nan":NaN,"inf":-Infinity}\n'.encode()


def test_json_is_read_back(path):
    write_whole(path, to_json({"nan": math.nan, "lone": "\ud800"}))
    value = read_json(path)
    assert math.isnan(value["nan"])
    assert value["lone"] == "\ud800"


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_what_is_no_json_is_none(path, content):
    if content is not None:
        path.write_bytes(content)
    assert read_json(path) is None


def test_lines_are_appended_and_a_torn_one_before_them_is_ended(path):
    append_whole(path, b"one\n", to_disk=True)
    with path.open("ab") as file:
        file.write(b"torn")
    append_whole(path, b"two\nthree\n", to_disk=False)
    assert path.read_bytes() == b"one\ntorn\ntwo\nthree\n"


def test_lines_that_are_written_in_parts_arrive_whole(path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    append_whole(path, b"a longer line\n", to_disk=False)
    assert path.read_bytes() == b"a longer line\n"


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_lines_that_find_no_room_are_taken_back(path, monkeypatch, call):
    append_whole(path, b"one\n", to_disk=True)
    write, calls = os.write, []

    def refuse_the_rest(descriptor: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:3])

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, refuse_the_rest if call == "write" else refuse)
    with pytest.raises(OSError, match="No space"):
        append_whole(path, b"two, a longer line\n", to_disk=True)
    assert path.read_bytes() == b"one\n"


def test_only_what_must_be_on_the_disk_waits_for_it(path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    append_whole(path, b"one\n", to_disk=False)
    assert synced == []
    append_whole(path, b"two\n", to_disk=True)
    assert len(synced) == 1


def test_writers_wait_for_each_other(path):
    append_whole(path, b"one\n", to_disk=False)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        writer = threading.Thread(target=append_whole, args=(path, b"two\n"), kwargs={"to_disk": False})
        writer.start()
        writer.join(0.2)
        assert path.read_bytes() == b"one\n"
    writer.join(10)
    assert path.read_bytes() == b"one\ntwo\n"


def test_without_locks_a_line_is_written_all_the_same(path, monkeypatch):
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    append_whole(path, b"one\n", to_disk=False)
    assert path.read_bytes() == b"one\n"


class SavedMeanwhile(type(Path())):
    """A file that somebody saves, in each of these ways, right after it was looked at."""

    saves: ClassVar[list[str]] = []

    def read_bytes(self):
        content = super().read_bytes()
        if self.saves:
            aside = self.with_name("editor")
            aside.write_text(self.saves.pop(0))
            aside.replace(self)
        return content


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere two files cannot change places at once")
def test_what_is_saved_at_the_last_moment_is_not_replaced(tmp_path):
    path = SavedMeanwhile(tmp_path / "file")
    path.write_text("old")
    path.saves.append("saved")
    assert not replace_if_unchanged(path, b"old", b"new")
    assert path.read_text() == "saved"
    assert replace_if_unchanged(path, b"saved", b"new")
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_file_that_is_something_else_by_now_is_left(tmp_path):
    path = tmp_path / "file"
    path.write_text("saved")
    path.chmod(0o600)
    assert not replace_if_unchanged(path, b"old", b"new")
    assert path.read_text() == "saved"
    assert replace_if_unchanged(path, b"saved", b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
