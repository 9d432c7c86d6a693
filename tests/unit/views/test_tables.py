import re

import pytest

from mlpipeline.views.screens import PLAIN, Color, Painted, Screen
from mlpipeline.views.tables import fold, table

ROWS = [["net:small", "succeeded", "accuracy=0.97 " * 10], ["net:[bold]", "failed", "x" * 300]]


def test_in_a_pipe_every_row_is_one_line_with_all_that_is_in_it():
    lines = table(("version", "outcome", "results"), [*ROWS, ["a\nb", "c" * 2000, ""]], PLAIN).splitlines()
    assert len(lines) == 2 + 3
    assert "x" * 300 in lines[3]
    assert "net:[bold]" in lines[3]
    assert lines[4].startswith("a b ")
    assert "c" * 2000 in lines[4]
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_at_a_terminal_it_is_as_wide_as_that_and_nothing_is_lost(columns):
    text = table(("version", "outcome", "results"), ROWS, Screen(width=columns))
    assert max(len(line) for line in text.splitlines()) <= columns
    assert text.count("x") == 300


def test_a_table_without_rows_is_its_heading():
    assert table(("run", "version"), [], PLAIN).splitlines()[0] == "run   version"


def test_wide_and_combining_characters_stand_in_their_columns():
    lines = table(("name", "n"), [["日本", "1"], ["e\u0301t", "2"]], PLAIN).splitlines()
    assert lines == ["name   n", "────────", "日本   1", "e\u0301t     2"]


def test_a_cell_is_folded_at_spaces_and_a_long_word_within():
    lines = table(("a", "b"), [["one", "two words abcdefghijklmnopqrst"]], Screen(width=20)).splitlines()
    assert lines[2:] == ["one   two words", "      abcdefghijklmn", "      opqrst"]


@pytest.mark.parametrize("columns", [1, 5, 12])
def test_a_terminal_that_is_too_narrow_shows_all_of_it_somehow(columns):
    text = table(("version", "outcome", "日本"), [["net", "failed", "x日本y"]], Screen(width=columns))
    assert sorted("".join(text.split()).replace("─", "")) == sorted("versionoutcome日本netfailedx日本y")


def test_where_columns_would_be_too_narrow_each_row_is_a_paragraph():
    columns = ("run", "version", "outcome", "started", "results")
    rows = [["a1b2c3", "digits:deep", "succeeded", "2026-11-20 21:34:55", "accuracy=0.97"], ["d4e5f6", *[""] * 4]]
    assert table(columns, rows, Screen(width=34)).splitlines() == [
        "run       a1b2c3",
        "version   digits:deep",
        "outcome   succeeded",
        "started   2026-11-20 21:34:55",
        "results   accuracy=0.97",
        "",
        "run       d4e5f6",
    ]


@pytest.mark.parametrize("columns", [12, 30, 60])
def test_colours_take_no_room_and_are_not_torn_by_folding(columns):
    rows = [["net:small", Painted("failed (out_of_memory)", Color.BAD), "no"]]
    plain = table(("version", "outcome", "why"), rows, Screen(width=columns))
    colored = table(("version", "outcome", "why"), rows, Screen(width=columns, is_colored=True))
    assert re.sub(r"\x1b\[\d+m", "", colored) == plain
    assert "\x1b[31mfailed" in colored
    assert all(line.count("\x1b[0m") * 2 == line.count("\x1b[") for line in colored.splitlines())


@pytest.mark.parametrize("width", [None, 80, 12])
def test_no_name_of_a_column_commands_the_terminal(width):
    assert "\x1b" not in table(["lr\x1b[31m\n", "b"], [["1", "some words that need room"]], Screen(width=width))


@pytest.mark.parametrize("room", [1, 0, -1])
def test_a_fold_without_room_comes_to_an_end(room):
    assert list(fold("ab c", room)) == ["a", "b", "c"]


def test_a_long_word_is_broken_behind_a_separator_if_that_does_not_leave_a_line_half_empty():
    assert list(fold("optimizer.name=adam", 13)) == ["optimizer.", "name=adam"]
    assert list(fold("a/bcdefghijklm", 8)) == ["a/bcdefg", "hijklm"]
