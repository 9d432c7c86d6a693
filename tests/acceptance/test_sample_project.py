"""The sample project, as `make demo` runs it: the installed command, in both modes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("mlpipeline")

#: What each version is expected to reach on the test data; far from what a bug would leave, and from a fluke.
ACCURACIES = {
    "digits:linear": 0.85,
    "digits:wide": 0.93,
    "digits:deep": 0.93,
    "sample_model:patient": 0.75,
    "sample_model:learning_rate=3.0,batch_size=64": 0.75,
}


@pytest.fixture
def sample(tmp_path):
    """A copy of the sample project as it is in the repository."""
    folder = tmp_path / "sample-project"
    shutil.copytree(
        ROOT / "examples/sample-project", folder, ignore=shutil.ignore_patterns("outputs", "__pycache__", ".*")
    )
    return folder


def _run(sample, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLP_")}
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=sample,
        env={**environment, "MLP_HOST": "box1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_both_modes_succeed_with_plausible_numbers_in_a_minute(sample):
    outputs = sample / "models/outputs"
    before = _cpu_seconds()

    tested = _run(sample)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "14 versions passed in " in tested.stdout
    assert not outputs.exists()

    trained = _run(sample, "-r", "-j", "2")
    # In seconds of two cores, so that whatever else this machine does has no part in it.
    assert (_cpu_seconds() - before) / 2 < 60
    assert trained.returncode == 0, trained.stdout + trained.stderr
    runs = {f"{run['model']}:{run['version']}": run for run in json.loads(_run(sample, "runs", "--json").stdout)}
    assert len(runs) == 11
    assert {run["outcome"] for run in runs.values()} == {"succeeded"}

    for key, least in ACCURACIES.items():
        assert least < runs[key]["results"]["test.accuracy"] <= 1, key
        assert least < runs[key]["results"]["train.accuracy"] <= 1, key
    assert runs["digits:wide"]["results"]["test.accuracy"] > runs["digits:linear"]["results"]["test.accuracy"]
    for version, primes in (("thousands", 1229), ("legendre", 33_860), ("millions", 148_933)):
        results = runs[f"primes:{version}"]["results"]
        assert results["primes"] == primes
        assert results["off_by"] < 0.02
    bits = [runs[f"ngram:{version}"]["results"]["bits_per_letter"] for version in ("one", "two", "four")]
    assert 4.5 > bits[0] > bits[1] > bits[2] > 0.5

    for version in ("linear", "wide", "deep"):
        assert _size_of_png(outputs / f"model_ckpts/digits-{version}/confusion_matrix.png") > (300, 300)
        (folder,) = (outputs / "runs").glob(f"digits-{version}-*")
        assert list(folder.glob("events.out.tfevents.*"))
        losses = [json.loads(line)["metrics"]["loss"] for line in (folder / "metrics.jsonl").open("rb")]
        assert losses[-1] < losses[0] / 2
    blocks = (outputs / "output-box1").read_text()
    assert blocks.count("succeeded") == 11
    assert "1347 digits to learn from, 450 to test on" in blocks


def test_broken_costs_only_itself_and_says_why(sample):
    queue = sample / "models.toml"
    queue.write_text(queue.read_text().replace('# "broken.py"', '"broken.py"'))
    done = _run(sample, "-r", "--only", "broken")
    assert done.returncode == 1
    runs = {run["version"]: run for run in json.loads(_run(sample, "runs", "--json").stdout)}
    assert {version: (run["outcome"], run["failure"], run["error"]) for version, run in runs.items()} == {
        "empty_batch": ("failed", "exception", "ZeroDivisionError: division by zero"),
        "killed": ("failed", "killed", "was killed by SIGKILL before it wrote its result"),
        "fine": ("succeeded", None, None),
    }
    assert 'run.log_metrics({"mean": sum(batch) / len(batch)}, step=step)' in done.stdout
    assert f"outputs/runs/{runs['killed']['run']}/1/output.log" in done.stdout
    assert "mlpipeline ends: 1 succeeded, 2 failed" in done.stdout


def _size_of_png(path):
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", data[16:24])
