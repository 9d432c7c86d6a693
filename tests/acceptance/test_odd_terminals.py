"""Every verb that prints, where its output goes to an odd terminal, an odd pipe, or nowhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import unicodedata

import pytest
from two_hosts import COMMAND, TwoHosts

#: Verbs as they are typed, on the project of `two_hosts`; one of each that lists or shows something.
VERBS = [
    *("--help", "status", "status --json", "runs", "runs --json", "report", "report --json", "queue", "queue --json"),
    *("logs -n 10", "logs broken:a", "doctor", "doctor --json"),
    *(
        "show broken:a",
        "show --json slow:running",
        "compare digits:deep digits:wide",
        "compare --json broken:a broken:b",
    ),
    *("gc --dry-run --keep 1 --unfinished", "gc --dry-run --json"),
    *("pipeline show stages.py", "pipeline show stages.py --json", "pipeline why stages.py total"),
    "runs --where lr<0.5 --sort accuracy --columns lr,accuracy,host",
]

#: Environments in which not every character can be written.
ENCODINGS = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
]
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def shell(two_hosts: TwoHosts, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in the project, in which `$M` is the command."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=two_hosts.project.root,
        env=two_hosts.environment(env={"M": str(COMMAND)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def _quoted(verb: str) -> str:
    return shlex.join(verb.split())


def width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


@pytest.mark.parametrize("verb", VERBS)
def test_output_that_nobody_takes_ends_in_one_line_or_none(two_hosts: TwoHosts, verb: str):
    full = shell(two_hosts, f"$M {_quoted(verb)} > /dev/full")
    assert (full.returncode, full.stderr) == (1, "mlpipeline: stdout cannot be written: No space left on device\n")
    if verb != "--help":
        closed = shell(two_hosts, f"$M {_quoted(verb)} >&-")
        assert (closed.returncode, closed.stderr) == (1, "mlpipeline: stdout cannot be written: Bad file descriptor\n")
    left = shell(two_hosts, f"$M {_quoted(verb)} | head -n 1; $M {_quoted(verb)} | true")
    assert left.stderr == ""
    assert len(left.stdout.splitlines()) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_without_stdin_or_stderr_it_prints_what_it_prints_else(two_hosts: TwoHosts, verb: str):
    lines = [shell(two_hosts, f"$M {_quoted(verb)} {odd}") for odd in ("", "<&-", "2>&-", "2>/dev/full")]
    assert [(done.returncode, done.stderr) for done in lines] == [(0, "")] * 4
    usual = [_without_times(done.stdout) for done in lines]
    assert usual == [usual[0]] * 4


@pytest.mark.parametrize("verb", VERBS)
def test_where_not_every_character_can_be_written_it_is_still_readable(two_hosts: TwoHosts, verb: str):
    usual = two_hosts.run(*verb.split()).stdout
    for encoding in ENCODINGS:
        done = two_hosts.run(*verb.split(), env=encoding)
        assert (done.returncode, done.stderr) == (0, ""), encoding
        assert len(done.stdout.splitlines()) == len(usual.splitlines()), encoding
        if "--json" not in verb:  # which is UTF-8 whatever the locale is
            # Our own signs have plain ones that stand for them.
            assert "\\u" not in done.stdout, encoding


@pytest.mark.parametrize("verb", VERBS)
def test_a_terminal_is_filled_and_not_more_and_painted_where_wanted(two_hosts: TwoHosts, verb: str):
    words = verb.split()
    narrow = two_hosts.run(*words, tty=True, columns=40)
    assert narrow.returncode == 0
    lines = _ESCAPE.sub("", narrow.stdout).splitlines()
    assert [line for line in lines if width(line) > 40 and not _may_be_wide(line, verb)] == []
    for env in ({"NO_COLOR": "1"}, {"NO_COLOR": "", "TERM": "dumb"}):
        assert "\x1b" not in two_hosts.run(*words, tty=True, env=env).stdout
    # What its size is said to be may be anything.
    for columns in ("0", "1", "100000", "wide", "-3"):
        done = two_hosts.run(*words, tty=True, env={"COLUMNS": columns})
        assert done.returncode == 0, columns
        assert "mlpipeline/cli" not in done.stdout  # as in a traceback of ours
        assert done.stdout.strip()


def test_colours_are_for_terminals(two_hosts: TwoHosts):
    for verb in ("status", "runs"):
        assert "\x1b[31m" in two_hosts.run(verb, tty=True, env={"NO_COLOR": ""}).stdout
        assert "\x1b" not in two_hosts.run(verb, env={"NO_COLOR": ""}).stdout


def _without_times(text: str) -> str:
    """Return what a verb prints whenever it is asked."""
    text = re.sub(r'"(heard_at|since|until|begin|end)": "[^"]*"|"[a-z_]*(_s|seconds|hours)": [\d.]+', "", text)
    return re.sub(r"just now|\d[\d:.-]*( (ms|s|min|h|%))?", "", text)


def _may_be_wide(line: str, verb: str) -> bool:
    """Whether a line is as long as what it quotes: a path, a line of code, a command to copy."""
    # Logs are as they were written.
    if verb.startswith(("--help", "logs")) or "--json" in verb or line.lstrip().startswith("│"):
        return True
    return " " not in line.strip().removeprefix("log: ").removeprefix("→ ") or line.strip().startswith("→ ")
