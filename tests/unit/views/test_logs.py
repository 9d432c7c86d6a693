"""What `mlpipeline logs` makes of what others wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest
from runs import FAILED, RUNNING

from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.views.logs import TerminalText, TimedLines, attempt_heading, harmless, host_leads
from mlpipeline.views.screens import PLAIN, Screen

COLORED = Screen(width=20, is_colored=True)
DUMB = Screen(width=20)


@pytest.mark.parametrize(
    ("text", "colored", "plain"),
    [
        ("a\tb é 🎉", "a\tb é 🎉", "a\tb é 🎉"),
        ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[10;10Hx\x1b[?1049h", "x", "x"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1bPq\x1b\\", "ab", "ab"),
        ("bell\x07 \x1b7 \x9b31m", "bell\\x07 \\x1b7 \\x9b31m", "bell\\x07 \\x1b7 \\x9b31m"),
        ("half \x1b[31", "half \\x1b[31", "half \\x1b[31"),
    ],
)
def test_a_terminal_is_told_nothing_but_colours(text, colored, plain):
    assert harmless(text, COLORED) == colored
    assert harmless(text, DUMB) == plain


def test_lines_come_out_whole_however_they_came_in():
    text = TerminalText(DUMB)
    told = "".join(
        text.text(bytes([byte])) for byte in "grün\nzwei\xff".encode("latin-1").replace(b"\xfc", b"\xc3\xbc")
    )
    assert told + text.end() == "grün\nzwei\N{REPLACEMENT CHARACTER}\n"


def test_a_progress_bar_shows_its_last_state_and_is_written_over():
    text = TerminalText(COLORED)
    assert text.text(b"\r1%") == "1%"
    assert text.text(b"\r2%") == "\r\x1b[K2%"
    # What would be folded could not be written over.
    assert text.text(b"\r3% and more than twenty columns") == "\r\x1b[K3% and more than"
    assert text.text(b"\rdone\r\nnext\n") == "\r\x1b[Kdone\nnext\n"
    assert text.end() == ""


def test_what_comes_next_begins_a_line_in_no_colour():
    text = TerminalText(COLORED)
    assert text.text(b"\x1b[31mred\nhalf") == "\x1b[31mred\nhalf"
    assert text.end() == "\r\x1b[Khalf\n\x1b[0m"
    assert TerminalText(DUMB).text(b"\r1%\r2%") == ""


def test_a_line_that_never_ends_is_not_kept_for_ever():
    assert len(TerminalText(DUMB).text(b"x" * (1 << 21))) > 1 << 20


def test_a_heading_says_which_attempt_and_how_it_ended():
    past = AttemptEnd(attempt=1, outcome="failed", failure="exit", error="no")
    run = replace(RUNNING, attempt=2, past=[past])
    assert attempt_heading(run, 1, PLAIN) == "── 7k2m9q digits:deep on box1, attempt 1: failed (exit) ──"
    assert attempt_heading(run, 2, PLAIN) == "── 7k2m9q digits:deep on box1, attempt 2: running ──"
    assert attempt_heading(FAILED, 1, PLAIN).endswith("attempt 1: failed (exception) ──")


def test_hosts_are_told_apart_by_name_and_colour():
    assert host_leads(["box10", "a"], PLAIN) == {"a": "a     ", "box10": "box10 "}
    assert host_leads(["b", "a"], COLORED) == {"a": "\x1b[36ma\x1b[0m ", "b": "\x1b[35mb\x1b[0m "}


def test_a_line_without_a_time_belongs_to_the_one_before_and_no_log_runs_backwards():
    log = TimedLines("box1")
    first = list(log.take(b"2026-11-21 12:00:02 a\n  more\n2026-11-21 12:00:01 set back\n2026-11"))
    assert first == [
        (b"2026-11-21 12:00:02", "box1", b"2026-11-21 12:00:02 a"),
        (b"2026-11-21 12:00:02", "box1", b"  more"),
        (b"2026-11-21 12:00:02", "box1", b"2026-11-21 12:00:01 set back"),
    ]
    assert list(log.take(b"-21 12:00:03 b\n")) == [(b"2026-11-21 12:00:03", "box1", b"2026-11-21 12:00:03 b")]
