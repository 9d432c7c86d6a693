"""Several hosts on one project folder: claims keep them apart, and each sees what the others did."""

from __future__ import annotations

import json

import pytest
from record import set_aside
from support import GATE_SOURCE, Gate, wait_until

SCRIPT = """
import os, pathlib
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
def train(n, *, model_dir):
    gate = pathlib.Path(f"gate-{n}")
    if gate.exists():
        wait_for(gate.read_text())
    with (model_dir / "by").open("a") as file:
        print(os.environ["MLP_HOST"], file=file)
versions = Versions()
for n in range(COUNT):
    versions.add_version(f"v{n}", n=n)
MODEL = FunctionModel(train, versions)
"""


class Hosts:
    """A project that several hosts work on, and gates for some of its versions."""

    def __init__(self, make_project, folder, count):
        self.folder = folder
        self.project = make_project(folder, {"_gate.py": GATE_SOURCE, "m.py": SCRIPT.replace("COUNT", str(count))})

    def gate(self, n):
        gate = Gate(self.folder / f"open-{n}")
        (self.project.root / f"gate-{n}").write_text(str(gate))
        return gate

    def start(self, host, *options):
        return self.project.start("-r", *options, env={"MLP_HOST": host})

    def run(self, host, *options):
        return self.project.run("-r", *options, env={"MLP_HOST": host})

    def by(self, n):
        """The hosts that carried out a version, in order."""
        return (self.project.outputs / "model_ckpts" / f"m-v{n}" / "by").read_text().split()

    def ended(self, host):
        return [event for event in self.project.history(host) if event["event"] == "ended"]


@pytest.fixture
def hosts(make_project, tmp_path):
    return Hosts(make_project, tmp_path, 4)


def test_two_hosts_share_a_queue_and_run_each_version_once(hosts):
    first, last = hosts.gate(0), hosts.gate(3)
    a = hosts.start("a", "-u")
    first.wait_reached()
    # b finds v0 under way at a, and goes on with the rest, while a stands still.
    b = hosts.start("b", "-u")
    last.wait_reached()
    # a was launched when nothing was done: it sees by itself that b did v1 and v2, and is at v3.
    first.open()
    assert a.wait(30) == 0
    last.open()
    assert b.wait(30) == 0

    assert [hosts.by(n) for n in range(4)] == [["a"], ["b"], ["b"], ["b"]]
    assert set_aside(hosts.project, "m-v1") == []
    assert "4 versions: 3 to run, 1 running" in b.out
    assert "4 versions: 4 done" in hosts.run("c", "-u").stdout
    assert "4 versions: 4 called again" in hosts.run("c").stdout
    assert not any(path.is_file() for path in (hosts.project.outputs / "claims").rglob("*"))


def test_hosts_that_start_at_once_never_share_a_model_dir(make_project, tmp_path):
    hosts = Hosts(make_project, tmp_path, 8)
    names = ["a", "b", "c"]
    started = [hosts.start(name, "-u", "-j", "2") for name in names]

    codes = [command.wait(60) for command in started]

    assert [len(hosts.by(n)) for n in range(8)] == [1] * 8
    assert codes == [0, 0, 0], [command.out for command in started]
    assert sum(len(hosts.ended(name)) for name in names) == 8


def test_a_model_dir_that_another_host_holds_is_left_alone_with_who_and_what_to_do(hosts):
    gate = hosts.gate(0)
    unrecorded = hosts.start("a", "-n", "--only", "m:v0")
    gate.wait_reached()

    held = hosts.run("b", "--only", "m:v0", "--only", "m:v1")

    assert held.returncode == 1
    claim = hosts.project.outputs / "claims" / "m-v0.json"
    told = json.loads(claim.read_bytes())
    assert (
        f"m:v0 is held: its model dir is in use by run {told['run']} of a, since {told['at']}. "
        "If that run is gone for good: mlpipeline release m:v0"
    ) in held.stdout
    assert hosts.by(1) == ["b"]
    gate.open()
    assert unrecorded.wait(30) == 0
    assert hosts.by(0) == ["a"]


def test_a_daemon_that_watches_takes_up_what_another_host_gave_back(hosts):
    gate = hosts.gate(0)
    unrecorded = hosts.start("a", "-n", "--only", "m:v0")
    gate.wait_reached()
    waiting = hosts.start("b", "--watch", "-u", "-j", "2", "--only", "m:v0")
    wait_until(lambda: "m:v0 is held" in waiting.out)
    gate.open()
    assert unrecorded.wait(30) == 0

    # A save wakes it before its next look in 30 s.
    hosts.project.write_queue(["m.py"])
    wait_until(lambda: hosts.ended("b"))
    assert [event["outcome"] for event in hosts.ended("b")] == ["succeeded"]


def test_what_failed_on_one_host_is_resumed_on_another(hosts):
    gate = hosts.gate(0)
    a = hosts.start("a", "--only", "m:v0")
    gate.wait_reached()
    worker = wait_until(lambda: [event for event in hosts.project.history("a") if event["event"] == "running"])[0][
        "pid"
    ]
    next(process for process in hosts.project.processes() if process.pid == worker).kill()
    assert a.wait(30) == 1
    gate.open()

    resumed = hosts.run("b", "-u", "--only", "m:v0")

    assert "1 version: 1 to resume" in resumed.stdout
    starts = [event["start"] for event in hosts.project.history("b") if event["event"] == "selected"]
    assert starts == ["resume"]
