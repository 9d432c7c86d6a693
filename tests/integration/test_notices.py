"""`[notify] command`: told when the queue is done, held or first fails; nothing of it can hurt the queue."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from small_disk import SmallDisk
from support import GATE_SOURCE, Gate, wait_until

SCRIPT = """
from mlpipeline import FunctionModel, Versions
def train(x):
    if x < 0:
        raise ValueError(f"no {x}")
    return {"y": x}
versions = Versions()
for x in %s:
    versions.add_version(f"v{x}", x=x)
MODEL = FunctionModel(train, versions)
"""
#: What a stand-in for mail does: writes down what it is told.
TOLD = '{ echo "$MLP_EVENT|$MLP_PROJECT|$MLP_HOST"; cat; echo "--end--"; } >> told'


def notify(command, timeout=30):
    return f"[notify]\ncommand = {json.dumps(command)}\ntimeout = {timeout}\n"


def notices(project):
    """What was told so far: event -> its report, in order."""
    path = project.root / "told"
    texts = path.read_text().split("--end--\n")[:-1] if path.exists() else []
    return [(text.split("|")[0], text.partition("\n")[2]) for text in texts]


def events(project):
    return [event for event, _ in notices(project)]


def complaints(project):
    return re.findall(r"^\S+ \S+ (\[notify\].*)$", project.log, re.MULTILINE)


def wait_events(project, *expected):
    wait_until(lambda: len(events(project)) >= len(expected), 90, lambda: f"{events(project)}\n{project.log}")
    assert events(project) == list(expected)


def test_a_launch_tells_its_first_failure_and_its_end_and_nothing_of_test_mode_or_n(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT % "(1, -1, -2, 2)"}, settings=notify(TOLD))

    assert project.run(timeout=90).returncode == 1  # test mode
    assert project.run("-r", "-n", timeout=90).returncode == 1
    assert project.run("-r", timeout=90).returncode == 1
    wait_events(project, "failed", "done")
    first, last = (text for _, text in notices(project))
    assert (project.root / "told").read_text().startswith(f"failed|{project.root}|testhost\n")
    assert first.startswith("project on testhost: a run failed\n\n")
    assert ": 1 succeeded, " in first
    assert "\n\nfailed (exception): ValueError: no -1\n  at net.py:5\n" in first
    assert last.startswith("project on testhost: the queue is done\n\n")
    assert ": 2 succeeded, 2 failed (1 cause)\n\n2 failed (exception): ValueError" in last
    assert complaints(project) == []

    # Nothing is left to do: whoever starts it by a timer every hour is left in peace.
    project.write_script("net.py", SCRIPT % "(1, 2, 3)")
    assert project.run("-r", "-u", timeout=90).returncode == 0
    assert project.run("-r", "-u", timeout=90).returncode == 0
    wait_events(project, "failed", "done", "done")


def test_a_script_that_is_held_is_told_once_and_so_is_the_rest_with_watch(make_project, tmp_path):
    scripts = {"net.py": SCRIPT % "(-1, -2, -3, -4, -5)", "other.py": SCRIPT % "(1, 2)", "after.py": SCRIPT % "(1,)"}
    # What comes after it is held from its first failure on, and nobody is woken for that alone.
    queue = ["net.py", {"script": "after.py", "after": ["net"]}]
    project = make_project(tmp_path, scripts, queue=queue, settings=notify(TOLD))
    daemon = project.start("-r", "--watch")
    wait_events(project, "failed", "held")
    held = notices(project)[1][1]
    assert held.startswith("project on testhost: something is held\n\n")
    assert ": 3 failed (1 cause)\n\n3 failed (exception)" in held
    assert "\nheld:\n  net:v-4 and 1 more: 3 versions in a row failed (exception) at net.py:5" in held

    project.write_queue([*queue, "other.py"])
    wait_events(project, "failed", "held", "done")
    # What cannot be used waits for a person, too.
    project.write_script("broken.py", "MODEL =\n")
    project.write_queue([*queue, "broken.py", "other.py"])
    project.write_script("other.py", SCRIPT % "(1, 2, 3)")
    wait_events(project, "failed", "held", "done", "held")
    # Of what was before it was told already.
    assert ": 1 succeeded\n" in notices(project)[-1][1]
    assert "\n  broken.py: " in notices(project)[-1][1]
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(60) == 130
    assert len(events(project)) == 4, "Ctrl-C is no end of the queue"

    # What is held since an earlier launch was told by that, though others have something to do.
    project.write_queue([*queue, "other.py"])
    project.write_script("other.py", SCRIPT % "(1, 2, 3, 4)")
    assert project.run("-r", "-u", timeout=90).returncode == 1
    assert project.run("-r", "-u", timeout=90).returncode == 1
    wait_events(project, "failed", "held", "done", "held", "held")
    assert ": 1 succeeded\n" in notices(project)[-1][1]


def test_a_script_of_which_a_run_is_still_at_work_is_not_told_to_be_held(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    script = (SCRIPT % "(1, -1, -2, -3, 2)").replace(
        "    return", f"    x == 1 and wait_for({str(gate)!r})\n    return"
    )
    scripts = {"_gate.py": GATE_SOURCE, "net.py": f"from _gate import wait_for\n{script}"}
    project = make_project(tmp_path, scripts, queue=["net.py"], settings=notify(TOLD))
    daemon = project.start("-r", "-j", "2")
    gate.wait_reached()
    wait_until(lambda: "net:v2 is held: 3 versions in a row failed" in project.log, 90, lambda: project.log)
    gate.open()
    assert daemon.wait(90) == 1
    assert "net goes on: net:v1 has succeeded\n" in project.log
    wait_events(project, "failed", "done")
    assert ": 2 succeeded, 3 failed" in notices(project)[-1][1]


def test_a_full_disk_is_told(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT % "(1,)"}, settings=notify(TOLD))
    disk = SmallDisk(project.outputs)
    try:
        daemon = project.start("-r")
        wait_events(project, "held")
        assert "\nwaiting:\n  everything: " in notices(project)[0][1]
        assert "min_free_disk is 1 GB" in notices(project)[0][1]
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 143
    finally:
        project.kill_everything()
        disk.unmount()


def test_what_somebody_stops_is_not_done(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    script = (SCRIPT % "(1,)").replace("    return", f"    wait_for({str(gate)!r})\n    return")
    scripts = {"_gate.py": GATE_SOURCE, "net.py": f"from _gate import wait_for\n{script}", "other.py": SCRIPT % "(1,)"}
    project = make_project(tmp_path, scripts, queue=["net.py"], settings=notify(TOLD))
    daemon = project.start("-r", "--watch")
    gate.wait_reached()
    assert project.run("stop", "net:v1").returncode == 0
    wait_until(lambda: "net:v1 stopped" in project.log, 90, lambda: project.log)
    project.write_queue(["other.py"])
    wait_events(project, "done")
    assert ": 1 succeeded, 1 stopped\n" in notices(project)[0][1]

    # The daemon is told to stop while a run goes on that takes no notice, and succeeds.
    gate.forget()
    project.write_script("net.py", (project.models_dir / "net.py").read_text().replace('"y": x', '"z": x'))
    project.write_queue(["net.py"])
    gate.wait_reached()
    daemon.send_signal(signal.SIGTERM)
    wait_until(lambda: "starts nothing more" in project.log, 60)
    gate.open()
    assert daemon.wait(90) == 143
    assert [event for event in project.history() if event["event"] == "ended"][-1]["outcome"] == "succeeded"
    wait_until(lambda: not project.processes(), 60)
    assert events(project) == ["done"]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["no-such-mailer", "-s"], "no-such-mailer: No such file or directory"),
        ("no-such-mailer 2>&1 | cat >&2; exit 4", r"exit status 4: .*no-such-mailer: .*not found"),
        ("printf 'one\\ntwo \\033[31mred\\n\\n' >&2; exit 3", "exit status 3: two red"),
        ("yes | head -c 3000000; kill -9 $$", "was killed by signal 9: y"),
        # It never reads, and what it leaves behind goes with it.
        ("echo begun; (setsid sleep 997 &) ; sleep 998", r"took more than 2 s, and was killed: begun"),
    ],
)
def test_a_notifier_that_fails_is_one_line_of_the_log(make_project, tmp_path, command, complaint):
    project = make_project(tmp_path, {"net.py": SCRIPT % "(1,)"}, settings=notify(command, timeout=2))
    done = project.run("-r", timeout=90)
    assert (done.returncode, done.stderr) == (0, "")
    found = wait_until(lambda: complaints(project), 60, lambda: project.log)
    wait_until(lambda: not project.processes(), 60, lambda: str(project.processes()))
    assert len(complaints(project)) == 1
    assert re.fullmatch(rf"\[notify\] command failed \(done\): {complaint}", found[0])


def test_a_notifier_that_takes_its_time_delays_nothing_and_the_next_one_follows_it(make_project, tmp_path):
    gate = tmp_path / "gate"
    command = f"while [ $MLP_EVENT = failed ] && [ ! -e {gate} ]; do sleep 0.1; done; {TOLD}"
    project = make_project(tmp_path, {"net.py": SCRIPT % "(-1, 1)"}, settings=notify(command, timeout=120))
    assert project.run("-r", timeout=90).returncode == 1
    # Its launch has ended; what comes after it waits for it, and not with it.
    for _ in range(3):
        assert project.run("runs").returncode == 0
    assert events(project) == []
    gate.touch()
    wait_events(project, "failed", "done")
    assert complaints(project) == []


#: The recipes of docs/notify.md, with what stands for the program, and what that is to be given.
RECIPES = [
    ("mail", ["-s", "mlpipeline: done in project", "you@example.org"], "project on testhost: the queue is done"),
    (
        "msmtp",
        ["you@example.org"],
        "To: you@example.org\nSubject: mlpipeline: done in project\n\nproject on testhost: the",
    ),
    ("curl", ["https://hooks.slack.com/services/T0/B0/secret"], '{"text": "mlpipeline: done in project\\nproject on'),
    ("curl", ["Title: mlpipeline: done in project", "https://ntfy.sh/my-own-topic"], "the queue is done"),
    ("notify-send", ["mlpipeline: done in project"], ": 1 succeeded\n"),
]
DOCUMENT = Path(__file__).parents[2] / "docs" / "notify.md"


@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_the_recipes_of_the_docs_give_the_programs_what_they_need(make_project, tmp_path, number):
    program, arguments, text = RECIPES[number]
    settings = re.findall(r"```toml\n(\[notify\]\n.*?)```", DOCUMENT.read_text(), re.DOTALL)[number]
    project = make_project(tmp_path, {"net.py": SCRIPT % "(1,)"}, settings=settings)
    folder, given = tmp_path / "bin", tmp_path / "given"
    folder.mkdir()
    stand_in = folder / program
    stand_in.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > "{given}.part"; cat >> "{given}.part"; mv "{given}.part" "{given}"'
    )
    stand_in.chmod(0o755)
    env = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/secret",
    }
    assert project.run("-r", env=env, timeout=90).returncode == 0
    wait_until(given.exists, 60, lambda: project.log)
    lines = given.read_text()
    for argument in arguments:
        assert argument in lines
    assert text in lines
