"""What cannot be read of a history costs itself: every verb shows the rest, and says what it left out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from two_hosts import TwoHosts

#: Verbs that read the history, as they are typed.
READING = [
    *("runs", "runs --json", "status", "status --json", "report", "report --json", "queue", "queue --json"),
    *("logs slow:lost", "show slow:lost", "compare slow:lost digits:deep", "runs --where lr<1", "stop zzz9"),
]


@pytest.fixture(scope="module")
def broken(two_hosts: TwoHosts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which lines of the history are broken in every way."""
    root = tmp_path_factory.mktemp("broken") / "project"
    shutil.copytree(two_hosts.project.root, root)
    history = root / "models" / "outputs" / "history-box2.jsonl"
    lines = history.read_bytes().splitlines(keepends=True)
    events = [json.loads(line) for line in lines]
    wide = next(event for event in events if event.get("model") == "digits" and event["event"] == "selected")
    odd = [
        {"event": "abducted", "run": wide["run"]},
        {"event": "ended", "run": "nobody", "outcome": "succeeded"},
        {**wide, "run": "other1", "name": 5, "parameters": "lr"},
        {**wide, "run": "other2", "start": "sideways"},
        {"event": "request", "request": "r", "ask": "explode", "of": "x", "to": "box1", "by": "me"},
        {"event": "tested", "model": ["digits"]},
        {"event": "a word of a later release", "of": {"whatever": 1}},
    ]
    lost = next(event for event in events if event.get("model") == "slow" and event["event"] == "selected")
    before = {
        **{"attempt": 1, "outcome": "failed", "failure": "exit", "error": None},
        **{"seconds": 1.0, "prepared": True, "trained": False},
    }
    again = {
        **{"event": "retry", "run": lost["run"], "at": events[-1]["at"], "attempt": 2},
        **{"start": "resume", "retry_at": None, "by": ""},
    }
    half = {key: value for key, value in before.items() if key != "seconds"}
    retries = [{**again, "after": half}, {**again, "after": {**before, "outcome": "exploded"}}]
    broken = [
        lines[0][: len(lines[0]) // 2] + b"\n",
        b"\xff\xfe\x00\x80 no text\n",
        b"[" * 100_000 + b"\n",
        b'{"event": ["ended"]}\n',
        *map(line_of, odd),
        b'{"event": "note", "text": "' + b"x" * 10_000_000 + b'"}\n',
        b"y" * 10_000_000 + b"\n",
    ]
    history.write_bytes(b"".join([*broken, *lines, *map(line_of, retries), b'{"event":"sele']))
    return root


def line_of(event: dict[str, object]) -> bytes:
    return json.dumps(event).encode() + b"\n"


def run(two_hosts: TwoHosts, root: Path, cache: Path, verb: str) -> subprocess.CompletedProcess[str]:
    return two_hosts.run("-C", str(root), *verb.split(), env={"XDG_CACHE_HOME": str(cache)})


@pytest.mark.parametrize("verb", READING)
def test_the_rest_of_a_broken_history_is_shown_with_a_line_for_each_that_is_not(
    two_hosts: TwoHosts, broken: Path, tmp_path: Path, verb: str
):
    done = run(two_hosts, broken, tmp_path, verb)
    said = done.stderr.splitlines()
    lines = [line for line in said if line.startswith("mlpipeline: history-box2.jsonl: line ")]
    assert [line.split()[3] for line in lines][:4] == ["1", "2", "3", "4"]
    assert all(line.endswith(" is torn or not an event; skipped") for line in lines)
    assert len(lines) == 6  # with the line of 10 MB, and the last one, which has no end
    events = [line for line in said if line.startswith("mlpipeline: history: ")]
    assert len(events) == 8
    assert [line.partition(" is not understood ")[2] for line in events[-2:]] == [
        "(KeyError('seconds')); skipped",
        "(ValueError(\"'exploded' is not a valid Outcome\")); skipped",
    ]
    assert all(line.endswith("; skipped") for line in events)
    assert all(len(line) < 300 for line in said)
    if verb.startswith("stop"):
        assert done.returncode == 2
        assert said[-1].startswith('mlpipeline: there is no run "zzz9"')
        return
    assert done.returncode == 0
    assert len(said) == 14
    if "--json" in verb:
        json.loads(done.stdout)
    assert re.search("lost|wide", done.stdout)  # what is told after the broken lines
    # What was read once is not read again, but for the torn end.
    again = run(two_hosts, broken, tmp_path, verb)
    assert len(again.stderr.splitlines()) == 1
    assert again.returncode == 0


def test_an_error_of_10_mb_is_no_screen_of_10_mb(two_hosts: TwoHosts, tmp_path: Path):
    root = tmp_path / "project"
    shutil.copytree(two_hosts.project.root, root)
    history = root / "models" / "outputs" / "history-box1.jsonl"
    text = history.read_text("utf-8")
    history.write_text(text.replace("KeyError: 'layer 2'", "KeyError: " + "long " * 2_000_000), "utf-8")
    for verb in ("runs", "status"):
        for tty in (False, True):
            done = two_hosts.run(
                "-C", str(root), verb, columns=40, tty=tty, env={"XDG_CACHE_HOME": str(tmp_path / "cache")}
            )
            assert done.returncode == 0
            assert "long long" in done.stdout
            assert len(done.stdout) < 50_000
