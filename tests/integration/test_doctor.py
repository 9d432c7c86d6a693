"""`mlpipeline doctor`: each trouble, made for real where that can be done, is found, and nothing is changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest
from gpus import Box
from schemas import complaints
from small_disk import SmallDisk
from support import GATE_SOURCE, HOST, Gate, wait_until, write_project

from mlpipeline.project.files import to_json

SCRIPT = """
from mlpipeline import FunctionModel, Versions
def train(x):
    return {"y": x}
versions = Versions()
for x in range(3):
    versions.add_version(f"v{x}", x=x)
MODEL = FunctionModel(train, versions)
"""
OLD_S = 7 * 24 * 3600
PROCESS = {"pid": 4_000_000, "boot": "another", "ticks": 1.0}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project whose three versions were trained; tests change copies of it."""
    project = write_project(tmp_path_factory.mktemp("doctor"), {"net.py": SCRIPT})
    assert project.run("-r", timeout=120).returncode == 0
    return project


@pytest.fixture
def project(trained, make_project, tmp_path):
    copy = make_project(tmp_path, {})
    shutil.rmtree(copy.root)
    shutil.copytree(trained.root, copy.root, symlinks=True)
    return copy


def examine(project, *, env=None, before=()):
    """Return the findings of `doctor --json`, as (check, health): [(told, advice)], and the exit status."""
    command = [*before, sys.executable, "-m", "mlpipeline", "doctor", "--json"]
    environment = project.environment(env)
    done = subprocess.run(
        command, cwd=project.root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert complaints("doctor", said) == []
    assert said["well"] == (done.returncode == 0)
    found = {}
    for finding in said["checks"]:
        found.setdefault((finding["check"], finding["health"]), []).append((finding["told"], finding["advice"]))
    return found, done.returncode


def troubles(found):
    return {key: value for key, value in found.items() if key[1] != "ok"}


def all_files(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*") if path.is_file()}


def heartbeat(project, host, said, age_s):
    path = project.outputs / f"heartbeat-{host}"
    path.write_bytes(to_json({"host": host, "command": "mlpipeline -r", **said}))
    os.utime(path, (time.time() - age_s,) * 2)


def test_a_project_that_is_well(project):
    before = all_files(project.root)
    found, status = examine(project, env={"CUDA_VISIBLE_DEVICES": ""})
    assert (troubles(found), status) == ({}, 0)
    assert ("3 runs of 1 host can be read", None) in found["history", "ok"]
    assert all_files(project.root) == before
    assert not list(project.outputs.glob(".doctor*"))

    screen = project.run("doctor")
    assert screen.stdout.endswith("\n\nall is well\n")
    assert "\nok    history          3 runs of 1 host can be read\n" in screen.stdout

    # Before the first launch.
    shutil.rmtree(project.outputs)
    found, status = examine(project)
    assert (troubles(found), status) == ({}, 0)
    assert not project.outputs.exists()


def test_without_a_project_the_rest_is_looked_at(project):
    (project.root / "mlp.toml").write_text("models_dir = models\n")
    found, status = examine(project)
    assert list(troubles(found)) == [("project", "bad")]
    assert "not valid TOML" in found["project", "bad"][0][0]
    assert ("python", "ok") in found
    assert status == 1
    (project.root / "mlp.toml").unlink()
    found, _ = examine(project)
    assert "mlpipeline init" in found["project", "bad"][0][1]


def test_a_wreck(project):
    """As much as can go wrong at once."""
    outputs = project.outputs
    runs = [event for event in project.history() if event["event"] == "selected"]
    project.write_script("half.py", "MODEL = (\n")
    project.write_queue(["net.py", "half.py", "gone.py"])
    project.write_queue("use_blacklist = no\n", test=True)
    # Histories: a copy of a synchronising program, a torn line, another host's clock, and a newer mlpipeline.
    journal = outputs / f"history-{HOST}.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], b'{"event": "sel\n', *lines[1:]]))
    shutil.copy(journal, outputs / f"history-{HOST} (conflicted copy).jsonl")
    ahead = (datetime.now().astimezone() + timedelta(hours=2)).isoformat()
    (outputs / "history-box2.jsonl").write_bytes(
        to_json({"event": "launch", "at": ahead, "launch": "box2-1", "host": "box2", "pid": 1, "command": ""})
    )
    (outputs / "environments" / "0123456789abcdef.json").write_text('{"packages": {"mlpipeline": "99.1"}}')
    # Daemons: this host's died, and another's is silent.
    heartbeat(project, HOST, PROCESS, 600)
    heartbeat(project, "box2", PROCESS, OLD_S)
    # Claims: of a run that is over, of a host that is gone, and one that nobody can read.
    claim = {"run": runs[0]["run"], "run_dir": str(outputs / "runs" / runs[0]["name"]), "at": ahead}
    (outputs / "claims" / "net-v0.json").write_bytes(to_json({**claim, "host": HOST}))
    (outputs / "claims" / "net-v1.json").write_bytes(to_json({**claim, "host": "box2"}))
    (outputs / "claims" / "net-v2.json").write_text("")
    # Records that no history names, what a killed process left, and a file of somebody else.
    stray = outputs / "runs" / "cnn" / "net-v9-abc234"
    stray.mkdir(parents=True)
    (stray / "spec.json").write_text("{}")
    left = outputs / "claims" / ".net-v0.json.0123456789ab"
    left.touch()
    # What a deletion left that was cut short, and a doctor that was killed, lies there for a moment only.
    trash, collector, probed = (
        outputs / "runs" / ".trash-abc234-1",
        outputs / ".gc-abc234",
        outputs / ".doctor.x_y12345",
    )
    for folder in (trash, collector, probed):
        folder.mkdir()
    (trash / "spec.json").write_text("{}")
    for path in (stray, left, trash, collector, probed):
        os.utime(path, (time.time() - OLD_S,) * 2)
    (outputs / "notes.txt").touch()

    before = all_files(project.root)
    found, status = examine(project)
    assert status == 1
    assert all_files(project.root) == before
    bad = {check: told for (check, health), told in found.items() if health == "bad"}
    looks = {check: told for (check, health), told in found.items() if health == "look"}
    assert sorted(bad) == ["claims", "files", "queue"]
    # Nothing is said of records that no history names: the torn line may have named them.
    assert sorted(looks) == ["claims", "clock", "daemon", "files", "history", "versions"]

    assert bad["queue"][0][0].startswith(
        "models.toml lists a script that cannot be used: half.py: line 1: syntax error: '(' was never closed."
    )
    assert "gone.py: does not exist in models_dir" in bad["queue"][1][0]
    assert bad["queue"][2][0].startswith("models_test.toml: line 1, column 17: not valid TOML")
    assert bad["files"][0][0].startswith(f"history-{HOST} (conflicted copy).jsonl was made by a synchronising program")
    assert bad["claims"][0] == (
        "that of net-v2 cannot be read: whoever holds the model dir, nothing starts there",
        f"rm {outputs}/claims/net-v2.json  # when nothing runs there",
    )
    assert looks["claims"] == [
        (
            "net-v1 is held by box2, where no daemon is heard of: nothing else starts there",
            "mlpipeline release net:v0  # if box2 is gone for good",
        ),
        ("left by a daemon that died: net-v0; the next launch settles them", "mlpipeline -r -u"),
    ]
    told = dict(looks["history"])
    torn = f"history-{HOST}.jsonl: line 2 is torn or not an event; skipped"
    assert told[torn] == f"sed -n 2p {journal}"
    assert re.match(r"the last event in history-box2.jsonl is [12] h \d+ min ahead of now", looks["clock"][0][0])
    assert "(mlpipeline -r) died without a word, 10 min " in looks["daemon"][0][0]
    assert "that of box2 was last heard of 7 d 0 h ago" in looks["daemon"][1][0]
    killed = "left over by processes that were killed: "
    assert looks["files"][0] == (
        f"{killed}.doctor.x_y12345, .gc-abc234, claims/.net-v0.json.0123456789ab and 1 more",
        "mlpipeline gc  # clears it",
    )
    assert looks["files"][1][0] == "not mlpipeline's: notes.txt. They do no harm"
    assert "written by mlpipeline 99.1" in looks["versions"][0][0]
    # What it says of the torn line can be typed; with a history that is whole, records that it lacks are told.
    shown = subprocess.run(told[torn], shell=True, check=True, capture_output=True, text=True)
    assert shown.stdout == '{"event": "sel\n'
    journal.write_bytes(b"".join(lines))
    (outputs / f"history-{HOST} (conflicted copy).jsonl").unlink()
    found, _ = examine(project)
    assert found["runs", "look"][0][0].startswith("1 in runs/ are named by no history: cnn/net-v9-abc234.")


def test_a_damaged_index(project):
    assert project.run("runs").returncode == 0
    (index,) = project.cache.glob("mlpipeline/*/history.sqlite")
    # With what SQLite keeps beside it, which may hold all that was written last.
    for beside in ("-wal", "-shm"):
        index.with_name(index.name + beside).unlink(missing_ok=True)
    index.write_bytes(b"no database" * 1000)
    found, status = examine(project)
    assert list(troubles(found)) == [("index", "look")]
    assert found["index", "look"][0][1] == f"rm {index}"
    assert status == 0
    assert index.read_bytes().startswith(b"no database"), "it is only looked at"


def test_who_holds_the_lock(project, tmp_path):
    lock = project.outputs / ".locks" / f"daemon-{HOST}.lock"
    source = (
        "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stranger:
        stranger.stdout.readline()
        found, status = examine(project)
        stranger.stdin.close()
    ((told, advice),) = found["lock", "bad"]
    assert told.startswith(f"is held by process {stranger.pid} (python")
    assert advice == f"ps -fp {stranger.pid}; kill {stranger.pid}"
    assert status == 1

    gate = Gate(tmp_path / "gate")
    script = SCRIPT.replace("    return", f"    wait_for({str(gate)!r})\n    return")
    project.write_script("_gate.py", GATE_SOURCE)
    project.write_script("net.py", f"from _gate import wait_for\n{script}")
    daemon = project.start("-r")
    gate.wait_reached()
    found, status = examine(project)
    assert (troubles(found), status) == ({}, 0)
    assert found["daemon", "ok"][0][0] == f"pid {daemon.pid} (mlpipeline -r) is at work"
    assert found["lock", "ok"][0][0] == f"held by the daemon, pid {daemon.pid}"
    assert found["claims", "ok"][0][0] == "1 model dir is held"

    # It hangs, and somebody has removed its lock.
    daemon.send_signal(signal.SIGSTOP)
    os.utime(project.outputs / f"heartbeat-{HOST}", (time.time() - 600,) * 2)
    shutil.rmtree(project.outputs / ".locks")
    found, _ = examine(project)
    assert "has not been heard of for 10 min" in found["daemon", "bad"][0][0]
    assert f"kill -CONT {daemon.pid}" in found["daemon", "bad"][0][1]
    assert "was removed or replaced" in found["lock", "bad"][0][0]
    daemon.send_signal(signal.SIGCONT)
    gate.open()
    wait_until(lambda: daemon.poll() is not None, 90)


def test_a_small_disk_and_one_that_cannot_be_written(project):
    shutil.rmtree(project.outputs)
    disk = SmallDisk(project.outputs)
    try:
        found, status = examine(project)
        told = [told for told, _ in found["disk", "bad"]]
        assert told[0].startswith("524 kB free; min_free_disk is 1 GB: nothing new starts")
        assert [told for told, _ in found["disk", "look"]] == [
            "there is room for 149 more files; a run leaves about ten"
        ]
        disk.take_the_rest()
        found, _ = examine(project)
        assert "No space left on device" in found["outputs", "bad"][0][0]
        assert found["outputs", "bad"][0][1].startswith("df -h ")
        disk.make_room()
        disk.mount("-o", "remount,ro")
        found, status = examine(project)
        assert "Read-only file system" in found["outputs", "bad"][0][0]
        assert status == 1
        # The rest is looked at all the same.
        assert ("history", "ok") in found
        assert ("files", "ok") in found
    finally:
        disk.unmount()


def test_limits_of_this_machine_and_a_folder_that_is_synchronised(project, tmp_path):
    dropbox = tmp_path / "Dropbox"
    dropbox.mkdir()
    project.root.rename(dropbox / "project")
    project.root = dropbox / "project"
    few = ["bash", "-c", 'ulimit -Sn 200; exec "$@"', "bash"]
    found, status = examine(project, before=few)
    ((told, advice),) = found["limits", "bad"]
    assert told.startswith("a process may open 200 files")
    assert advice.startswith("ulimit -n ")
    ((told, _),) = found["file system", "look"]
    assert told.startswith(f"{dropbox}: a synced folder.")
    assert status == 1


def test_gpus(project, tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    box = Box(tmp_path, 2)
    box.gpus[1]["pids"] = [4711]
    box.save()
    found, status = examine(project, env=box.env)
    assert found["gpus", "look"] == [
        ("2 can be leased, but 1 is used by process 4711, which is of no run that leases it", "nvidia-smi")
    ]
    assert status == 0
    box.save(error=18)  # NVML_ERROR_LIB_RM_VERSION_MISMATCH: the driver was updated under a running kernel
    found, status = examine(project, env=box.env)
    assert found["gpus", "bad"][0][0] == "NVML cannot say what they do: NVML error 18. Runs that ask for GPUs wait"
    assert status == 1


def test_why_a_script_is_not_forked_and_nobody_is_told(project):
    workers = list(project.outputs.glob("runs/*/1/worker.json"))
    for path in workers:
        path.write_bytes(to_json({**json.loads(path.read_bytes()), "how": "fresh: jax does not survive a fork"}))
    found, _ = examine(project)
    assert found["warm workers", "ok"] == [("net starts fresh: jax does not survive a fork", None)]
    (project.root / "mlp.toml").write_text('[worker]\nwarm = false\n[notify]\ncommand = ["no-such-mailer", "me"]\n')
    found, _ = examine(project)
    assert found["notify", "bad"][0][0].startswith("there is no program no-such-mailer")
    assert found["warm workers", "ok"] == [("off: warm = false in mlp.toml", None)]
