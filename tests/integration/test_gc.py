"""`mlpipeline gc` on a project whose versions really ran."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kill_at import MOMENTS
from record import model_dir, outcomes
from remains import age, tree
from schemas import complaints
from small_disk import SmallDisk
from support import GATE_SOURCE, Gate, Project

KILL_AT = Path(__file__).resolve().parent.parent / "kill_at.py"

SCRIPT = """
import pathlib
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
def train(n, *, model_dir, run):
    saved = model_dir / "steps"
    done = int(saved.read_text()) if saved.exists() else 0
    for step in run.steps(3):
        done += 1
        saved.write_text(str(done))
    gate = pathlib.Path(f"gate-{n}")
    if gate.exists():
        wait_for(gate.read_text())
    if pathlib.Path(f"fail-{n}").exists():
        raise ValueError("no")
    return {"accuracy": n / 10, "energy": n, "steps": done}
versions = Versions()
for n in range(4):
    versions.add_version(f"v{n}", n=n)
MODEL = FunctionModel(train, versions)
"""


@pytest.fixture
def project(make_project, tmp_path: Path) -> Project:
    return make_project(tmp_path, {"_gate.py": GATE_SOURCE, "net.py": SCRIPT}, settings="[queue]\nmin_free_disk = 0\n")


def gate_of(project: Project, n: int) -> Gate:
    gate = Gate(project.root.parent / f"open-{n}")
    (project.root / f"gate-{n}").write_text(str(gate))
    return gate


def begun(project: Project, version: str) -> list[str]:
    """How the runs of a version began, as the history tells."""
    return [e["start"] for e in project.history() if e["event"] == "selected" and e["version"] == version]


def steps(project: Project, version: str) -> list[int]:
    """How many steps lay in the model dir when each run of a version ended well."""
    runs = [e["run"] for e in project.history() if e["event"] == "selected" and e["version"] == version]
    return [
        e["results"]["steps"] for e in project.history() if e["event"] == "ended" and e["run"] in runs and e["results"]
    ]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_not_among_the_best_goes_stays_done_and_is_trained_anew_when_it_is_called_again(project):
    assert project.run("gc", "--dry-run").stdout.startswith("nothing to delete")
    (project.root / "fail-1").touch()
    assert project.run("-r", "--only", "net").returncode == 1
    before = tree(project.outputs)
    rules = ("--keep-best", "1", "--by", "accuracy")
    asked = project.run("gc", *rules)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "give --yes to delete without being asked" in asked.stderr
    shown = project.run("gc", *rules, "--dry-run")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "model_ckpts/net-v0" in shown.stdout
    assert "not the best" in shown.stdout
    dry = json.loads(project.run("gc", *rules, "--dry-run", "--json").stdout)
    assert complaints("gc", dry) == []
    assert tree(project.outputs) == before
    done = project.run("gc", *rules, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert complaints("gc", said) == []
    assert said["items"] == [{**item, "deleted": True} for item in dry["items"]]
    assert said["freed_bytes"] == dry["size_bytes"] == sum(item["size_bytes"] for item in dry["items"]) > 0
    # What failed has no result, and needs what it has to go on.
    assert names(model_dir(project, "")) == ["net-v1", "net-v3"]
    assert [name[:6] for name in names(project.outputs / "runs")] == ["net-v1", "net-v3"]
    assert tree(project.outputs) < before
    assert project.run("runs").stdout.count("succeeded") == 3

    assert "1 version: 1 done" in project.run("-r", "-u", "--only", "net:v0").stdout
    (project.root / "fail-1").unlink()
    assert project.run("-r").returncode == 0
    assert "4 versions: 2 to run, 1 called again, 1 to resume" in project.log
    assert begun(project, "v0") == ["clean", "clean"]
    assert begun(project, "v3") == ["clean", "again"]
    assert [steps(project, f"v{n}")[-1] for n in range(4)] == [3, 3, 3, 3]


def test_a_version_that_failed_is_collected_only_when_that_is_asked_for_and_a_retry_says_so(project):
    (project.root / "fail-2").touch()
    project.run("-r", "--only", "net:v2")
    kept = project.run("gc", "--older-than", "0s", "--yes")
    assert "model_ckpts/net-v2: its version did not succeed" in kept.stdout
    assert names(model_dir(project, "")) == ["net-v2"]
    done = project.run("gc", "--older-than", "0s", "--unfinished", "--yes")
    assert done.returncode == 0, done.stderr
    assert names(model_dir(project, "")) == names(project.outputs / "runs") == []
    assert "failed (exception)" in project.run("status").stdout
    (project.root / "fail-2").unlink()
    gate = gate_of(project, 0)
    daemon = project.start("-r", "--only", "net:v0", "--only", "net:v1")
    gate.wait_reached()
    retried = project.run("retry", "net:v2")
    assert "is not tried again: gc deleted what it left; where it is listed, a launch starts it anew" in retried.stdout
    gate.open()
    assert daemon.wait(timeout=60) == 0
    assert project.run("-r", "--only", "net:v2").returncode == 0
    assert begun(project, "v2") == ["clean", "clean"]
    assert steps(project, "v2")[-1] == 3


def test_what_runs_and_what_that_resumes_stays_whoever_deletes_on_whatever_host(project):
    assert project.run("-r").returncode == 0
    gate = gate_of(project, 1)
    daemon = project.start("-r", "--only", "net:v1")
    gate.wait_reached()
    project.wait_for("running", count=5)
    for path in (project.outputs / "code").iterdir():
        age(path, 7200)
    done = project.run("gc", "--older-than", "0s", "--unfinished", "--yes", env={"MLP_HOST": "box2"})
    assert done.returncode == 0, done.stderr
    assert "model_ckpts/net-v1: a run uses it" in done.stdout
    assert names(model_dir(project, "")) == ["net-v1"]
    assert [name[:6] for name in names(project.outputs / "runs")] == ["net-v1"] * 2
    assert len(names(project.outputs / "code")) == 1
    assert [e["event"] for e in project.history("box2")] == ["collected"] * 3
    gate.open()
    assert daemon.wait(timeout=60) == 0
    assert outcomes(project, "net:v1") == ["succeeded"] * 2
    assert steps(project, "v1") == [3, 3]
    # The host of the runs hears of it.
    (project.root / "gate-1").unlink()
    assert project.run("-r").returncode == 0
    assert "4 versions: 3 to run, 1 called again" in project.log


#: Has a daemon meet the deletion at the last moment: it has decided on how to start `net:v3`.
MEET = """
import subprocess, sys
from mlpipeline.daemon.starting import Starter
claim = Starter._claim
def late(self, offer, run, name):
    if offer.version == "v3" and self._outputs.model_dir("net-v3").exists():
        subprocess.run([sys.executable, "-m", "mlpipeline", "gc", "--older-than", "0s", "--yes"], check=True)
    return claim(self, offer, run, name)
Starter._claim = late
from mlpipeline.cli.main import main
main()
"""


def test_what_a_daemon_is_about_to_call_again_starts_anew_once_it_was_deleted(project):
    assert project.run("-r").returncode == 0
    gate = gate_of(project, 0)
    daemon = subprocess.Popen(
        [sys.executable, "-c", MEET, "-r"], cwd=project.root, env=project.environment(), stdout=subprocess.DEVNULL
    )
    gate.wait_reached()
    assert project.run("gc", "--keep-best", "2", "--by", "accuracy", "--yes").returncode == 0
    assert names(model_dir(project, "")) == ["net-v0", "net-v2", "net-v3"]
    gate.open()
    assert daemon.wait(timeout=60) == 0
    assert [begun(project, f"v{n}")[1] for n in range(4)] == ["again", "clean", "again", "clean"]
    assert [steps(project, f"v{n}") for n in range(4)] == [[3, 3]] * 4


@pytest.mark.parametrize(
    "moment",
    [
        "after the claim",
        "after something is set aside",
        "before a collection is recorded",
        "after a collection is recorded",
        "before something is deleted",
    ],
)
def test_whenever_it_is_killed_what_is_there_is_whole_and_the_next_one_clears_away(project, moment):
    assert moment in MOMENTS
    project.write_queue([{"script": "net.py", "versions": ["v1", "v2"]}])
    assert project.run("-r").returncode == 0
    killed = subprocess.run(
        [sys.executable, str(KILL_AT), moment, "gc", "--older-than", "0s", "--yes"],
        cwd=project.root,
        env=project.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    for name in names(model_dir(project, "")):
        if not name.startswith("."):
            assert (model_dir(project, name) / "steps").read_text() == "3"
    # Whatever it left, the queue goes on.
    launched = project.run("-r")
    assert launched.returncode == 0, launched.stdout
    assert [steps(project, version)[-1] for version in ("v1", "v2")] == [3, 3]
    assert project.run("gc", "--yes").returncode == 0
    assert [path for path in project.outputs.rglob(".*") if path.name != ".locks"] == []
    assert tree(project.outputs / "claims") == set()


def test_what_cannot_be_deleted_is_told_and_the_rest_goes(project):
    assert project.run("-r").returncode == 0
    locked = model_dir(project, "net-v1") / "locked"
    locked.mkdir()
    (locked / "file").touch()
    locked.chmod(0o555)
    as_anybody = [] if os.geteuid() else ["setpriv", "--bounding-set=-all"]
    command = [*as_anybody, sys.executable, "-m", "mlpipeline", "gc", "--older-than", "0s", "--yes"]
    done = subprocess.run(
        command, cwd=project.root, env=project.environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "not deleted: model_ckpts/net-v1: Permission denied" in done.stderr
    assert done.stderr.count("not deleted") == 1
    assert "freed" in done.stdout
    assert [name for name in names(model_dir(project, "")) if not name.startswith(".trash-")] == []
    assert names(project.outputs / "runs") == []
    again = project.run("gc", "--dry-run", "--json")
    assert [item["kind"] for item in json.loads(again.stdout)["items"]] == ["leftover"]
    locked_now = next(project.outputs.rglob("locked"))
    locked_now.chmod(0o755)
    assert project.run("gc", "--yes").returncode == 0
    assert names(model_dir(project, "")) == []


def test_a_disk_that_is_full_has_room_again(project):
    project.outputs.mkdir()
    disk = SmallDisk(project.outputs, size_kb=3000, files=600)
    try:
        assert project.run("-r").returncode == 0
        (model_dir(project, "net-v1") / "checkpoint").write_bytes(b"x" * 100_000)
        assert project.run("-r", "--only", "net:v2").returncode == 0
        disk.fill()
        done = project.run("gc", "--older-than", "0s", "--yes")
        assert done.returncode == 0, done.stderr
        assert disk.free >= 100_000
        assert names(model_dir(project, "")) == []
    finally:
        disk.unmount()


@pytest.mark.parametrize(("answer", "is_deleted"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_it_asks_before(project, answer, is_deleted):
    path = project.outputs / "code" / "0123456789abcdef"
    path.mkdir(parents=True)
    age(path, 7200)
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(project.root)
        command = [sys.executable, "-m", "mlpipeline", "gc", "--older-than", "0s"]
        os.execve(sys.executable, command, {**project.environment(), "TERM": "xterm"})
    shown = read_until(master, "[y/N]:")
    os.write(master, f"{answer}\n".encode())
    shown += read_until(master, None)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert ("\r\nfreed" in shown, "nothing was deleted" in shown) == (is_deleted, not is_deleted)
    assert path.exists() is not is_deleted


def read_until(master: int, text: str | None) -> str:
    """What is shown until that, or the end, comes."""
    shown = ""
    while text is None or text not in shown:
        if not select.select([master], [], [], 60)[0]:
            raise AssertionError(f"{text!r} was not shown within 60 s:\n{shown}")
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data.decode("utf-8", "replace")
    return shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--keep-best", "2", "--dry-run"], "give --by"),
        (["--by", "accuracy", "--dry-run"], "give --keep-best, too"),
        (["--keep-best", "2", "--by", "energy", "--dry-run"], "give --by energy:max or energy:min"),
        (["--older-than", "30", "--dry-run"], "--older-than"),
        (["--keep", "0", "--dry-run"], "--keep"),
        (["--dry-run", "--yes"], "leave one of them out"),
        (["--json"], "give --yes"),
    ],
)
def test_what_is_not_said_clearly_deletes_nothing(make_project, tmp_path, arguments, told):
    done = make_project(tmp_path, {}).run("gc", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
