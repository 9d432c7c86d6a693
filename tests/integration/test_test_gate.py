"""`mlpipeline -r --test-first`: what has not passed its test does not run, and all tests come before all training."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from record import edit
from support import GATE_SOURCE, HOST, STRAY_SOURCE, Gate, wait_until

SCRIPT = """
import os, pathlib, sys
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
def train(word, *, model_dir, run):
    mode = os.environ["MLP_MODE"]
    with open("witness", "a") as file:
        print(mode, word, file=file)
    print("für", sys.stdin.read())
    for _ in run.steps(3):
        print("step", file=open(f"steps-{mode}-{word}", "a"))
    hold = pathlib.Path(f"hold-{mode}-{word}")
    if hold.exists():
        wait_for(hold.read_text(), timeout_s=300)
    if word in BAD:
        raise ValueError(f"{word} is bad")
    return {"length": len(word)}
BAD = []
versions = Versions()
for name in NAMES:
    versions.add_version(name, word=name)
MODEL = FunctionModel(train, versions)
"""


class Rehearsal:
    """A project whose versions say when they are tested and when they run."""

    def __init__(self, make_project, folder: Path, models: dict[str, str], **more) -> None:
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        scripts = {f"{model}.py": SCRIPT.replace("NAMES", repr(names.split())) for model, names in models.items()}
        self.project = make_project(folder, {"_gate.py": GATE_SOURCE, **scripts}, **more)
        self.env = {"TMPDIR": str(self.temporary), "PYTHONIOENCODING": "ascii"}

    def run(self, *options: str, host: str = HOST):
        return self.project.run("-r", *options, env={**self.env, "MLP_HOST": host}, timeout=120)

    def start(self, *options: str):
        return self.project.start("-r", "--test-first", *options, env=self.env)

    def witnesses(self) -> list[str]:
        """What was tested, and what ran, in order: `test a`, `execution a`."""
        path = self.project.root / "witness"
        return path.read_text().splitlines() if path.exists() else []

    def hold(self, what: str) -> Gate:
        """Hold `test a`, or `execution a`."""
        gate = Gate(self.folder / f"open-{what.replace(' ', '-')}")
        (self.project.root / f"hold-{what.replace(' ', '-')}").write_text(str(gate))
        return gate

    def passed(self, host: str = HOST) -> list[tuple[str, bool]]:
        """What the history says of tests: the version, and whether it passed."""
        events = [event for event in self.project.history(host) if event["event"] == "tested"]
        return [(f"{event['model']}:{event['version']}", event["passed"]) for event in events]

    def log(self) -> list[str]:
        """The log without its times."""
        return [line.split(" ", 2)[2] for line in self.project.log.splitlines() if re.match(r"\d{4}-", line)]

    def status(self, host: str = HOST) -> str:
        return self.project.run("status", env={"MLP_HOST": host}).stdout

    def status_for_programs(self, host: str = HOST):
        return json.loads(self.project.run("status", "--json", env={"MLP_HOST": host}).stdout)

    def workers(self):
        """The processes of tests."""
        return [process for process in self.project.processes() if "test-" in process.environ().get("MLP_RUN_ID", "")]

    def assert_nothing_is_left(self) -> None:
        assert self.project.processes() == []
        assert list(self.temporary.iterdir()) == []


@pytest.fixture
def tested(make_project, tmp_path):
    def make(models: dict[str, str], **more) -> Rehearsal:
        return Rehearsal(make_project, tmp_path, models, **more)

    return make


def test_all_are_tested_in_order_before_anything_runs_and_never_again(tested):
    tests = tested({"b": "b1 b2", "a": "a1"})
    done = tests.run("--test-first")
    assert done.returncode == 0, done.stdout + done.stderr
    names = ["b1", "b2", "a1"]
    assert tests.witnesses() == [*(f"test {name}" for name in names), *(f"execution {name}" for name in names)]
    assert (tests.project.root / "steps-test-a1").read_text() == "step\n"
    assert (tests.project.root / "steps-execution-a1").read_text() == "step\n" * 3
    assert tests.passed() == [("b:b1", True), ("b:b2", True), ("a:a1", True)]
    # All that is left of the tests is the events.
    assert len(list((tests.project.outputs / "runs").iterdir())) == 3
    assert len(list((tests.project.outputs / "model_ckpts").iterdir())) == 3
    tests.assert_nothing_is_left()
    log = [re.sub(r"in [\d.]+ m?s", "in … s", line) for line in tests.log()]
    assert log[1:7] == [
        "3 versions: 3 to run",
        "test first: 3 versions to test",
        "b:b1: test passed in … s",
        "b:b2: test passed in … s",
        "a:a1: test passed in … s",
        "tested: 3 passed",
    ]

    # A further version is no other identity of those before it.
    edit(tests.project, "b.py", "['b1', 'b2']", "['b1', 'b3', 'b2']")
    assert tests.run("--test-first").returncode == 0
    assert tests.witnesses()[6:8] == ["test b3", "execution b1"]
    assert "test first: 1 version to test, 3 passed before" in tests.log()
    assert tests.run("--test-first").returncode == 0
    assert tests.log().count("test first: no versions to test, 4 passed before") == 1
    assert [line for line in tests.witnesses() if line.startswith("test")] == [
        f"test {name}" for name in (*names, "b3")
    ]


def test_the_setting_does_what_the_option_does_and_plain_test_mode_counts_for_nothing(tested):
    tests = tested({"a": "a1"}, settings="[queue]\ntest_first = true\n")
    assert tests.project.run().returncode == 0
    assert tests.witnesses() == ["test a1"]
    assert not tests.project.outputs.exists()
    assert tests.run().returncode == 0
    assert tests.witnesses() == ["test a1", "test a1", "execution a1"]


def test_what_fails_its_test_is_held_and_shown_and_tested_again_by_the_next_launch(tested):
    tests = tested({"a": "a1 a2", "b": "b1"})
    edit(tests.project, "a.py", "BAD = []", "BAD = ['a1']")
    done = tests.run("--test-first", "-u")
    assert done.returncode == 1
    assert tests.witnesses() == ["test a1", "test a2", "test b1", "execution a2", "execution b1"]
    assert tests.passed() == [("a:a1", False), ("a:a2", True), ("b:b1", True)]
    assert "a:a1 is held: its test failed: ValueError: a1 is bad (traceback in status)" in tests.log()
    assert "tested: 2 passed, 1 failed" in tests.log()
    assert "a1" in done.stdout
    assert re.search(r"a:a1: its test failed: ValueError: a1 is bad\n    Traceback .*\n(    .*\n)+", tests.status())
    # Nobody but this host knows what its launch held; the test is history.
    assert "a:a1: its test failed on testhost: ValueError: a1 is bad\n    Traceback" in tests.status("box2")
    (failed,) = tests.status_for_programs("box2")["failed_tests"]
    assert (failed["model"], failed["version"], failed["host"]) == ("a", "a1", HOST)
    assert failed["traceback"].startswith("Traceback")
    assert 'raise ValueError(f"{word} is bad")' in failed["traceback"]

    assert tests.run("--test-first", "-u").returncode == 1
    assert tests.witnesses()[5:] == ["test a1"]
    edit(tests.project, "a.py", "BAD = ['a1']", "BAD = []")
    assert tests.run("--test-first", "-u").returncode == 0
    assert tests.witnesses()[6:] == ["test a1", "test a2", "execution a1", "execution a2"]
    assert "test failed" not in tests.status()
    assert "test failed" not in tests.status("box2")
    assert tests.status_for_programs()["failed_tests"] == []


def test_what_is_held_for_another_reason_is_not_tested_until_that_is_over(tested):
    tests = tested({"a": "a1 a2"}, settings="[queue]\nhold_after = 1\n")
    edit(tests.project, "a.py", "BAD = []", "BAD = ['a1']")
    assert tests.run().returncode == 1
    assert tests.run("--test-first").returncode == 1
    assert tests.witnesses() == ["execution a1"]
    edit(tests.project, "a.py", "BAD = ['a1']", "BAD = []")
    assert tests.run("--test-first").returncode == 0
    assert tests.witnesses()[1:] == ["test a1", "test a2", "execution a1", "execution a2"]


def test_what_comes_after_something_is_tested_too_and_held_with_it(tested):
    tests = tested({"b": "b1", "a": "a1"}, queue=[{"script": "b.py", "after": ["a"]}, "a.py"])
    edit(tests.project, "a.py", "BAD = []", "BAD = ['a1']")
    assert tests.run("--test-first").returncode == 1
    assert tests.witnesses() == ["test b1", "test a1"]
    assert re.search("b:b1 is held: .*a:a1 is held: its test failed: ValueError: a1 is bad", tests.project.log)
    edit(tests.project, "a.py", "BAD = ['a1']", "BAD = []")
    assert tests.run("--test-first").returncode == 0
    assert tests.witnesses()[2:] == ["test a1", "execution a1", "execution b1"]


def test_a_pass_counts_on_every_host(tested):
    tests = tested({"a": "a1"})
    assert tests.run("--test-first", host="box1").returncode == 0
    assert tests.run("--test-first", host="box2").returncode == 0
    assert tests.witnesses() == ["test a1", "execution a1", "execution a1"]
    assert (tests.passed("box1"), tests.passed("box2")) == ([("a:a1", True)], [])


def test_what_would_not_start_is_not_tested(tested):
    tests = tested({"a": "a1 a2", "b": "b1"})
    assert tests.run("--only", "a:a1").returncode == 0
    assert tests.run("--test-first", "-u", "--only", "a").returncode == 0
    assert tests.witnesses() == ["execution a1", "test a2", "execution a2"]


def test_as_many_are_tested_at_a_time_as_may_run(tested):
    tests = tested({"a": "a1 a2 a3"})
    first, second, third = (tests.hold(f"test a{n}") for n in (1, 2, 3))
    daemon = tests.start("-j", "2")
    first.wait_reached(60)
    second.wait_reached(60)
    under_way = ("a:a1, a:a2: being tested", "a:a3: to be tested first")
    wait_until(lambda: all(line in tests.status() for line in under_way), message=tests.status)
    assert not third.is_reached()
    second.open()
    third.wait_reached(60)
    assert (sorted(tests.witnesses()[:2]), tests.witnesses()[2:]) == (["test a1", "test a2"], ["test a3"])
    wait_until(lambda: "a:a1, a:a3: being tested" in tests.status(), message=tests.status)
    assert "a:a2: 2 to be tested before anything starts" in tests.status()
    third.open()
    wait_until(lambda: ("a:a3", True) in tests.passed())
    # There is room for a run by now, but one is still to be tested.
    assert tests.passed() == [("a:a2", True), ("a:a3", True)]
    assert not any(line.startswith("execution") for line in tests.witnesses())
    first.open()
    assert daemon.wait(60) == 0
    assert sorted(tests.witnesses()[3:]) == ["execution a1", "execution a2", "execution a3"]


def test_what_is_still_being_imported_is_tested_before_anything_runs_too(tested):
    tests = tested({"a": "a1", "b": "b1"})
    importing = Gate(tests.folder / "open-import")
    edit(tests.project, "b.py", "BAD =", f"wait_for({str(importing)!r})\nBAD =")
    daemon = tests.start("-j", "2")
    wait_until(lambda: ("a:a1", True) in tests.passed(), message=lambda: tests.project.log)
    wait_until(lambda: "a:a1: what is still being imported is tested before" in tests.status(), message=tests.status)
    importing.open()
    assert daemon.wait(60) == 0
    assert tests.witnesses()[:2] == ["test a1", "test b1"]
    assert sorted(tests.witnesses()[2:]) == ["execution a1", "execution b1"]


def test_a_watching_daemon_tests_what_was_edited_before_it_runs_and_lets_runs_go_on(tested):
    tests = tested({"a": "a1", "b": "b1"})
    edit(tests.project, "b.py", "BAD = []", "BAD = ['b1']")
    training, testing = tests.hold("execution a1"), tests.hold("test b2")
    daemon = tests.start("-u", "-j", "2", "--watch")
    training.wait_reached(60)
    wait_until(lambda: "b:b1: its test failed: ValueError: b1 is bad" in tests.status(), message=tests.status)
    (held,) = tests.status_for_programs()["daemon"]["held"]
    assert held["traceback"].startswith("Traceback")

    # A mend that mends nothing is told as such.
    edit(tests.project, "b.py", "len(word)", "-len(word)")
    held_again = "b:b1 is held: its test failed: ValueError: b1 is bad (traceback in status)"
    wait_until(lambda: tests.log().count(held_again) == 2, message=lambda: tests.project.log)
    edit(tests.project, "b.py", "BAD = ['b1']", "BAD = []")
    wait_until(lambda: "execution b1" in tests.witnesses(), message=lambda: tests.project.log)
    wait_until(lambda: tests.project.log.count("b:b1 succeeded") == 1, message=lambda: tests.project.log)

    # While anything is to be tested, no new run begins.
    edit(tests.project, "b.py", "['b1']", "['b2', 'b3']")
    testing.wait_reached(60)
    assert tests.witnesses()[-1] == "test b2"
    testing.open()
    wait_until(lambda: "execution b3" in tests.witnesses(), message=lambda: tests.project.log)
    assert tests.witnesses()[-3:] == ["test b3", "execution b2", "execution b3"]
    training.open()
    wait_until(lambda: "a:a1 succeeded" in tests.project.log)
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(30) == 130


def test_a_test_of_what_was_edited_meanwhile_is_given_up(tested):
    tests = tested({"a": "a1"})
    stuck = tests.hold("test a1")
    daemon = tests.start()
    stuck.wait_reached(60)
    (tests.project.root / "hold-test-a1").unlink()
    edit(tests.project, "a.py", "len(word)", "-len(word)")
    assert daemon.wait(60) == 0
    assert tests.witnesses() == ["test a1", "test a1", "execution a1"]
    assert tests.passed() == [("a:a1", True)]
    assert not stuck.path.exists()
    tests.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("settings", "conditions", "why"),
    [
        ("test_timeout = 10", "", "ran for longer than test_timeout in mlp.toml, 10.0 s"),
        ("", "silence=8", "was silent for longer than 8.0 s: no output, metrics or progress"),
    ],
)
def test_a_test_that_hangs_fails_and_shows_where(make_project, tmp_path, settings, conditions, why):
    script = f"""
    import time
    from mlpipeline import FunctionModel, Versions
    def stand_still():
        while True:
            time.sleep(0.1)
    def train():
        stand_still()
    MODEL = FunctionModel(train, Versions({conditions}))
    MODEL.versions.add_version("v")
    """
    project = make_project(tmp_path, {"net.py": script}, settings=f"[queue]\n{settings}\n")
    done = project.run("-r", "--test-first")
    assert done.returncode == 1
    assert f"net:v is held: its test failed: {why} (traceback in status)" in project.log
    (failed,) = json.loads(project.run("status", "--json").stdout)["failed_tests"]
    assert failed["error"] == why
    assert "in stand_still" in failed["traceback"]
    assert project.processes() == []


def test_a_test_that_dies_fails_and_what_it_started_is_swept(make_project, tmp_path):
    script = (
        "import os, signal, time\n"
        "from mlpipeline import FunctionModel, Versions\n"
        "def train():\n"
        + "".join(f"    {line}\n" for line in STRAY_SOURCE.strip().splitlines())
        + "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "MODEL = FunctionModel(train, Versions())\n"
        "MODEL.versions.add_version('v')\n"
    )
    project = make_project(tmp_path, {"net.py": script})
    assert project.run("-r", "--test-first").returncode == 1
    assert "net:v is held: its test failed: was killed by SIGKILL before it wrote its result" in project.log
    assert project.processes() == []


@pytest.mark.parametrize("warm", ["true", "false"])
def test_a_killed_daemons_tests_are_cleared_away_and_its_passes_stand(tested, warm):
    tests = tested({"a": "a1 a2 a3"}, settings=f"[worker]\nwarm = {warm}\n")
    stuck = tests.hold("test a2")
    daemon = tests.start()
    stuck.wait_reached(60)
    (worker,) = tests.workers()
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    assert worker.is_running()
    assert any(tests.temporary.glob("mlpipeline-test-*"))

    stuck.forget()
    daemon = tests.start()
    stuck.wait_reached(60)
    assert worker not in tests.workers()
    assert len(list(tests.temporary.glob("mlpipeline-test-*"))) == 1
    stuck.open()
    assert daemon.wait(60) == 0
    tested_names = [line for line in tests.witnesses() if line.startswith("test")]
    assert tested_names == ["test a1", "test a2", "test a2", "test a3"]
    assert tests.passed() == [("a:a1", True), ("a:a2", True), ("a:a3", True)]
    tests.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_tests_at_once_and_they_count_as_not_tested(tested, number):
    tests = tested({"a": "a1 a2"}, settings="[worker]\nstop_grace = 300\n")
    stuck = tests.hold("test a1")
    daemon = tests.start()
    stuck.wait_reached(60)
    daemon.send_signal(number)
    assert daemon.wait(20) == 128 + number
    tests.assert_nothing_is_left()
    assert (tests.witnesses(), tests.passed()) == (["test a1"], [])
    stuck.open()
    assert tests.run("--test-first").returncode == 0
    assert tests.passed() == [("a:a1", True), ("a:a2", True)]


def test_without_recording_the_terminal_shows_the_traceback_and_no_later_launch_knows(tested):
    tests = tested({"a": "a1 a2"})
    edit(tests.project, "a.py", "BAD = []", "BAD = ['a1']")
    done = tests.run("--test-first", "-n")
    assert done.returncode == 1
    assert tests.witnesses() == ["test a1", "test a2", "execution a2"]
    assert 'raise ValueError(f"{word} is bad")' in done.stdout
    assert "a:a1 is held: its test failed: ValueError: a1 is bad\n" in done.stdout
    assert not tests.project.history()
    tests.assert_nothing_is_left()
    tests.run("--test-first")
    assert tests.witnesses()[3:] == ["test a1", "test a2", "execution a2"]


def test_what_is_tested_is_the_code_that_was_described(tested):
    tests = tested({"a": "a1"})
    importing = Gate(tests.folder / "open-import")
    hold = f"if os.environ.get('MLP_MODE') == 'test':\n    wait_for({str(importing)!r})\nimport _note\n"
    edit(tests.project, "a.py", "BAD =", f"{hold}BAD =")
    edit(tests.project, "a.py", "print(mode, word,", "print(mode, word, _note.__doc__,")
    tests.project.write_script("_note.py", "'as it was'")
    daemon = tests.start()
    importing.wait_reached(60)
    # What a docstring says is no part of an identity: the test goes on.
    tests.project.write_script("_note.py", "'as it is'")
    importing.open()
    assert daemon.wait(60) == 0
    assert tests.witnesses() == ["test a1 as it was", "execution a1 as it is"]


def test_test_first_needs_execution_mode(tested):
    done = tested({"a": "a1"}).project.run("--test-first")
    assert done.returncode == 2
    assert "--test-first needs -r" in done.stderr
    assert os.linesep in done.stderr


def test_what_failed_its_test_is_tested_again_once_it_is_released(tested):
    tested = tested({"net": "a b"})
    # Fails for a reason outside the script.
    edit(tested.project, "net.py", "if word in BAD:", 'if pathlib.Path("bad").exists():')
    (tested.project.root / "bad").touch()
    daemon = tested.start("--watch")
    wait_until(lambda: tested.project.log.count("is held: its test failed") == 2, message=lambda: tested.project.log)
    (tested.project.root / "bad").unlink()
    assert tested.project.run("release", "net:b", env=tested.env).stdout == "net:b is released\n"
    wait_until(lambda: "execution b" in tested.witnesses(), message=lambda: tested.project.log)
    assert "execution a" not in tested.witnesses()
    assert tested.project.run("release", "net", env=tested.env).stdout == "net is released\n"
    wait_until(lambda: "execution a" in tested.witnesses(), message=lambda: tested.project.log)
    daemon.terminate()
    daemon.wait(60)
