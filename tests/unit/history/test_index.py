from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from mlpipeline.history.ledger import Ledger
from mlpipeline.history.tables import index_path
from mlpipeline.project.files import to_json
from mlpipeline.project.paths import Outputs

NO_WARNINGS = pytest.fail


def selected(run: str, at: str, host: str = "box1") -> dict[str, object]:
    return {
        "event": "selected", "run": run, "at": at, "name": f"net-v-{run}", "model": "net", "version": "v", "host": host,
        "launch": "l", "identity": "i", "start": "clean", "seed": 1, "model_dir": f"net-{run}", "parameters": {},
        "previous": None, "code": None,
    }  # fmt: skip


def ended(run: str, at: str, outcome: str) -> dict[str, object]:
    return {"event": "ended", "run": run, "at": at, "outcome": outcome}


@pytest.fixture
def outputs(tmp_path, monkeypatch) -> Outputs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    outputs = Outputs(path=tmp_path / "outputs", host="box1")
    outputs.path.mkdir()
    write(outputs, selected("a", "01"), ended("a", "02", "failed"), selected("b", "03"))
    return outputs


def write(outputs: Outputs, *events: dict[str, object], mode: str = "ab") -> None:
    with outputs.history.open(mode) as file:
        file.write(b"".join(map(to_json, events)))


def read(outputs: Outputs) -> list[tuple[str, str]]:
    ledger = Ledger.read(outputs, os.environ, warn=NO_WARNINGS)
    return [(run.id, run.outcome or run.state) for run in ledger]


BOTH = [("a", "failed"), ("b", "waiting")]


def test_what_the_index_knows_is_not_read_again(outputs):
    write(outputs, selected("c", "03"), selected("d", "03"), ended("d", "04", "stopped"))
    before = [*BOTH, ("c", "waiting"), ("d", "stopped")]
    assert read(outputs) == before
    # The same length and the same beginning: only a reader of the whole file would see it.
    content = outputs.history.read_bytes()
    outputs.history.write_bytes(content.replace(b'"outcome":"stopped"', b'"outcome":"st.pped"'))
    assert read(outputs) == before
    write(outputs, ended("c", "05", "succeeded"))
    assert read(outputs) == [*BOTH, ("c", "succeeded"), ("d", "stopped")]


def test_a_history_that_was_replaced_is_read_anew(outputs):
    assert read(outputs) == BOTH
    write(outputs, selected("c", "01"), mode="wb")
    assert read(outputs) == [("c", "waiting")]
    outputs.history.unlink()
    assert read(outputs) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(b"not a database, but long enough to be looked at as one" * 200),
    ],
    ids=["deleted", "emptied", "truncated", "overwritten"],
)
def test_a_damaged_index_is_made_anew(outputs, damage):
    assert read(outputs) == BOTH
    path = index_path(outputs, os.environ)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    damage(path)
    assert read(outputs) == BOTH
    assert read(outputs) == BOTH


def test_an_index_of_another_version_is_made_anew(outputs):
    assert read(outputs) == BOTH
    connection = sqlite3.connect(index_path(outputs, os.environ))
    connection.execute("DROP TABLE runs")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert read(outputs) == BOTH


def test_without_a_place_for_the_index_all_is_read(outputs, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert read(outputs) == BOTH


def test_an_index_that_somebody_holds_locked_is_done_without(outputs, monkeypatch):
    monkeypatch.setattr("mlpipeline.history.tables._PATIENCE_S", 0.05)
    assert read(outputs) == BOTH
    write(outputs, ended("b", "04", "succeeded"))
    holder = sqlite3.connect(index_path(outputs, os.environ), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert read(outputs) == [("a", "failed"), ("b", "succeeded")]
    holder.execute("ROLLBACK")
    assert read(outputs) == [("a", "failed"), ("b", "succeeded")]


def test_an_index_that_is_damaged_while_it_is_used_is_done_without(outputs):
    ledger = Ledger.read(outputs, os.environ, warn=NO_WARNINGS)
    with closing(sqlite3.connect(index_path(outputs, os.environ))) as other:
        other.execute("DROP TABLE runs")
    assert [run.id for run in ledger] == ["a", "b"]
    write(outputs, ended("b", "04", "succeeded"))
    ledger.catch_up()
    assert ledger.get("b").outcome == "succeeded"


def test_what_another_process_took_from_the_index_is_read_again(outputs):
    ledger = Ledger.read(outputs, os.environ, warn=NO_WARNINGS)
    with closing(sqlite3.connect(index_path(outputs, os.environ), isolation_level=None)) as other:
        for table in ("runs", "latest", "journals"):
            other.execute(f"DELETE FROM {table}")
    ledger.catch_up()
    assert ledger.latest("net-a").id == "a"
    assert read(outputs) == BOTH


def test_what_a_private_ledger_follows_is_nobody_elses_business(outputs):
    ledger = Ledger.read(outputs, os.environ, warn=NO_WARNINGS, is_private=True)
    ledger.follow(selected("c", "05"))
    assert [run.id for run in ledger] == ["a", "b", "c"]
    assert read(outputs) == BOTH


def test_a_clock_that_was_set_back_changes_no_order(outputs):
    write(outputs, selected("c", "00"), selected("d", "02"))
    ledger = Ledger.read(outputs, os.environ, warn=NO_WARNINGS)
    assert [run.id for run in ledger.newest(2)] == ["d", "c"]
    assert ledger.get("c").selected_at == "00"


def test_trouble_is_what_failed_last_in_its_model_dir(outputs):
    ledger = Ledger.read(outputs, os.environ, warn=NO_WARNINGS)
    assert [run.id for run in ledger.in_trouble()] == ["a"]
    assert (ledger.in_trouble(0), ledger.trouble_count(), ledger.models_in_trouble()) == ([], 1, {"net"})
    again = {**selected("c", "05"), "model_dir": "net-a", "previous": "a"}
    write(outputs, again, ended("c", "06", "succeeded"))
    ledger.catch_up()
    assert (ledger.in_trouble(), ledger.trouble_count(), ledger.models_in_trouble()) == ([], 0, set())


def test_an_open_run_is_found_once_until_another_process_writes_to_the_index(outputs):
    ledger = Ledger.read(outputs, os.environ, warn=NO_WARNINGS)
    write(outputs, selected("c", "05"))
    assert read(outputs)[2] == ("c", "waiting")
    ledger.catch_up()
    assert ledger.get("c") is ledger.get("c")
    write(outputs, ended("c", "06", "succeeded"))
    assert read(outputs)[2] == ("c", "succeeded")
    ledger.catch_up()
    assert ledger.get("c").outcome == "succeeded"
