"""`hold` in models.toml: what stays listed and does not start, and what waits for that."""

from __future__ import annotations

import json

from record import outcomes, starts
from support import GATE_SOURCE, HOST, Gate, wait_until

#: A version stands at its gate if it has one, and fails if it is told to.
SCRIPT = """
import pathlib
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
outside = pathlib.Path({outside!r})
def train(x, *, model_dir, run):
    (model_dir / "saved").touch()
    gate = outside / f"gate-{name}-{{x}}"
    if gate.exists():
        wait_for(gate.read_text())
    if (outside / f"fails-{name}-{{x}}").exists():
        raise ValueError(f"{name} cannot do {{x}}")
versions = Versions(retries={{"exception": 1}})
for x in {versions!r}:
    versions.add_version(x, x=x)
MODEL = FunctionModel(train, versions)
"""


class Office:
    """A project with `net` of two versions, `student` and `pupil` of one; a folder outside tells them what to do."""

    def __init__(self, make_project, folder, queue):
        self.outside = folder / "outside"
        self.outside.mkdir()
        scripts = {"_gate.py": GATE_SOURCE, "broken.py": "import nothing_like_that\n"}
        for name, versions in {"net": ["small", "large"], "student": ["v"], "pupil": ["v"]}.items():
            scripts[f"{name}.py"] = SCRIPT.format(outside=str(self.outside), name=name, versions=versions)
        self.project = make_project(
            folder, scripts, queue=queue, test_queue=queue, settings="[queue]\nretry_delay = 600\n"
        )

    def gate(self, name, version):
        gate = Gate(self.outside / f"open-{name}-{version}")
        (self.outside / f"gate-{name}-{version}").write_text(str(gate))
        return gate

    def said(self, what):
        """What this host's daemon, or its last launch, says of that kind."""
        heartbeat = json.loads((self.project.outputs / f"heartbeat-{HOST}").read_bytes())
        return {problem["what"]: problem["why"] for problem in heartbeat.get(what, ())}


HELD = "held in models.toml"


def test_a_launch_leaves_what_is_held_and_that_is_no_failure(make_project, tmp_path):
    queue = [
        {"script": "broken.py", "hold": True},
        {"script": "net.py", "hold": ["small"]},
        {"script": "student.py", "after": ["net:small"]},
        {"script": "pupil.py", "after": ["student"]},
    ]
    project = Office(make_project, tmp_path, queue).project

    tested = project.run()
    assert tested.returncode == 0, tested.stderr
    assert [line for line in tested.stdout.splitlines() if "not tested" in line] == [
        "broken.py: held in models_test.toml, not tested",
        "net:small: held in models_test.toml, not tested",
    ]
    assert "net:large: ok" in tested.stdout
    assert "net:small: testing" not in tested.stdout

    done = project.run("-r", "--test-first")
    assert done.returncode == 0, project.log
    assert outcomes(project, "net:large") == ["succeeded"]
    assert [event["version"] for event in project.history() if event["event"] == "selected"] == ["large"]
    assert "4 versions: 3 to run, 1 held in models.toml" in project.log
    assert "mlpipeline ends: 1 succeeded, 2 held in models.toml, 2 waiting for that" in project.log
    assert project.log.count(f"{HELD}: net:small\n") == 1
    # What comes after it is tested while somebody is still there; what is held is not waited for.
    assert "test first: 3 versions to test" in project.log
    assert "tested: 3 passed" in project.log
    # With no daemon, the file itself tells what it holds; nobody says so of what is over.
    shown = project.run("status").stdout
    assert "next, when it is launched: net.py, student.py, pupil.py\n" in shown, shown
    project.write_queue(["net.py"])
    assert "held" not in project.run("status").stdout


def test_what_is_held_while_the_queue_runs_starts_when_that_is_taken_away(make_project, tmp_path):
    net = {"script": "net.py", "hold": ["large"]}
    rest = [{"script": "student.py", "after": ["net:large"]}, {"script": "pupil.py", "after": ["student"]}]
    office = Office(make_project, tmp_path, ["net.py", *rest])
    project, gate = office.project, office.gate("net", "small")
    daemon = project.start("-r", "--watch")
    gate.wait_reached()
    project.write_queue([net, *rest])
    wait_until(lambda: office.said("on_hold") == {"net:large": HELD}, message=lambda: project.log)

    behind = f"after net:large, which is {HELD}"
    wait_until(lambda: office.said("waits") == {"student:v": behind, "pupil:v": behind})
    assert office.said("held") == {}
    status = json.loads(project.run("status", "--json").stdout)
    assert status["daemon"]["held"] == [{"what": "net:large", "why": HELD, "traceback": None}]
    assert f"net:large: {HELD}" in project.run("status").stdout
    released = project.run("release", "net:large")
    assert f"is {HELD}: mlpipeline queue hold --off net:large" in released.stdout + released.stderr

    # What runs goes on, whoever holds it and whatever becomes of its daemon.
    project.write_queue([{**net, "hold": True}, *rest])
    wait_until(lambda: f"{HELD}: net:small" in project.log, message=lambda: project.log)
    daemon.kill()
    daemon.wait(30)
    project.start("-r", "--watch", "-u")
    wait_until(lambda: "net:small was begun by a daemon before this one" in project.log)
    gate.open()
    wait_until(lambda: outcomes(project, "net:small") == ["succeeded"], message=lambda: project.log)
    wait_until(lambda: "1 done, 1 held in models.toml" in project.log, message=lambda: project.log)
    assert starts(project, "net:large") == []

    project.write_queue(["net.py", *rest])
    wait_until(lambda: outcomes(project, "pupil:v") == ["succeeded"], message=lambda: project.log)
    assert f"no longer {HELD}: net:small, net:large" in project.log
    ran = [f"{event['model']}:{event['version']}" for event in project.history() if event["event"] == "selected"]
    assert ran == ["net:small", "net:large", "student:v", "pupil:v"]


def test_what_waits_for_another_attempt_is_held_too_and_goes_on_afterwards(make_project, tmp_path):
    office = Office(make_project, tmp_path, [{"script": "net.py", "versions": ["small"]}])
    project, fails = office.project, office.outside / "fails-net-small"
    fails.touch()
    project.start("-r", "--watch")
    wait_until(lambda: "is tried again in" in project.log, message=lambda: project.log)
    project.write_queue([{"script": "net.py", "versions": ["small"], "hold": True}])
    wait_until(lambda: f"and is not tried again: it is {HELD}" in project.log, message=lambda: project.log)
    assert outcomes(project, "net:small") == ["failed"]
    wait_until(lambda: office.said("on_hold") == {"net:small": HELD})

    fails.unlink()
    project.write_queue([{"script": "net.py", "versions": ["small"]}])
    wait_until(lambda: outcomes(project, "net:small") == ["failed", "succeeded"], message=lambda: project.log)
    assert starts(project, "net:small") == ["clean", "resume"]


def test_a_name_that_hold_gets_wrong_is_told_with_the_nearest(make_project, tmp_path):
    office = Office(make_project, tmp_path, [{"script": "net.py", "hold": ["smal"], "set": {"x": "y"}}, "student.py"])
    done = office.project.run("-r")
    assert done.returncode == 1
    told = 'net.py: models.toml holds version "smal", which it does not have. Did you mean "small"?'
    assert office.project.log.count(told) == 1
    assert outcomes(office.project, "net:small@x=y") == ["succeeded"]
