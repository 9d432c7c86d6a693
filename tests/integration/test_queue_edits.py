"""`models.toml`, edited while the queue runs, and what a blacklist makes of a models folder."""

from __future__ import annotations

import pytest
from support import GATE_SOURCE, Gate, wait_until

GATED = """
import pathlib
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
def train():
    pass
versions = Versions()
versions.add_version("v")
versions.add_version("w")
MODEL = FunctionModel(train, versions)
"""


class Queue:
    """A project whose first script holds the queue at a gate."""

    def __init__(self, make_project, folder):
        self.gate = Gate(folder / "open")
        first = GATED.format(gate=str(self.gate))
        scripts = {"_gate.py": GATE_SOURCE, "first.py": first, "a.py": QUICK, "b.py": QUICK, "c.py": QUICK}
        self.project = make_project(folder, scripts, queue=["first.py", "a.py", "b.py"])

    def start(self, *options):
        self.daemon = self.project.start("-r", *options)
        self.gate.wait_reached()

    def finish(self):
        """Let the first script end, and return the exit status of the queue."""
        self.gate.open()
        return self.daemon.wait(30)

    def selected(self):
        events = [event for event in self.project.history() if event["event"] == "selected"]
        return [f"{event['model']}:{event['version']}" for event in events]

    def re_read(self):
        return [
            line.partition("queue re-read: ")[2] for line in self.project.log.splitlines() if "queue re-read" in line
        ]


@pytest.fixture
def queue(make_project, tmp_path):
    return Queue(make_project, tmp_path)


def test_scripts_are_added_removed_and_reordered_and_one_line_says_so(queue):
    queue.start()
    queue.project.write_script("d.py", QUICK)
    # b moves before a; first is taken off too late; c, with one version, and d are new.
    queue.project.write_queue(["d.py", "b.py", {"script": "c.py", "versions": ["w"]}, "a.py"])

    assert queue.finish() == 0

    assert queue.selected() == ["first:v", "d:v", "d:w", "b:v", "b:w", "c:w", "a:v", "a:w"]
    assert queue.re_read() == ["+2 −1, 1 reordered"]


def test_what_is_taken_off_before_it_started_does_not_run(queue):
    queue.start()
    queue.project.write_queue(["first.py", {"script": "b.py", "versions": ["v"]}])

    assert queue.finish() == 0

    assert queue.selected() == ["first:v", "b:v"]
    assert queue.re_read() == ["−1, 1 changed"]


@pytest.mark.parametrize(
    "broken", ['whitelisted_models = ["a.py"\nuse_blacklist = false\n', "", None], ids=["typo", "empty", "deleted"]
)
def test_the_last_good_list_stays_while_the_file_is_wrong(queue, broken):
    path = queue.project.root / "models.toml"
    queue.start()
    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)

    assert queue.finish() == 0

    assert queue.selected() == ["first:v", "a:v", "a:w", "b:v", "b:w"]
    log = queue.project.log
    assert log.count("The last good list stays in force.") == 1
    assert log.count("models.toml: ") == 1
    if broken:
        assert "models.toml: line 2" in log


def test_a_mended_queue_file_counts_again(queue):
    queue.start("--watch")
    (queue.project.root / "models.toml").write_text("whitelisted_model = []\n")
    queue.gate.open()
    wait_until(lambda: "The last good list stays" in queue.project.log)
    assert 'Did you mean "whitelisted_models"?' in queue.project.log
    queue.project.write_queue(["first.py", "a.py", "b.py", "c.py"])

    wait_until(lambda: queue.selected()[-1:] == ["c:w"])
    assert "models.toml can be read again" in queue.project.log
    assert queue.re_read() == ["+1"]


def test_a_version_that_a_script_does_not_have_costs_only_itself(queue):
    queue.project.write_queue([{"script": "a.py", "versions": ["v", "x"]}, "b.py"])
    done = queue.project.run("-r")

    assert done.returncode == 1
    assert queue.selected() == ["a:v", "b:v", "b:w"]
    assert 'models.toml lists version "x", which it does not have.' in queue.project.log
    assert "cannot be used" in done.stdout.splitlines()[-1]


def test_each_version_that_a_script_does_not_have_is_told_once_however_often_the_queue_changes(queue):
    unusable = {"script": "a.py", "versions": ["x", "y"]}
    queue.project.write_queue(["first.py", unusable, "b.py"])
    queue.start()
    queue.project.write_queue(["first.py", unusable, "b.py", "c.py"])

    assert queue.finish() == 1

    assert queue.re_read() == ["+1"]
    assert [queue.project.log.count(f'lists version "{name}"') for name in "xy"] == [1, 1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('whitelisted_models = ["a.py"\nuse_blacklist = false\n', "line 2"),
        ('whitelist_models = ["a.py"]\n', 'Did you mean "whitelisted_models"?'),
        ('whitelisted_models = "a.py"\n', "whitelisted_models"),
    ],
)
def test_a_queue_file_that_is_wrong_at_launch_is_wrong_usage(queue, text, told):
    (queue.project.root / "models.toml").write_text(text)
    done = queue.project.run("-r")

    assert done.returncode == 2
    assert done.stderr.startswith("mlpipeline: models.toml: ")
    assert told in done.stderr
    assert not queue.project.outputs.exists()


def test_a_blacklist_runs_all_others_in_name_order_and_passes_over_what_is_no_script(queue):
    project = queue.project
    for name, source in {
        "deep/er/z.py": QUICK,
        "deep/__init__.py": "",
        "deep/helpers.py": "x = 1\n",
        "deep/_private.py": QUICK,
        ".hidden/h.py": QUICK,
        "venv/pyvenv.cfg": "",
        "venv/lib/m.py": QUICK,
        "outputs/o.py": QUICK,
        "notes.txt": "",
    }.items():
        project.write_script(name, source)
    project.write_queue('use_blacklist = true\nblacklisted_models = ["first.py", "b.py", "gone.py"]\n')

    done = project.run("-r")

    assert done.returncode == 0
    assert queue.selected() == ["a:v", "a:w", "c:v", "c:w", "deep/er/z:v", "deep/er/z:w"]
    passed_over = [line.split(" ", 2)[2] for line in project.log.splitlines() if "passed over" in line]
    assert [line.split(": passed over: ")[0] for line in passed_over] == [
        ".hidden/",
        "_gate.py",
        "deep/__init__.py",
        "deep/_private.py",
        "deep/helpers.py",
        "gone.py",
        "venv/",
    ]
    assert (project.outputs / "model_ckpts" / "deep" / "er" / "z-v").is_dir()


def test_a_leftover_queue_of_version_1_prints_what_to_paste(queue):
    root = queue.project.root
    (root / "models.toml").unlink()
    (root / "models.config").write_text(
        "[MLP]\nuse_blacklist: False\n[WHITELISTED_MODELS]\na.py\n[BLACKLISTED_MODELS]\n"
    )

    done = queue.project.run("-r")

    assert done.returncode == 2
    assert 'whitelisted_models = ["a.py"]' in done.stderr
    assert "Histories and model dirs of mlpipeline 1 are not read" in done.stderr
    pasted = done.stderr.partition("# ---- models.toml ----\n")[2].partition("\n\n")[0]
    queue.project.write_queue(pasted)
    assert queue.project.run("-r").returncode == 0
    assert queue.selected() == ["a:v", "a:w"]


def test_leftover_settings_of_version_1_print_what_to_paste(queue):
    root = queue.project.root
    (root / "mlp.toml").unlink()
    (root / "mlp.config").write_text("[MLP]\nmodels_dir=models\n")

    done = queue.project.run("-r")

    assert done.returncode == 2
    assert 'models_dir = "models"' in done.stderr
