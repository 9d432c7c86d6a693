from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

import pytest

from mlpipeline.authoring.console import add_script_dir_to_PATH, console_colors, log, strip_colors
from mlpipeline.authoring.logger import set_logger
from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.run import Run, set_current


class Sink:
    def __init__(self):
        self.lines = []

    def log(self, message, *, to_file):
        self.lines.append((message, to_file))


@pytest.fixture
def lines():
    sink = Sink()
    set_current(Run(id="a1f3", mode=ExecutionModeKeys.TRAIN, model_dir=Path(), seed=0, sink=sink))
    yield sink.lines
    set_current(None)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestLog:
    def test_goes_to_the_run_with_its_colours(self, lines):
        log("hello", logging.INFO, False, console_colors.RED_FG, console_colors.BOLD)
        log(["not", "text"])
        assert lines == [("\x1b[31m\x1b[1mhello\x1b[0m", False), ("['not', 'text']", True)]

    def test_names_any_level_but_info(self, lines):
        log("bad", level=logging.ERROR)
        log("odd", level=logging.WARNING)
        assert [line for line, _ in lines] == ["ERROR: bad", "WARNING: odd"]

    def test_without_a_run_is_printed_without_colours_into_a_file(self, capsys):
        log("hello [1]", modifier_1=console_colors.RED_FG)
        assert capsys.readouterr().out == "hello [1]\n"

    def test_without_a_run_keeps_its_colours_on_a_terminal(self, monkeypatch):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        log("hello", modifier_1=console_colors.RED_FG)
        assert terminal.getvalue() == "\x1b[31mhello\x1b[0m\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[1m\x1b[34mblue\x1b[0m", "blue"),
        ("[0m and [1;2] stay", "[0m and [1;2] stay"),
        ("\x1b[38;5;12mx\x1b[K", "x"),
        ("plain", "plain"),
    ],
)
def test_stripping_takes_away_control_sequences_and_nothing_else(text, expected):
    assert expected == strip_colors(text)


def test_both_spellings_of_magenta():
    assert "\x1b[35m" == console_colors.MEGENTA_FG == console_colors.MAGENTA_FG
    assert "\x1b[45m" == console_colors.MEGENTA_BG == console_colors.MAGENTA_BG


class TestSetLogger:
    def test_is_harmless_with_the_arguments_of_v1(self, tmp_path):
        log_file = tmp_path / "log"
        assert isinstance(set_logger(False, False, str(log_file)), logging.Logger)
        log("hello")
        assert not log_file.exists()

    def test_its_logger_goes_the_way_of_log_once(self, lines):
        set_logger()
        set_logger(test_mode=True, no_log=True, log_file=None).info("answer: %d", 42)
        assert lines == [("answer: 42", True)]


class TestAddScriptDirToPath:
    @pytest.fixture(autouse=True)
    def own_path(self, monkeypatch):
        monkeypatch.setattr(sys, "path", ["/elsewhere"])

    def test_is_the_folder_of_the_calling_script(self, tmp_path):
        script = tmp_path / "script.py"
        namespace = {"__file__": str(script), "add_script_dir_to_PATH": add_script_dir_to_PATH}
        exec(compile("add_script_dir_to_PATH()", str(script), "exec"), namespace)
        assert [str(tmp_path), "/elsewhere"] == sys.path

    def test_takes_a_folder(self, tmp_path):
        add_script_dir_to_PATH(str(tmp_path))
        add_script_dir_to_PATH(current_dir=tmp_path)
        assert [str(tmp_path), "/elsewhere"] == sys.path
