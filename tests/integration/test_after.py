"""`after` in models.toml: what starts once others have succeeded, and what is held because they have not."""

from __future__ import annotations

import json
import signal

import pytest
from record import edit, outcomes
from support import GATE_SOURCE, HOST, Gate, wait_until

#: A version stands at its gate if it has one, and fails if it is told to.
SCRIPT = """
import os, pathlib
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
outside = pathlib.Path({outside!r})
def train(x, *, run):
    gate = outside / f"gate-{name}-{{x}}"
    if gate.exists():
        wait_for(gate.read_text())
    if (outside / f"fails-{name}-{{x}}").exists():
        raise ValueError(f"{name} cannot do {{x}}")
    with (outside / "ran").open("a") as file:
        print(f"{name}:{{x}}@" + os.environ["MLP_HOST"], file=file)
versions = Versions()
for x in {versions!r}:
    versions.add_version(x, x=x)
MODEL = FunctionModel(train, versions)
"""


class School:
    """A project with a teacher of two versions, and students of one; what ran is written down outside."""

    def __init__(self, make_project, folder):
        self.outside = folder / "outside"
        self.outside.mkdir()
        scripts = {"_gate.py": GATE_SOURCE}
        for name, versions in {"teacher": ["small", "large"], "student": ["v"], "pupil": ["v"], "other": ["v"]}.items():
            scripts[f"{name}.py"] = SCRIPT.format(outside=str(self.outside), name=name, versions=versions)
        self.project = make_project(folder, scripts, settings="[worker]\nstop_grace = 1\n[queue]\nretry_delay = 600\n")
        self.student_after("teacher:large")

    def student_after(self, *names, script="student.py"):
        self.project.write_queue([{"script": script, "after": list(names)}, "teacher.py"])

    def gate(self, name, version):
        gate = Gate(self.outside / f"open-{name}-{version}")
        (self.outside / f"gate-{name}-{version}").write_text(str(gate))
        return gate

    def let_fail(self, name, version):
        path = self.outside / f"fails-{name}-{version}"
        path.touch()
        return path

    def ran(self, host=None):
        path = self.outside / "ran"
        lines = path.read_text().split() if path.exists() else []
        pairs = [line.split("@") for line in lines]
        return [key for key, where in pairs if host in (None, where)]

    def held(self):
        """What this host's daemon, or its last launch, says is held, and why."""
        return self._said("held")

    def waits(self):
        """What it says waits for something, and for what."""
        return self._said("waits")

    def _said(self, what):
        path = self.project.outputs / f"heartbeat-{HOST}"
        heartbeat = json.loads(path.read_bytes()) if path.exists() else {}
        return {problem["what"]: problem["why"] for problem in heartbeat.get(what, ())}


@pytest.fixture
def school(make_project, tmp_path):
    return School(make_project, tmp_path)


def test_a_version_starts_once_what_it_comes_after_has_succeeded(school):
    gate = school.gate("teacher", "large")
    school.project.write_queue([{"script": "student.py", "after": ["teacher:large"]}, "teacher.py", "other.py"])

    daemon = school.project.start("-r", "-j", "2")
    gate.wait_reached()
    # A place is free, and the student is the first on the list.
    wait_until(lambda: school.ran() == ["teacher:small", "other:v"], message=lambda: daemon.out)
    wait_until(lambda: school.waits() == {"student:v": "after teacher:large, which is running"}, message=school.waits)
    shown = school.project.run("status").stdout
    assert "waits for something:\n  student:v: after teacher:large, which is running" in shown
    waits = json.loads(school.project.run("status", "--json").stdout)["daemon"]["waits"]
    assert waits == [{"what": "student:v", "why": "after teacher:large, which is running"}]
    gate.open()

    assert daemon.wait(60) == 0
    assert school.ran() == ["teacher:small", "other:v", "teacher:large", "student:v"]


def test_a_script_comes_after_every_listed_version_of_another(school):
    gates = [school.gate("teacher", version) for version in ("small", "large")]
    school.student_after("teacher")
    daemon = school.project.start("-r", "-j", "3")
    for gate in gates:
        gate.wait_reached()
    gates[1].open()
    wait_until(lambda: outcomes(school.project, "teacher:large"))
    wait_until(lambda: school.waits() == {"student:v": "after teacher:small, which is running"}, message=school.waits)
    assert not school.held()
    gates[0].open()

    assert daemon.wait(60) == 0
    assert school.ran() == ["teacher:large", "teacher:small", "student:v"]


def test_versions_that_are_not_listed_are_not_part_of_what_a_script_waits_for(school):
    school.project.write_queue(
        [{"script": "student.py", "after": ["teacher"]}, {"script": "teacher.py", "versions": ["large"]}]
    )
    assert school.project.run("-r").returncode == 0
    assert school.ran() == ["teacher:large", "student:v"]


def test_versions_of_a_script_come_after_each_other(school):
    school.project.write_queue(
        [
            {"script": "teacher.py", "versions": ["small"], "after": ["teacher:large"]},
            {"script": "teacher.py", "versions": ["large"]},
        ]
    )
    done = school.project.run("-r", "-j", "2")

    assert done.returncode == 0, done.stdout
    assert school.ran() == ["teacher:large", "teacher:small"]


def test_a_failure_holds_what_comes_after_it_and_what_comes_after_that(school):
    school.let_fail("teacher", "large")
    school.project.write_queue(
        [
            {"script": "pupil.py", "after": ["student"]},
            {"script": "student.py", "after": ["teacher:large"]},
            "teacher.py",
            "other.py",
        ]
    )
    done = school.project.run("-r")

    assert done.returncode == 1
    assert school.ran() == ["teacher:small", "other:v"]
    failed = "teacher:large failed (exception): ValueError: teacher cannot do large"
    assert school.held() == {"student:v": failed, "pupil:v": f"student:v is held: {failed}"}
    for key, why in school.held().items():
        said = [line.split(" ", 2)[2] for line in school.project.log.splitlines()]
        assert said.count(f"{key} is held: {why}") == 1
        assert f"{key}: {why}" in school.project.run("status").stdout
    assert "mlpipeline ends: 2 succeeded, 1 failed, 2 could not be used" in done.stdout

    # The next launch finds it mended.
    (school.outside / "fails-teacher-large").unlink()
    assert school.project.run("-r", "-u").returncode == 0
    assert school.ran()[2:] == ["teacher:large", "student:v", "pupil:v"]
    assert school.held() == {}


def test_a_student_starts_by_itself_when_its_teacher_is_mended_in_the_same_launch(school):
    school.let_fail("teacher", "large")
    daemon = school.project.start("-r", "--watch")
    wait_until(lambda: "student:v is held" in school.project.log, message=lambda: daemon.err)
    (school.outside / "fails-teacher-large").unlink()
    edit(school.project, "teacher.py", "def train(x, *, run):", "def train(x, *, run):\n    run.log('mended')")

    wait_until(lambda: "student:v" in school.ran(), message=lambda: school.project.log)
    assert school.ran() == ["teacher:small", "teacher:small", "teacher:large", "student:v"]
    wait_until(lambda: not school.held())
    daemon.send_signal(signal.SIGINT)
    daemon.wait(30)


def test_a_student_waits_while_its_teacher_is_tried_again(school):
    failing, gate = school.let_fail("teacher", "large"), school.gate("teacher", "large")
    teacher = {"script": "teacher.py", "versions": ["large"], "retries": {"exception": 1}}
    school.project.write_queue([{"script": "student.py", "after": ["teacher"]}, teacher])
    daemon = school.project.start("-r", "-j", "2")
    wait_until(lambda: school.waits() == {"student:v": "after teacher:large, which is running"}, message=school.waits)
    gate.open()
    again = {"student:v": "after teacher:large, which is tried again"}
    wait_until(lambda: school.waits() == again, message=lambda: daemon.out)
    failing.unlink()
    # Sooner than the rule has it.
    assert school.project.run("retry", "teacher:large").returncode == 0

    assert daemon.wait(60) == 0
    assert school.ran() == ["teacher:large", "student:v"]


def test_a_student_starts_when_a_retry_that_was_asked_for_succeeds(school):
    failing = school.let_fail("teacher", "large")
    daemon = school.project.start("-r", "--watch")
    wait_until(lambda: "student:v" in school.held(), message=lambda: daemon.out)
    failing.unlink()
    assert school.project.run("retry", "teacher:large").returncode == 0

    wait_until(lambda: "student:v" in school.ran(), message=lambda: school.project.log)
    assert school.ran() == ["teacher:small", "teacher:large", "student:v"]
    daemon.send_signal(signal.SIGINT)
    daemon.wait(30)


def test_a_teacher_that_is_edited_while_it_runs_counts_as_it_is_now(school):
    gate = school.gate("teacher", "large")
    daemon = school.project.start("-r", "--watch")
    gate.wait_reached()
    edit(school.project, "teacher.py", "def train(x, *, run):", "def train(x, *, run):\n    run.log('new')")
    gate.open()

    # What has just succeeded is what it was before: it runs again first.
    wait_until(lambda: "student:v" in school.ran(), message=lambda: school.project.log)
    assert school.ran()[-1] == "student:v"
    assert school.ran().count("teacher:large") == 2
    daemon.send_signal(signal.SIGINT)
    daemon.wait(30)


def test_without_watch_a_teacher_that_was_edited_while_it_ran_holds_its_student(school):
    gate = school.gate("teacher", "large")
    daemon = school.project.start("-r")
    gate.wait_reached()
    edit(school.project, "teacher.py", "def train(x, *, run):", "def train(x, *, run):\n    run.log('new')")
    gate.open()

    assert daemon.wait(60) == 1
    changed = "teacher:large changed since it succeeded, and does not run again in this launch. Launch again"
    assert school.held() == {"student:v": changed}
    assert school.project.run("-r", "-u").returncode == 0
    assert school.ran()[-1] == "student:v"


def test_what_is_done_and_skipped_counts(school):
    assert school.project.run("-r", "--only", "teacher").returncode == 0
    done = school.project.run("-r", "-u")

    assert done.returncode == 0
    assert "3 versions: 1 to run, 2 done" in done.stdout
    assert school.ran() == ["teacher:small", "teacher:large", "student:v"]


@pytest.mark.parametrize("is_listed", [True, False])
def test_of_what_this_launch_does_not_run_the_history_counts(school, is_listed):
    entry = {"script": "student.py", "after": ["teacher:large"]}
    queue = [entry, "teacher.py"] if is_listed else [entry]
    school.project.write_queue(queue)

    never = school.project.run("-r", "--only", "student")
    assert never.returncode == 1
    why = "teacher:large has not run yet, and does not run in this launch. List it too, or run it first"
    assert school.held() == {"student:v": why}

    school.project.write_queue([entry, "teacher.py"])
    assert school.project.run("-r", "--only", "teacher").returncode == 0
    school.project.write_queue(queue)
    assert school.project.run("-r", "--only", "student").returncode == 0
    assert school.ran() == ["teacher:small", "teacher:large", "student:v"]

    # What it is now has not run.
    edit(school.project, "teacher.py", "def train(x, *, run):", "def train(x, *, run):\n    run.log('new')")
    assert school.project.run("-r", "--only", "student").returncode == 1
    assert "teacher:large changed since it succeeded" in school.held()["student:v"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("teachr", 'it comes after "teachr.py", which cannot be used: teachr.py: does not exist in models_dir'),
        ("teachr", 'Did you mean "teacher.py"?'),
        ("teacher:larg", 'teacher.py: has no version "larg". Did you mean "large"?'),
        ("../teacher", "is outside models_dir"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest_word_and_costs_only_what_comes_after_it(school, name, told):
    school.student_after(name)
    done = school.project.run("-r")

    assert done.returncode == 1
    assert school.ran() == ["teacher:small", "teacher:large"]
    assert told in school.held()["student:v"]
    assert f"student:v is held: {school.held()['student:v']}" in done.stdout


def test_a_teacher_that_cannot_be_imported_holds_its_student_until_it_can(school):
    source = (school.project.models_dir / "teacher.py").read_text()
    school.project.write_script("teacher.py", "import gone\n")
    daemon = school.project.start("-r", "--watch")
    wait_until(lambda: "student:v" in school.held(), message=lambda: daemon.out)
    assert 'it comes after "teacher:large", which cannot be used: teacher.py: ' in school.held()["student:v"]
    assert school.ran() == []
    school.project.write_script("teacher.py", source)

    wait_until(lambda: "student:v" in school.ran(), message=lambda: school.project.log)
    assert school.ran() == ["teacher:small", "teacher:large", "student:v"]
    daemon.send_signal(signal.SIGINT)
    daemon.wait(30)


def test_a_circle_is_wrong_usage_at_launch_and_later_leaves_the_last_good_list(school):
    gate = school.gate("teacher", "large")
    daemon = school.project.start("-r")
    gate.wait_reached()
    school.project.write_queue(
        [{"script": "student.py", "after": ["teacher"]}, {"script": "teacher.py", "after": ["student"]}, "other.py"]
    )
    path = "models.toml: student.py waits for teacher.py, which waits for student.py: "
    wait_until(lambda: path in school.project.log, message=lambda: daemon.out)
    assert "The last good list stays in force." in school.project.log
    gate.open()
    assert daemon.wait(60) == 0
    assert school.ran() == ["teacher:small", "teacher:large", "student:v"]

    launched = school.project.run("-r")
    assert launched.returncode == 2
    assert path in launched.stderr


def test_after_may_be_edited_while_the_queue_runs(school):
    gate = school.gate("teacher", "large")
    daemon = school.project.start("-r", "-j", "2")
    gate.wait_reached()
    wait_until(lambda: "student:v" in school.waits())
    school.student_after("teacher:small")
    wait_until(lambda: "student:v" in school.ran(), message=lambda: school.project.log)
    assert "queue re-read: 1 changed" in school.project.log
    assert school.ran() == ["teacher:small", "student:v"]
    gate.open()
    assert daemon.wait(60) == 0


def test_a_student_on_one_host_waits_for_its_teacher_on_another(school):
    gate = school.gate("teacher", "large")
    there = school.project.start("-r", "--only", "teacher:large", env={"MLP_HOST": "box2"})
    gate.wait_reached()
    here = school.project.start("-r", "--only", "student")
    there_it_runs = {"student:v": "after teacher:large, which is running on box2"}
    wait_until(lambda: school.waits() == there_it_runs, message=lambda: f"{school.waits()}\n{here.out}")
    gate.open()

    assert there.wait(30) == 0
    # Nothing wakes it but its own look at the history, and not only after 30 s.
    assert here.wait(20) == 0
    assert school.ran("box2") == ["teacher:large"]
    assert school.ran(HOST) == ["student:v"]


def test_a_student_is_held_by_a_failure_on_another_host(school):
    school.let_fail("teacher", "large")
    env = {"MLP_HOST": "box2"}
    assert school.project.run("-r", "--only", "teacher:large", env=env).returncode == 1

    assert school.project.run("-r", "--only", "student").returncode == 1
    assert school.held()["student:v"].startswith("teacher:large failed (exception)")


def test_a_launch_ends_where_what_is_awaited_is_somebody_elses(school):
    gate = school.gate("teacher", "large")
    unrecorded = school.project.start("-r", "-n", "--only", "teacher:large", env={"MLP_HOST": "box2"})
    gate.wait_reached()
    done = school.project.run("-r", "--only", "student", "--only", "teacher:large")

    assert done.returncode == 1
    held = school.held()
    assert held["student:v"] == f"teacher:large is held: {held['teacher:large']}"
    gate.open()
    assert unrecorded.wait(30) == 0


def test_a_stopped_teacher_holds_its_student(school):
    school.gate("teacher", "large").open()
    waiting = school.gate("teacher", "small")
    school.student_after("teacher:small")
    daemon = school.project.start("-r")
    waiting.wait_reached()
    wait_until(lambda: "student:v" in school.waits())
    school.project.run("stop", "teacher:small")

    assert daemon.wait(60) == 1
    assert school.held()["student:v"].startswith("teacher:small was stopped")
    assert school.ran() == ["teacher:large"]


def test_nothing_is_recorded_and_the_order_is_kept_all_the_same(school):
    assert school.project.run("-r", "-n", "-j", "3").returncode == 0
    assert school.ran()[-1] == "student:v"
    assert school.project.run("-r", "-n", "--only", "student").returncode == 1
