from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from mlpipeline.history.journal import Journal, JournalReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history-box1.jsonl"


def journal(path: Path, at: str = "2026-11-20T21:34:55.123+01:00") -> Journal:
    return Journal(path, lambda: at)


def events(reader: JournalReader) -> tuple[list[str], list[str]]:
    warnings: list[str] = []
    return [event["event"] for event in reader.read(warn=warnings.append)], warnings


def test_an_event_is_one_line_with_its_time(path):
    begin, end = journal(path).append({"event": "ended", "run": "a", "error": "zwei\nZeilen, é, \ud800"})
    assert (begin, end) == (0, path.stat().st_size)
    (line,) = path.read_bytes().splitlines()
    assert json.loads(line)["event"] == "ended"
    (read,) = JournalReader(path).read(warn=pytest.fail)
    assert read["at"] == "2026-11-20T21:34:55.123+01:00"
    assert read["error"] == "zwei\nZeilen, é, \ud800"


def test_a_journal_that_is_not_there_is_empty(path):
    assert JournalReader(path).read(warn=pytest.fail) == []


def test_a_journal_that_cannot_be_read_is_not_taken_for_an_empty_one(path):
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        events(JournalReader(path))


def test_what_was_appended_since_is_read_by_the_next_call(path):
    reader = JournalReader(path)
    for kind in ("selected", "running", "ended"):
        journal(path).append({"event": kind})
        assert events(reader) == ([kind], [])
    assert events(reader) == ([], [])


@pytest.mark.parametrize("line", [b'{"event":"sel', b"\x80\xff", b"[]", b'{"at":"x"}', b'{"event":7}', b"\x00" * 512])
def test_a_line_that_is_no_event_costs_itself_and_is_told_with_its_number(path, line):
    journal(path).append({"event": "selected"})
    with path.open("ab") as file:
        file.write(line)
    journal(path).append({"event": "ended"})
    told = "history-box1.jsonl: line 2 is torn or not an event; skipped"
    assert events(JournalReader(path)) == (["selected", "ended"], [told])


def test_a_line_that_is_being_written_is_read_once_it_is_whole_and_told_once_while_it_is_not(path):
    reader = JournalReader(path)
    path.write_bytes(b'{"event":"sel')
    assert events(reader) == ([], ["history-box1.jsonl: line 1 is torn or not an event; skipped"])
    assert events(reader) == ([], [])
    with path.open("ab") as file:
        file.write(b'ected"}\n')
    assert events(reader) == (["selected"], [])


def test_two_writers_at_once_tear_no_line(path):
    def write(name: str) -> None:
        mine = journal(path)
        for number in range(50):
            mine.append({"event": name, "number": number, "text": "x" * 5000})

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = JournalReader(path).read(warn=pytest.fail)
    assert [event["number"] for event in found if event["event"] == "a"] == list(range(50))
    assert [event["number"] for event in found if event["event"] == "b"] == list(range(50))


def test_an_event_is_on_the_disk_before_it_counts(path, monkeypatch):
    synced: list[bytes] = []
    monkeypatch.setattr("os.fsync", lambda _descriptor: synced.append(path.read_bytes()))
    journal(path).append({"event": "ended"})
    assert synced == [path.read_bytes()]


def test_an_event_that_finds_no_room_leaves_nothing_of_it(path, monkeypatch):
    import os

    journal(path).append({"event": "selected"})
    before = path.read_bytes()
    write = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: len(data) - 10])

    monkeypatch.setattr("os.write", half)
    with pytest.raises(OSError, match="No space"):
        journal(path).append({"event": "ended"})
    assert path.read_bytes() == before
