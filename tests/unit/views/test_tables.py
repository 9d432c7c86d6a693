import os
import sys

import pytest

from mlpipeline.views.tables import table


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of so many columns."""

    def make(columns):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((columns, 24)))

    return make


ROWS = [["net:small", "succeeded", "accuracy=0.97 " * 10], ["net:[bold]", "failed", "x" * 300]]


def test_in_a_pipe_every_row_is_one_line_with_all_that_is_in_it():
    lines = table(("version", "outcome", "results"), [*ROWS, ["a\nb", "c" * 2000, ""]]).splitlines()
    assert len(lines) == 2 + 3
    assert "x" * 300 in lines[3]
    assert "net:[bold]" in lines[3]
    assert lines[4].startswith("a b ")
    assert "c" * 2000 in lines[4]
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_at_a_terminal_it_is_as_wide_as_that_and_nothing_is_lost(terminal, columns):
    terminal(columns)
    text = table(("version", "outcome", "results"), ROWS)
    assert max(len(line) for line in text.splitlines()) <= columns
    assert text.count("x") == 300


def test_a_table_without_rows_is_its_heading():
    assert table(("run", "version"), []).splitlines()[0] == "run   version"
