"""The sample project of pipelines, as a user would run it: what its versions share is made once, whatever happens."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest
from support import Project, wait_until

SAMPLE = Path(__file__).parents[2] / "examples/pipeline-project"
PATIENCE_S = 300
#: Far from what a bug would leave, and from a fluke.
LEAST_ACCURACY = 0.8

EACH_ONCE = Counter(features=1, train_model=6, accuracy=6)
#: Two runs, and whatever else is at work, are not to wait for each other's threads.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

#: Put into the stages of a copy: each call is noted.
NOTING = "with open({calls!r}, 'a') as file: print({stage!r}, file=file)"


@pytest.fixture
def sample(tmp_path):
    """A copy of the project; its stages note their calls in a file beside it."""
    root = tmp_path / "pipeline-project"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("outputs", "__pycache__", ".*"))
    project = Project(root, tmp_path / "terminal")
    script = project.models_dir / "digits.py"
    source = script.read_text()
    for stage, begin in (
        ("features", "    def run(self):\n"),
        ("train_model", "    def run(self, train_x, train_y, run):\n"),
        ("accuracy", "def accuracy(model, test_x, test_y) -> float:\n"),
    ):
        assert begin in source
        indent = "    " if stage == "accuracy" else "        "
        note = NOTING.format(calls=str(tmp_path / "calls"), stage=stage)
        source = source.replace(begin, f"{begin}{indent}{note}\n")
    script.write_text(source)
    yield project
    project.kill_everything()


def calls(project):
    """How often each stage was called so far."""
    path = project.root.parent / "calls"
    return Counter(path.read_text().split()) if path.exists() else Counter()


def said(project, pattern):
    return len(re.findall(pattern, project.log))


def accuracies(project):
    found = re.findall(r"accuracy  ([\d.]+)", project.results)
    return [float(one) for one in found]


def launch(project, *arguments):
    done = project.run("-r", *arguments, env=ONE_THREAD, timeout=PATIENCE_S)
    assert done.returncode == 0, f"{project.log}{done.stderr}"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_six_versions_make_what_they_share_once(sample, jobs):
    launch(sample, "-j", jobs)
    assert calls(sample) == EACH_ONCE
    assert (said(sample, "stage features ran in"), said(sample, "stage features cached")) == (1, 5)
    assert said(sample, "stage train_model ran in") == 6
    assert len(accuracies(sample)) == 6
    assert min(accuracies(sample)) > LEAST_ACCURACY


def test_a_later_launch_makes_what_changed_and_nothing_else(sample):
    sample.write_queue([{"script": "digits.py", "versions": ["short", "small"]}])
    launch(sample)
    first = Counter(features=1, train_model=2, accuracy=2)
    assert calls(sample) == first

    # A comment in a helper makes nothing run again, another body what depends on it.
    helper = sample.models_dir / "_images.py"
    helper.write_text(helper.read_text().replace("WHITE = 16.0", "WHITE = 16.0  # the brightest"))
    launch(sample)
    assert calls(sample) == first
    assert said(sample, "stage (features|train_model|accuracy) cached") == 1 + 6
    assert accuracies(sample)[:2] == accuracies(sample)[2:]
    helper.write_text(helper.read_text().replace("np.gradient(images", "np.gradient(images**0.5"))
    launch(sample)
    assert calls(sample) == first + first


def test_test_mode_leaves_no_cache(sample, tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    sample.write_queue([{"script": "digits.py", "versions": ["small", "short"]}], test=True)
    done = sample.run(env={**ONE_THREAD, "TMPDIR": str(folder)}, timeout=PATIENCE_S)
    assert (done.returncode, "2 versions passed" in done.stdout + done.stderr) == (0, True)
    assert calls(sample) == Counter(features=1, train_model=2, accuracy=2)
    assert list(folder.iterdir()) == []
    assert not sample.outputs.exists()


def test_whatever_is_killed_nothing_is_made_twice_that_was_done(sample):
    """kill -9 of the daemon, then of a worker in the middle of a stage."""
    sample.write_queue([{"script": "digits.py", "versions": ["small", "wide", "hasty", "short"]}])
    # A stage that lasts until it is killed.
    script = sample.models_dir / "digits.py"
    gate = sample.root.parent / "gate"
    script.write_text(
        script.read_text().replace(
            "        for epoch in run.steps(self.epochs):\n",
            "        import pathlib, time\n"
            f"        while self.hidden == 128 and not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
            "        for epoch in run.steps(self.epochs):\n",
        )
    )
    daemon = sample.start("-r", "-j", "2", env=ONE_THREAD)
    wait_until(lambda: said(sample, "digits:wide stage features (cached|ran)"), PATIENCE_S, lambda: sample.log)
    wait_until(lambda: calls(sample)["train_model"] >= 3, PATIENCE_S)
    daemon.kill()
    daemon.wait()
    # Its workers live on; another daemon adopts them. One of them is killed in the middle of a stage.
    daemon = sample.start("-r", "-u", "-j", "2", env=ONE_THREAD)
    wait_until(lambda: said(sample, "digits:wide was begun by a daemon before"), PATIENCE_S, lambda: sample.log)
    (worker,) = sample.outputs.glob("runs/digits-wide-*/1/worker.json")
    os.kill(json.loads(worker.read_text())["pid"], signal.SIGKILL)
    assert daemon.wait(PATIENCE_S) == 1
    ends = Counter(event["outcome"] for event in sample.history() if event["event"] == "ended")
    assert (ends["succeeded"], ends["failed"] + ends["lost"]) == (3, 1)
    before = calls(sample)
    gate.touch()
    launch(sample, "-u")
    assert calls(sample) - before == Counter(train_model=1, accuracy=1)
    # Once, but for the one that was killed.
    assert calls(sample) == Counter(features=1, train_model=5, accuracy=4)
