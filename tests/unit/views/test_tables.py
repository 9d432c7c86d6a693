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


def test_wide_and_combining_characters_stand_in_their_columns():
    lines = table(("name", "n"), [["日本", "1"], ["e\u0301t", "2"]]).splitlines()
    assert lines == ["name   n", "────────", "日本   1", "e\u0301t     2"]


def test_a_cell_is_folded_at_spaces_and_a_long_word_within(terminal):
    terminal(20)
    lines = table(("a", "b"), [["one", "two words abcdefghijklmnopqrst"]]).splitlines()
    assert lines[2:] == ["one   two words", "      abcdefghijklmn", "      opqrst"]


@pytest.mark.parametrize("columns", [1, 5, 12])
def test_a_terminal_that_is_too_narrow_shows_all_of_it_somehow(terminal, columns):
    terminal(columns)
    text = table(("version", "outcome", "日本"), [["net", "failed", "x日本y"]])
    assert sorted("".join(text.split()).replace("─", "")) == sorted("versionoutcome日本netfailedx日本y")
