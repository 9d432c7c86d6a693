from __future__ import annotations

import pytest

from mlpipeline.history.host_log import HostLog


@pytest.fixture
def log(tmp_path):
    return HostLog(tmp_path / "log-box", lambda: "now")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("plain [not markup] 100%", ["plain [not markup] 100%"]),
        ("two\nlines\n", ["two", "lines"]),
        ("from\r\nelsewhere\r", ["from", "elsewhere"]),
        ("\x1b[31mred\x1b[0m [bold]", ["red [bold]"]),
        ("bell \a, backspace \b, escape \x1bc, del \x7f", ["bell \\x07, backspace \\x08, escape \\x1bc, del \\x7f"]),
        ("a\ttab, a\x0cpage, a\u2028line", ["a\ttab, a\\x0cpage, a\\u2028line"]),
        ("no text: \udcff, but ä✓", ["no text: \\udcff, but ä✓"]),
        ("", [""]),
    ],
)
def test_each_line_is_led_by_the_time_and_the_run_and_nothing_in_it_is_obeyed_by_a_terminal(log, tmp_path, text, lines):
    log.write(text, run="7k2m9q")
    log.write("last")
    written = (tmp_path / "log-box").read_bytes().decode()
    assert written == "".join(f"now 7k2m9q {line}\n" for line in lines) + "now last\n"


def test_what_was_said_of_a_run_is_found_again(tmp_path):
    log = HostLog(tmp_path / "log-box", lambda: "2026-11-20 21:34")
    log.write("net:v stage load cached", run="a1f3")
    log.write("net:v stage load ran in 1 s", run="7k2m")
    assert log.said_of("a1f3") == {"net:v stage load cached"}
    assert HostLog(tmp_path / "none", lambda: "").said_of("a1f3") == set()
