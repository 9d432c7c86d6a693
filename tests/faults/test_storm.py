"""The short form of `make faults`: kills at random moments; and that the morning after would show what went wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random, SystemRandom

import pytest
from storm.kills import Storm
from storm.morning import Morning, morning_of
from storm.statuses import Statuses
from storm.stormy import Stormy
from support import HOST

KILLS = 24


def test_a_queue_that_is_killed_again_and_again_is_worked_off_once(tmp_path: Path):
    seed = SystemRandom().randrange(10**6)
    stormy = Stormy(tmp_path, versions=16)
    storm = Storm(stormy=stormy, random=Random(seed))
    try:
        with Statuses(stormy, pause_s=0.3) as statuses:
            storm.rage(KILLS)
            storm.wait_for_daemons()
            stormy.finish()
        morning = morning_of(stormy, storm.hits)
    finally:
        stormy.project.kill_everything()
    assert (morning.all, statuses.false, statuses.trouble) == ([], [], []), f"seed {seed}: {storm.hits}"
    assert len(storm.hits) == KILLS
    assert statuses.count >= 5


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stormy]:
    """A queue that was worked off undisturbed."""
    stormy = Stormy(tmp_path_factory.mktemp("calm"), versions=4)
    try:
        stormy.finish()
        yield stormy
    finally:
        stormy.project.kill_everything()


def tell(stormy: Stormy, version: str, run: str, what: str) -> None:
    with (stormy.evidence / "told.jsonl").open("a") as file:
        file.write(json.dumps({"version": version, "attempt": f"{run}.1", "what": what, "step": None}) + "\n")


def record_as_lost(stormy: Stormy, version: str) -> None:
    path = stormy.project.outputs / f"history-{HOST}.jsonl"
    events = stormy.project.history()
    for event in events:
        if event["event"] == "ended" and event["run"] == run_of(stormy, version):
            event["outcome"] = "lost"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))


def change_checkpoint(stormy: Stormy, version: str, change: Callable[[list], list]) -> None:
    path = stormy.project.outputs / "model_ckpts" / version / "checkpoint.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def run_of(stormy: Stormy, version: str) -> str:
    return next(event["run"] for event in stormy.history() if event.get("model_dir") == version)


WRONGS = {
    "lost: a step": ("lost", lambda s: change_checkpoint(s, "counted-v0", lambda steps: steps[:-1])),
    "lost: a checkpoint": ("lost", lambda s: change_checkpoint(s, "loading-v0", lambda _: [])),
    "doubled: a step": ("doubled", lambda s: change_checkpoint(s, "remembered-v0", lambda steps: [steps[0], *steps])),
    "doubled: an attempt": ("doubled", lambda s: tell(s, "command-v0", run_of(s, "command-v0"), "begins")),
    "doubled: two at once": ("doubled", lambda s: tell(s, "command-v0", "another", "overlaps")),
    "doubled: after its end": ("doubled", lambda s: tell(s, "command-v0", "another", "begins")),
    "wrong: lost, and nobody killed it": ("wrong", lambda s: record_as_lost(s, "counted-v0")),
    "left: a claim": ("left", lambda s: (s.project.outputs / "claims" / "counted-v0.json").touch()),
    "left: a temporary file": ("left", lambda s: (s.temporary / "x").touch()),
}


@pytest.mark.parametrize("what", WRONGS)
def test_the_morning_shows_what_went_wrong(calm: Stormy, tmp_path: Path, what: str):
    assert morning_of(calm) == Morning()
    kept = tmp_path / "kept"
    for path in (calm.project.outputs, calm.evidence, calm.temporary):
        shutil.copytree(path, kept / path.name)
    word, change = WRONGS[what]
    try:
        change(calm)
        assert getattr(morning_of(calm), word) != []
    finally:
        for path in (calm.project.outputs, calm.evidence, calm.temporary):
            shutil.rmtree(path)
            shutil.copytree(kept / path.name, path)
