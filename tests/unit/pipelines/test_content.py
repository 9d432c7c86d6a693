"""What files and folders hold, whoever writes to them, and what is remembered of it."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from mlpipeline.errors import FileKeepsChanging, NoContent
from mlpipeline.pipelines import content
from mlpipeline.pipelines.content import bytes_digest, file_digest, path_digest
from mlpipeline.pipelines.remembered import Remembered

LARGE = bytes(range(256)) * 5000


def in_an_hour(_folder):
    """The time, when all that a test has written is old."""
    return time.time_ns() + 3600 * 10**9


@pytest.fixture
def reads(monkeypatch):
    """The files that were read."""
    read = []
    real = content.changing_file_digest

    def spy(path):
        read.append(path.name)
        return real(path)

    monkeypatch.setattr("mlpipeline.pipelines.remembered.changing_file_digest", spy)
    return read


@pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_a_file_counts_by_what_it_holds_wherever_it_lies(tmp_path, data):
    one, other = tmp_path / "one", tmp_path / "other.csv"
    one.write_bytes(data)
    other.write_bytes(data)
    assert path_digest(one) == path_digest(other) == file_digest(one) == bytes_digest(data)
    other.write_bytes(data + b"x")
    assert path_digest(one) != path_digest(other)


def test_only_what_is_read_only_and_has_no_other_name_is_mapped(tmp_path, monkeypatch):
    # Whoever cuts a mapped file short kills who looks at it.
    read, real = [], content._read_digest

    def spy(descriptor, size):
        read.append(size)
        return real(descriptor, size)

    monkeypatch.setattr(content, "_read_digest", spy)
    path = tmp_path / "one"
    path.write_bytes(LARGE)
    assert file_digest(path) == bytes_digest(LARGE)
    path.chmod(0o444)
    (tmp_path / "other").hardlink_to(path)
    assert file_digest(path) == bytes_digest(LARGE)
    assert read == [len(LARGE)] * 2
    (tmp_path / "other").unlink()
    assert file_digest(path) == bytes_digest(LARGE)
    assert len(read) == 2


def test_a_folder_counts_by_the_names_and_the_content_of_all_in_it(tmp_path):
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (folder / "a").write_text("1")
    (folder / "inner" / "b").write_text("2")
    (folder / "link").symlink_to("a")
    (folder / "up").symlink_to(folder)
    (folder / "circle").symlink_to("circle")
    os.mkfifo(folder / "pipe")
    before = path_digest(folder)
    assert path_digest(shutil.copytree(folder, tmp_path / "copy", symlinks=True, ignore=lambda *_: ["pipe"])) != before

    def changed(change, back):
        change()
        digest = path_digest(folder)
        back()
        assert path_digest(folder) == before
        return digest != before

    outside = tmp_path / "outside"
    outside.write_text("1")
    link = folder / "link"
    assert changed(lambda: (folder / "a").rename(folder / "c"), lambda: (folder / "c").rename(folder / "a"))
    assert changed(lambda: (folder / "inner" / "b").write_text("3"), lambda: (folder / "inner" / "b").write_text("2"))
    assert changed((folder / "new").mkdir, (folder / "new").rmdir)
    assert changed(lambda: (link.unlink(), link.symlink_to(outside)), lambda: (link.unlink(), link.symlink_to("a")))
    link.unlink()
    link.symlink_to(outside)
    before = path_digest(folder)
    assert changed(lambda: outside.write_text("2"), lambda: outside.write_text("1"))


def test_where_nothing_is_the_path_counts_and_what_holds_nothing_is_an_error(tmp_path):
    assert path_digest(tmp_path / "a") != path_digest(tmp_path / "b")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NoContent, match="pipe is neither a file nor a folder"):
        path_digest(tmp_path / "pipe")


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    path, real, changes = tmp_path / "table.csv", content._read_digest, iter([b"1", b"22"])
    path.write_bytes(b"0")

    def read_while_somebody_writes(descriptor, size):
        found = real(descriptor, size)
        with path.open("ab") as file:
            file.write(next(changes, b""))
        return found

    monkeypatch.setattr(content, "_read_digest", read_while_somebody_writes)
    assert path_digest(path) == bytes_digest(b"0122")
    changes = iter([b"1"] * 100)
    with pytest.raises(FileKeepsChanging, match=r"table\.csv changes while it is read"):
        path_digest(path)


def test_a_file_that_is_cut_short_while_it_is_read_costs_nobody_their_life(tmp_path, monkeypatch):
    path, real = tmp_path / "table.csv", content._read_digest
    path.write_bytes(LARGE)

    def cut_short(descriptor, size):
        if path.stat().st_size:
            path.write_bytes(b"")
        return real(descriptor, size)

    monkeypatch.setattr(content, "_read_digest", cut_short)
    assert path_digest(path) == bytes_digest(b"")


def test_a_file_is_read_once_while_it_looks_the_same(tmp_path, reads):
    path = tmp_path / "table.csv"
    path.write_text("1")
    first = path_digest(path, Remembered(tmp_path / "cache", in_an_hour))
    remembered = Remembered(tmp_path / "cache", in_an_hour)
    assert [path_digest(path, remembered) for _ in range(2)] == [first, first]
    assert reads == ["table.csv"]
    # As a copy with its times preserved, which is as long.
    status = path.stat()
    (tmp_path / "other").write_text("2")
    os.utime(tmp_path / "other", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "other").replace(path)
    second = path_digest(path, remembered)
    assert second == bytes_digest(b"2")
    # And where it is written over, and its times set back.
    path.write_text("3")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path_digest(path, Remembered(tmp_path / "cache", in_an_hour)) == bytes_digest(b"3")


def test_a_file_that_was_just_written_is_not_remembered(tmp_path, reads):
    path = tmp_path / "table.csv"
    path.write_text("1")
    remembered = Remembered(tmp_path / "cache")
    path_digest(path, remembered)
    path_digest(path, remembered)
    assert reads == ["table.csv"] * 2


def test_of_a_folder_only_that_is_read_again_which_changed(tmp_path, reads):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_text(name)
    path_digest(folder, Remembered(tmp_path / "cache", in_an_hour))
    (folder / "b").write_text("2")
    again = path_digest(folder, Remembered(tmp_path / "cache", in_an_hour))
    assert reads == ["a", "b", "b"]
    assert again == path_digest(folder)


def test_what_is_remembered_may_be_damaged_or_unwritable(tmp_path, reads):
    path = tmp_path / "table.csv"
    path.write_text("1")
    memory = tmp_path / "cache"
    digest = path_digest(path, Remembered(memory, in_an_hour))
    (file,) = memory.iterdir()
    for damaged in (b"", b"[]", b'{"path":1}', file.read_bytes().replace(b'"files":{', b'"files":{"b":[1],')):
        file.write_bytes(damaged)
        assert path_digest(path, Remembered(memory, in_an_hour)) == digest
    assert len(reads) == 5
    (tmp_path / "no folder").write_text("")
    assert path_digest(path, Remembered(tmp_path / "no folder")) == digest


def test_what_is_remembered_of_a_path_that_is_gone_may_go(tmp_path):
    path, kept = tmp_path / "table.csv", tmp_path / "kept.csv"
    remembered = Remembered(tmp_path / "cache", in_an_hour)
    for one in (path, kept):
        one.write_text("1")
        path_digest(one, remembered)
    assert remembered.forgotten() == []
    path.unlink()
    assert len(remembered.forgotten()) == 1
