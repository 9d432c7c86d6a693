"""What `gc` finds in an outputs folder, and how it deletes it while others are at work."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from remains import DAY_S, Remains, age, tree

from mlpipeline.daemon.recovery import is_abandoned
from mlpipeline.domain.measures import Measure
from mlpipeline.domain.retention import Best, Kind
from mlpipeline.errors import NoSuchResult
from mlpipeline.executors.processes import ProcessId
from mlpipeline.history import claims
from mlpipeline.history.stores import code_name, store_code, store_environment
from mlpipeline.project import storage

MONTH = {"older_than_s": 30 * DAY_S}
CODE, OTHER_CODE = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remains:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Remains(tmp_path / "outputs")


def test_a_run_is_as_old_as_its_host_and_the_machine_that_stores_it_both_say(remains):
    remains.run("aaaaa2", "right", days_ago=40, host="box2")
    # Its clock stood at the year of its making; what it wrote is new by the clock of the file server.
    age(remains.run("aaaaa3", "wrong", days_ago=4000, host="box3") / "1", 3600)
    assert remains.going(**MONTH) == {"model_ckpts/net-right", "runs/net-right-aaaaa2"}


def test_what_a_run_set_aside_goes_with_its_age_and_what_no_history_knows_is_left_alone(remains):
    remains.run("aaaaa2", "v", days_ago=40)
    remains.run("aaaaa3", "v", days_ago=35, previous="aaaaa2")
    remains.run("aaaaa4", "v", days_ago=5, previous="aaaaa3")
    for name in ("net-v.before-aaaaa3", "net-v.before-aaaaa4", "net-v.before-zzzzz9", "notes", "sub/x"):
        remains.outputs.model_dir(name).mkdir(parents=True)
    unknown = remains.outputs.run_dir("net-v-zzzzz8").path
    unknown.mkdir()
    age(unknown, 7200)
    assert remains.going(**MONTH) == {
        "model_ckpts/net-v.before-aaaaa3",
        "runs/net-v-aaaaa2",
        "runs/net-v-aaaaa3",
    }
    left = remains.left(**MONTH)
    assert set(left) == {"model_ckpts/net-v.before-zzzzz9", "model_ckpts/notes", "model_ckpts/sub", "runs/net-v-zzzzz8"}
    assert remains.going() == set()


def test_code_and_environments_go_that_no_run_dir_names_and_nobody_is_about_to(remains):
    for name in "abcdef":
        remains.store_code(name * 16)
        remains.store_environment(name * 16)
    remains.store_code("0" * 16, hours_ago=0.5)
    remains.store_environment("0" * 16, hours_ago=0.5)
    remains.outputs.code("mine").mkdir()
    launches = {"l1": "a", "l2": "b", "l3": "c", "l4": "d", "l5": "e"}
    for launch, name in launches.items():
        remains.launch(launch, name * 16, days_ago=50)
    remains.run("aaaaa2", "kept", launch="l1", code="a" * 16, days_ago=40)
    # A live one has its code, wherever its run dir is.
    folder = remains.select("aaaaa3", "live", launch="l2", code="b" * 16, days_ago=40)
    (folder / "spec.json").unlink()
    (folder / "1").rmdir()
    folder.rmdir()
    for path in remains.run("aaaaa4", "deleted", launch="l3", code="c" * 16, days_ago=40).rglob("*"):
        path.unlink() if path.is_file() else None
    (remains.outputs.run_dir("net-deleted-aaaaa4").path / "1").rmdir()
    remains.outputs.run_dir("net-deleted-aaaaa4").path.rmdir()
    remains.run("aaaaa5", "goes", launch="l4", code="d" * 16, days_ago=400)
    # Of `e`, the latest launch of its host, runs may still begin.
    unnamed = {f"{place % (name * 16)}" for name in "cf" for place in ("code/%s", "environments/%s.json")} | {
        "code/" + "e" * 16
    }
    assert remains.going() == unnamed
    found = remains.going(older_than_s=100 * DAY_S)
    assert found - unnamed == {
        "runs/net-goes-aaaaa5",
        "model_ckpts/net-goes",
        f"code/{'d' * 16}",
        f"environments/{'d' * 16}.json",
    }
    # A run dir that no history knows may name any of it.
    folder = remains.outputs.run_dir("net-v-zzzzz8").path
    folder.mkdir()
    assert remains.going() == unnamed  # Just begun, and so is its code.
    age(folder, 7200)
    assert remains.going() == set()


def test_what_died_writing_left_goes_and_what_is_being_written_does_not(remains):
    remains.run("aaaaa2", "v")
    outputs = remains.outputs
    withdrawn = remains.select("aaaaa3", "v")
    remains.tell("box1", {"event": "withdrawn", "run": "aaaaa3", "why": "no"})
    remains.select("aaaaa4", "w")
    remains.tell("box1", {"event": "withdrawn", "run": "aaaaa4", "why": "no"})
    outputs.claims.mkdir()
    old = [
        outputs.path / ".heartbeat-box1.0123456789ab",
        outputs.path / ".doctor.x_y12345",
        outputs.locks / ".lock.0123456789ab",
        outputs.claims / ".net-v.json.0123456789ab",
        outputs.codes / f".{CODE}.abcdefgh",
        withdrawn,
    ]
    trash = [outputs.runs / ".trash-abcdef-1", outputs.model_dirs / ".trash-abcdef-22"]
    young = [outputs.path / ".heartbeat-box1.ba9876543210", outputs.model_dirs / ".DS_Store"]
    for path in (*old, *trash, *young):
        path.mkdir(parents=True, exist_ok=True)
    for path in old:
        age(path, 7200)
    survey = remains.survey()
    assert {item.path for item in survey.items} == {*old, *trash}
    assert {item.kind for item in survey.items} == {Kind.LEFTOVER}
    assert survey.left == []
    assert [done.error for done in remains.delete(survey)] == [None] * 8
    assert not any(path.exists() for path in (*old, *trash))
    assert all(path.exists() for path in young)


@pytest.mark.parametrize("holder", ["box2", "unreadable"])
def test_what_somebody_holds_is_left_alone(remains, holder):
    remains.run("aaaaa2", "v", days_ago=40)
    path = remains.outputs.claim("net-v")
    path.parent.mkdir()
    claim = {"host": "box2", "run": "gc-abcdef", "run_dir": "/nowhere", "at": "now"}
    path.write_text(json.dumps(claim) if holder == "box2" else "{torn")
    assert remains.going(**MONTH) == set()
    assert remains.left(**MONTH) == {"model_ckpts/net-v": "a run uses it"}


def test_a_run_that_history_says_is_over_is_left_alone_while_its_process_is_there(remains):
    folder = remains.select("aaaaa2", "v", days_ago=40)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        said = ProcessId.of(process.pid)
        assert said is not None
        (folder / "1" / "worker.json").write_text(json.dumps(said.to_json()))
        remains.tell("box1", {"event": "running", "run": "aaaaa2", "pid": process.pid, "started_at": "x"}, days_ago=40)
        remains.end("aaaaa2", days_ago=40)
        age(folder / "1", 40 * DAY_S)
        assert remains.going(**MONTH) == set()
    finally:
        process.kill()
        process.wait()
    assert remains.going(**MONTH) == {"runs/net-v-aaaaa2"}


def test_links_are_left_alone_and_not_followed(remains, tmp_path):
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "precious").write_text("x")
    for id, version in (("aaaaa2", "linked"), ("aaaaa3", "inside"), ("aaaaa4", "broken")):
        remains.run(id, version, days_ago=40)
    linked, inside, broken = (remains.outputs.model_dir(f"net-{name}") for name in ("linked", "inside", "broken"))
    for path, target in ((linked, data), (broken, tmp_path / "nowhere")):
        (path / "checkpoint").unlink()
        path.rmdir()
        path.symlink_to(target)
    (inside / "link").symlink_to(data)
    remains.run("aaaaa5", "x", name="sub/net-x-aaaaa5", model="sub/net", model_dir="sub/net-x", days_ago=40)
    # A folder on the way to it.
    sub = remains.outputs.model_dir("sub")
    sub.rename(data / "moved")
    sub.symlink_to(data / "moved")
    found = remains.survey(**MONTH)
    assert remains.left(**MONTH) == {
        "model_ckpts/net-linked": "it is a link",
        "model_ckpts/net-broken": "it is a link",
        "model_ckpts/sub": "it is a link",
        "model_ckpts/sub/net-x": "it lies elsewhere: a folder on the way to it is a link",
    }
    remains.delete(found)
    assert (data / "precious").read_text() == "x"
    assert (data / "moved" / "net-x" / "checkpoint").exists()
    assert linked.is_symlink()
    assert broken.is_symlink()
    assert not inside.exists()
    # How far a version came is kept as long as its model dir.
    assert remains.outputs.run_dir("net-linked-aaaaa2").path.exists()
    assert not remains.outputs.run_dir("net-inside-aaaaa3").path.exists()
    assert remains.outputs.run_dir("sub/net-x-aaaaa5").path.exists()


def test_sizes_are_what_lies_on_the_disk_and_what_has_two_names_counts_once(remains):
    remains.run("aaaaa2", "v", days_ago=40)
    model_dir = remains.outputs.model_dir("net-v")
    (model_dir / "checkpoint").write_bytes(b"x" * 1_000_000)
    before = next(item.size_bytes for item in remains.survey(**MONTH).items if item.kind is Kind.MODEL_DIR)
    assert 1_000_000 <= before < 1_100_000
    os.link(model_dir / "checkpoint", model_dir / "best")
    with (model_dir / "sparse").open("wb") as file:
        file.truncate(10**9)
    after = next(item.size_bytes for item in remains.survey(**MONTH).items if item.kind is Kind.MODEL_DIR)
    assert before <= after < before + 20_000


def test_what_was_run_again_since_it_was_listed_is_left_alone(remains):
    remains.run("aaaaa2", "v", days_ago=40)
    remains.run("aaaaa3", "v", days_ago=35, previous="aaaaa2", host="box2")
    remains.run("aaaaa4", "other", days_ago=35)
    ledger = remains.ledger()
    found = remains.survey(**MONTH)
    assert len(found.items) == 5
    remains.select("aaaaa5", "v", previous="aaaaa3", host="box2")
    deleted = remains.delete(found, ledger)
    kept = {done.item.path.name: done.error for done in deleted if done.error is not None}
    assert kept == {"net-v": "it was run again", "net-v-aaaaa3": "it was run again"}
    assert tree(remains.outputs.model_dirs) == {"net-v", "net-v/checkpoint"}
    assert {path.name for path in remains.outputs.runs.iterdir()} == {"net-v-aaaaa3", "net-v-aaaaa5"}
    assert tree(remains.outputs.claims) == set()
    assert not list(remains.outputs.path.glob(".gc-*"))


def test_what_was_deleted_is_told_by_the_history_before_anybody_can_run_there(remains):
    remains.run("aaaaa2", "v", days_ago=40, host="box2")
    remains.delete(remains.survey(**MONTH))
    last = json.loads((remains.outputs.path / "history-box1.jsonl").read_text().splitlines()[-1])
    assert {"event": "collected", "of": "aaaaa2", "model_dir": "net-v", "by": "mlpipeline gc"}.items() <= last.items()
    assert remains.ledger().is_collected("aaaaa2")


def test_where_the_history_cannot_be_written_the_model_dir_stays(remains, monkeypatch):
    remains.run("aaaaa2", "v", days_ago=40)

    def full(*_arguments, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlpipeline.history.journal.append_whole", full)
    deleted = remains.delete(remains.survey(**MONTH))
    assert [done.error for done in deleted] == ["No space left on device"] * 2
    assert tree(remains.outputs.model_dirs) == {"net-v", "net-v/checkpoint"}
    assert tree(remains.outputs.claims) == set()


@pytest.mark.parametrize("moment", ["before", "between"])
def test_stored_code_that_a_daemon_is_about_to_name_again_is_there_for_it(remains, tmp_path, monkeypatch, moment):
    script = tmp_path / "net.py"
    script.write_text("a = 1")
    files = {str(script): hashlib.sha256(b"a = 1").hexdigest()}
    folder = remains.outputs.code(store_code(remains.outputs, files, tmp_path))
    age(folder, 7200)
    found = remains.survey()
    assert [item.path for item in found.items] == [folder]
    remains.now = time.time()
    rename = storage.set_aside
    if moment == "before":
        store_code(remains.outputs, files, tmp_path)
    else:

        def set_aside(path: Path, id: str, number: int) -> Path:
            store_code(remains.outputs, files, tmp_path)
            return rename(path, id, number)

        monkeypatch.setattr(storage, "set_aside", set_aside)
    assert [done.error for done in remains.delete(found)] == ["a run that begins needs it by now"]
    assert tree(remains.outputs.codes) == {
        code_name(files),
        f"{code_name(files)}/manifest.json",
        f"{code_name(files)}/project",
        f"{code_name(files)}/project/net.py",
    }


def test_what_was_stored_and_deleted_is_stored_anew(remains):
    name = store_environment(remains.outputs, {"python": "3.11"})
    path = age(remains.outputs.environment(name), 7200)
    assert [done.error for done in remains.delete(remains.survey())] == [None]
    assert not path.exists()
    assert store_environment(remains.outputs, {"python": "3.11"}) == name
    assert json.loads(path.read_text()) == {"python": "3.11"}
    remains.now = time.time()
    assert remains.going() == set()


def test_a_result_that_no_run_has_is_an_error_that_names_the_nearest(remains):
    remains.run("aaaaa2", "v", results={"accuracy": 1})
    best = Best(count=1, by=Measure(name="acuracy", is_lower_better=False))
    with pytest.raises(NoSuchResult, match='Did you mean "accuracy"'):
        remains.survey(best=best)


def test_a_nested_result_is_known_by_its_dotted_name(remains):
    remains.run("aaaaa2", "v", results={"val": {"accuracy": 1}})
    best = Best(count=1, by=Measure(name="val.accuracy", is_lower_better=False))
    assert remains.survey(best=best).items == []


def test_a_history_that_cannot_be_read_keeps_everything(remains):
    remains.run("aaaaa2", "v", days_ago=40)
    (remains.outputs.path / "history-box2.jsonl").mkdir()
    with pytest.raises(IsADirectoryError):
        remains.survey(**MONTH)


def test_who_dies_while_deleting_leaves_a_claim_that_its_own_host_takes_over_and_only_then(remains, monkeypatch):
    remains.run("aaaaa2", "v", days_ago=40)
    records: Any = SimpleNamespace(ledger=remains.ledger())
    seen = []
    rename = storage.set_aside

    def set_aside(path: Path, id: str, number: int) -> Path:
        claim = claims.read(remains.outputs.claim("net-v"))
        seen.append((claim, is_abandoned(claim, "box1", records), is_abandoned(claim, "box2", records)))
        return rename(path, id, number)

    monkeypatch.setattr(storage, "set_aside", set_aside)
    assert [done.error for done in remains.delete(remains.survey(**MONTH))] == [None, None]
    assert [abandoned for _, *abandoned in seen] == [[False, False]] * 2
    (claim, *_), *_ = seen
    # As if it had been killed then: nobody is there any more, and its record lies about, or does not.
    assert is_abandoned(claim, "box1", records)
    assert not is_abandoned(claim, "box2", records)
