from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mlpipeline.history import claims
from mlpipeline.history.claims import UNREADABLE, Claim

MINE = Claim(host="box1", run="a", run_dir="/runs/a", at="then")
OTHER = Claim(host="box2", run="b", run_dir="/runs/b", at="now")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "claims" / "cnn" / "net-v.json"


def test_a_model_dir_is_held_by_whoever_took_it_until_it_is_given_back(path):
    assert claims.take(path, MINE) is None
    assert claims.take(path, OTHER) == MINE
    assert claims.read(path) == MINE
    claims.release(path, "a")
    assert claims.read(path) is None
    assert claims.take(path, OTHER) is None


def test_nobody_gives_back_what_another_run_holds(path):
    claims.take(path, MINE)
    claims.release(path, "b")
    assert claims.read(path) == MINE


def test_to_give_back_twice_does_no_harm(path):
    claims.take(path, MINE)
    claims.release(path, "a")
    claims.release(path, "a")


@pytest.mark.parametrize("text", ["", "{torn", "[]", '{"host": "box2"}'])
def test_a_claim_that_cannot_be_read_counts_as_held_and_nobody_removes_it(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert claims.take(path, MINE) is UNREADABLE
    claims.release(path, UNREADABLE.run)
    assert path.read_text() == text


@pytest.mark.parametrize("data", [b"", b"\0" * 80])
def test_a_claim_that_a_power_cut_left_without_content_is_removed(path, data):
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    os.utime(path, (999, 999))
    claims.remove_empty(path.parents[1], booted_at=999)
    assert claims.read(path) is UNREADABLE
    claims.remove_empty(path.parents[1], booted_at=1000)
    assert claims.read(path) is None
    assert claims.take(path, MINE) is None


@pytest.mark.parametrize("text", ["{torn", "[]", '{"host": "box2"}'])
def test_a_claim_that_says_something_is_never_removed_for_its_age(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    os.utime(path, (999, 999))
    claims.remove_empty(path.parents[1], booted_at=1000)
    assert path.read_text() == text


def test_where_there_are_no_claims_none_is_removed(tmp_path):
    claims.remove_empty(tmp_path / "nowhere", booted_at=1000)


def test_a_claim_is_taken_without_waiting_for_the_disk(path, monkeypatch):
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    claims.take(path, MINE)
    assert flushed == []


def test_of_many_at_once_one_takes_it(path):
    path.parent.mkdir(parents=True)
    wants = [Claim(host="box1", run=str(number), run_dir="", at="") for number in range(8)]
    begin = threading.Barrier(len(wants))
    got: list[Claim | None] = []

    def take(claim: Claim) -> None:
        begin.wait()
        got.append(claims.take(path, claim))

    threads = [threading.Thread(target=take, args=(claim,)) for claim in wants]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(None) == 1
    assert {holder for holder in got if holder} == {claims.read(path)}


def test_the_claims_of_a_host_are_found_in_sub_folders_too(path, tmp_path):
    folder = tmp_path / "claims"
    claims.take(path, MINE)
    claims.take(folder / "a-v.json", OTHER)
    claims.take(folder / "b-v.json", Claim(host="box1", run="c", run_dir="", at=""))
    (folder / "torn-v.json").write_text("{")
    assert [claim.run for _, claim in claims.of_host(folder, "box1")] == ["c", "a"]
    assert [claim.run for _, claim in claims.of_host(folder, "box2")] == ["b"]
    assert list(claims.of_host(tmp_path / "nowhere", "box1")) == []
