"""Files that are written while they are read."""

from __future__ import annotations

import pytest

from mlpipeline.project.followed_file import FollowedFile, last_lines


def test_a_file_is_read_on_when_it_grows_is_cut_short_or_replaced(tmp_path):
    path = tmp_path / "log"
    file = FollowedFile(path)
    assert file.read() == b""
    path.write_bytes(b"one\n")
    assert (file.read(), file.read()) == (b"one\n", b"")
    with path.open("ab") as end:
        end.write(b"two\n")
    assert (file.read(), file.read()) == (b"two\n", b"")
    path.write_bytes(b"3\n")  # copied away and cut short
    assert (file.read(), file.read()) == (b"3\n", b"")
    with path.open("ab") as end:
        end.write(b"late\n")
    path.rename(tmp_path / "log.1")
    assert (file.read(), file.read()) == (b"late\n", b"")
    path.write_bytes(b"new\n")
    assert (file.read(), file.read()) == (b"new\n", b"")
    file.close()
    path.unlink()
    assert file.read() == b""


@pytest.mark.parametrize(
    ("content", "count", "found"),
    [
        (b"", 3, (0, 0)),
        (b"a", 3, (0, 1)),
        (b"a\nb\n", 1, (2, 1)),
        (b"a\nb", 1, (2, 1)),
        (b"a\nb\nc\n", 2, (2, 2)),
        (b"a\n\n\n", 2, (2, 2)),
        (b"\n\n", 5, (0, 2)),
        (b"x" * 200_000 + b"\nlast\n", 1, (200_001, 1)),
        (b"x\n" * 100_000, 70_000, (60_000, 70_000)),
    ],
)
def test_where_the_last_lines_begin(tmp_path, content, count, found):
    path = tmp_path / "log"
    path.write_bytes(content)
    assert last_lines(path, count) == found
    assert last_lines(tmp_path / "none", count) == (0, 0)
