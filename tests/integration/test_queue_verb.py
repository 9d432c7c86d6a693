"""`mlpipeline queue`: what is listed, and edits of models.toml, with a daemon and without, while others edit it too."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import tomllib

import pytest
from needs import lacking
from schemas import complaints
from support import GATE_SOURCE, Gate, wait_until

from mlpipeline.domain.listed import add, hold
from mlpipeline.project.queue_edits import edit_queue

GATED = """
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
def train():
    wait_for({gate!r})
versions = Versions()
versions.add_version("v")
MODEL = FunctionModel(train, versions)
"""
QUICK = """
from mlpipeline import FunctionModel, Versions
def train(n):
    return {"n": n}
versions = Versions(n=1)
for name in ("v", "w", "x"):
    versions.add_version(name)
MODEL = FunctionModel(train, versions)
"""
QUEUE = """\
# Tonight.
whitelisted_models = [
    "first.py",  # holds the queue
    # what comes next
    "a.py",  # quick
    "b.py",

    "c.py",
]  # that is all
"""


class Queue:
    def __init__(self, make_project, folder, queue=QUEUE):
        self.gate = Gate(folder / "open")
        scripts = {"_gate.py": GATE_SOURCE, "first.py": GATED.format(gate=str(self.gate))}
        scripts |= {f"{name}.py": QUICK for name in "abcd"}
        self.project = make_project(folder, {**scripts, "broken.py": "1 / 0\n", "typo.py": "def\n"}, queue=queue)
        self.path = self.project.root / "models.toml"

    def edit(self, *arguments):
        """Return what an edit says, which has to go well."""
        done = self.project.run("queue", *arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.splitlines()

    def listed(self):
        """Return the lines of the list as they are written."""
        inside = self.path.read_text().partition("[\n")[2].rpartition("\n]")[0]
        return [line.strip() for line in inside.splitlines()]


@pytest.fixture
def queue(make_project, tmp_path):
    return Queue(make_project, tmp_path)


def test_a_daemon_takes_edits_up_while_it_runs_and_the_list_says_how_all_stands(queue):
    daemon = queue.project.start("-r")
    queue.gate.wait_reached()
    wait_until(lambda: "to run" in queue.project.log)

    def took_up(*arguments, told):
        *said, last = queue.edit(*arguments)
        assert last == f"the daemon on testhost took it up: {told}"
        return said

    assert took_up("add", "models/d.py:w", "d:v", told="+1") == ["added d:w, d:v, 5 of 5"]
    assert took_up("add", "d:v", "--set", "n=3", "--first", told="+1") == ["added d:v@n=3, 1 of 6"]
    assert took_up("up", "c.py", told="1 reordered") == ["moved c.py: it is 4 of 6"]
    assert took_up("hold", "a:w", "b", told="2 changed") == [
        "a:w is held until `mlpipeline queue hold --off a:w`",
        "b.py is held until `mlpipeline queue hold --off b.py`",
    ]
    run = queue.project.history()[-1]["run"]
    assert took_up("rm", "first", "d:w", told="−1, 1 changed") == [
        "took first.py off: 5 are left",
        "took d:w off: 5 are left",
        f"{run} first:v goes on; to stop it: mlpipeline stop {run}",
    ]
    assert queue.listed() == [
        '{ script = "d.py", versions = ["v"], set = { n = 3 } },',
        "# what comes next",
        '{ script = "a.py", hold = ["w"] },  # quick',
        '"c.py",',
        "",
        '{ script = "b.py", hold = true },',
        '{ script = "d.py", versions = ["v"] },',
    ]

    wait_until(lambda: known(queue.project)["d.py"] == {"v@n=3": "next"}, message=lambda: str(known(queue.project)))
    assert known(queue.project) == {
        "d.py": {"v@n=3": "next"},
        "a.py": {"v": "next", "w": "held", "x": "next"},
        "c.py": {"v": "next", "w": "next", "x": "next"},
        "b.py": {"v": "held", "w": "held", "x": "held"},
        "d.py again": {"v": "next"},
    }
    queue.gate.open()
    daemon.wait(60)
    ended = [run["version"] for run in json.loads(queue.project.run("runs", "--json").stdout) if run["model"] == "d"]
    assert ended == ["v", "v@n=3"]
    # Without a daemon, history and the file say the rest.
    assert known(queue.project)["a.py"] == {"v": "ended", "w": "held", "x": "ended"}
    shown = queue.project.run("queue").stdout.splitlines()
    rows = [line.split(maxsplit=3) for line in shown]
    assert ["1", "d.py", "v@n=3", "succeeded"] in rows
    assert ["4", "b.py", "all", "held: in models.toml"] in rows, shown[-4:]
    assert queue.edit("hold", "--off", "a:w") == [
        "a:w is held no more",
        "no daemon is running: the next launch takes it up",
    ]


def known(project):
    """Return how the versions of each script on the list stand, as programs are told."""
    value = json.loads(project.run("queue", "--json").stdout)
    assert complaints("queue", value) == []
    found = {}
    for entry in value["entries"]:
        name = f"{entry['script']} again" if entry["script"] in found else entry["script"]
        found[name] = {one["version"]: one["state"] for one in entry["known"]}
    return found


def test_a_parameter_may_be_set_as_version_1_spelled_it(queue):
    project = queue.project
    source = QUICK.replace("n=1", "epoch_count=1").replace("train(n)", "train(epoch_count)")
    project.write_script("old.py", source.replace('"n": n', '"n": epoch_count'))
    done = project.run("queue", "add", "old:v", "--set", "epoc_count=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("added old:v@epoch_count=3")
    done = project.run("queue", "add", "old:v", "--set", "epoc_count=3", "--set", "epoch_count=4")
    assert done.returncode == 2
    assert "epoc_count and epoch_count are the same parameter" in done.stderr


def test_what_is_not_there_is_told_with_the_nearest_and_changes_nothing(queue):
    for arguments, told in {
        ("add", "aa"): 'aa.py: does not exist in models_dir ({models_dir}). Did you mean "a.py"?',
        ("add", "d:vv"): 'd.py has no version "vv". Did you mean "v"?',
        ("add", "d:v@n=2"): 'd.py has no version "v@n=2". To make it: mlpipeline queue add d:v --set n=2',
        ("add", "d:v", "--set", "nn=2"): 'd:v: there is no parameter "nn". Did you mean "n"?',
        (
            "add",
            "d:v",
            "--set",
            "n=2,m=3",
        ): """d:v: --set n=2,m=3: n is 1, a number, and "2,m=3" is a text. Give --set""",
        ("add", "/nowhere/net.py:v"): "/nowhere/net.py: is outside models_dir",
        ("add", "d", "d:", "a"): '"d:" names nothing.',
        ("rm", "d"): "d.py is not listed.",
        ("rm", "a", "a:vv"): "a.py is not listed.",
        ("rm", "a:vv"): 'a.py has no version "vv". Did you mean "v"?',
        ("up", "aa"): 'aa.py is not listed. Did you mean "a.py"?',
        ("hold", "a:vv"): 'a.py has no version "vv". Did you mean "v"?',
    }.items():
        done = queue.project.run("queue", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith(f"mlpipeline: {told.format(models_dir=queue.project.models_dir)}"), done.stderr
    assert queue.path.read_text() == QUEUE

    # A script that is broken now may be mended by the time it runs.
    done = queue.project.run("queue", "add", "broken:v", "typo")
    assert done.returncode == 0
    assert "broken.py: cannot be imported: ZeroDivisionError" in done.stderr
    assert "typo.py: line 1: syntax error" in done.stderr
    assert queue.listed()[-2:] == ['{ script = "broken.py", versions = ["v"] },', '"typo.py",']
    # Which versions are left is only known by the script.
    done = queue.project.run("queue", "rm", "typo:v")
    assert (done.returncode, done.stdout) == (1, "")


def test_a_file_that_is_wrong_or_lists_what_not_to_run_is_not_edited(queue):
    blacklist = 'use_blacklist = true\nblacklisted_models = ["a.py"]\n'
    for text, told in {blacklist: "use_blacklist is on", "whitelisted_models = [\n": "not valid TOML"}.items():
        queue.path.write_text(text)
        for verb in ("add", "rm", "up", "down", "hold"):
            done = queue.project.run("queue", verb, "a.py")
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("mlpipeline: models.toml: ")
            assert told in done.stderr
        assert queue.path.read_text() == text
    assert queue.project.run("queue").returncode == 2
    queue.path.write_text(blacklist)
    shown = queue.project.run("queue").stdout.splitlines()
    assert shown[0] == "use_blacklist is on: every script there is, but a.py"
    assert [line.split()[1] for line in shown[4:]] == ["b.py", "c.py", "d.py", "first.py", "typo.py"]
    queue.path.unlink()
    done = queue.project.run("queue", "add", "a")
    assert (done.returncode, "there is none in" in done.stderr) == (2, True)


def edited(queue, change):
    return edit_queue(queue.path, queue.project.models_dir, queue.project.outputs / ".locks" / "queue.lock", change)


@pytest.mark.parametrize("in_place", ["yes", "no"])
def test_what_vim_saves_between_reading_and_writing_is_kept(queue, in_place):
    vim = shutil.which("vim") or lacking("vim")
    saves = ["-c", f"set backupcopy={in_place}", "-c", "normal gg0i# from vim", "-c", "normal o", "-c", "wq"]
    calls = 0

    def change(lines):
        nonlocal calls
        calls += 1
        if calls == 2:  # under the lock, once the file was read
            subprocess.run([vim, "-Nu", "NONE", "-n", "-Es", *saves, queue.path], check=True, timeout=60)
        return add(lines, "d.py", None, {}, None)

    edited(queue, change)

    assert calls == 3
    text = queue.path.read_text()
    assert text.startswith("# from vim")
    assert tomllib.loads(text)["whitelisted_models"] == ["first.py", "a.py", "b.py", "c.py", "d.py"]


def test_nothing_is_lost_while_an_editor_saves_all_the_time_and_others_edit(queue):
    notes, is_over = 0, threading.Event()

    def save_notes():
        nonlocal notes
        aside = queue.path.with_name(".models.toml.swp")
        while not is_over.wait(0.002 * notes):  # ever more slowly: in the end an edit finds time
            aside.write_text(f"{queue.path.read_text()}# note {notes}\n")
            aside.replace(queue.path)
            notes += 1

    editor = threading.Thread(target=save_notes)
    editor.start()
    try:
        for turn in range(30):
            edited(queue, lambda lines, turn=turn: hold(lines, "a.py", None, lambda _: (), is_off=turn % 2 == 1))
    finally:
        is_over.set()
        editor.join()
    text = queue.path.read_text()
    assert notes > 10
    assert [line for line in text.splitlines() if line.startswith("# note")] == [f"# note {n}" for n in range(notes)]
    assert "# quick" in text

    commands = [queue.project.start("queue", "add", f"d:{name}") for name in "vwx"]
    assert [command.wait(60) for command in commands] == [0, 0, 0]
    (entry,) = tomllib.loads(queue.path.read_text())["whitelisted_models"][-1:]
    assert sorted(entry["versions"]) == ["v", "w", "x"]
