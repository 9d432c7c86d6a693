from __future__ import annotations

from pathlib import Path

import pytest

from mlpipeline.project import last_output as module
from mlpipeline.project.last_output import is_own_file, last_output


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"", None),
        (b"\n\n", None),
        (b"one\ntwo\n", "one\ntwo"),
        (b"half a line", "half a line"),
        (b"10%\r20%\r30%", "30%"),
        (b"10%\r20%\r\nnext\r\n", "20%\nnext"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 100_000, "x" * 500),
        (b"".join(b"%d\n" % n for n in range(100)), "\n".join(map(str, range(75, 100)))),
    ],
)
def test_the_end_is_shown_as_a_terminal_would(tmp_path, written, shown):
    path = tmp_path / "output.log"
    path.write_bytes(written)
    assert last_output(path) == shown


def test_only_the_end_of_a_large_file_is_read(tmp_path):
    path = tmp_path / "output.log"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # more than any memory holds
        file.seek(0, 2)
        file.write(b"\nthe end")
    assert last_output(path).endswith("\nthe end")


def test_no_file_is_no_output(tmp_path):
    assert last_output(tmp_path / "missing") is None


def test_our_own_frames_are_left_out_of_what_a_fault_leaves(tmp_path):
    path = tmp_path / "output.log"
    own = Path(module.__file__).parents[1] / "worker" / "work.py"
    path.write_text(
        "Fatal Python error: Aborted\n"
        '  File "/home/me/net.py", line 3 in train\n'
        f'  File "{own}", line 3 in perform\n'
        '  File "<frozen runpy>", line 88 in _run_code\n'
    )
    assert last_output(path) == 'Fatal Python error: Aborted\n  File "/home/me/net.py", line 3 in train'
    assert is_own_file(str(own))
    assert not is_own_file(f"{Path(module.__file__).parents[1]}-project/net.py")
