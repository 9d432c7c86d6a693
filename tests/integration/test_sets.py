"""`set` in models.toml: versions with other parameters, made by the queue, through all kinds of models."""

from __future__ import annotations

import json

from record import edit, model_dir, outcomes, specs, starts
from support import GATE_SOURCE, Gate, wait_until

#: How many times each value was trained is written down outside; one may be held at a gate, and fail.
FUNCTION = """
import pathlib
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
outside = pathlib.Path({outside!r})

def train(lr, layers, net, *, model_dir, run):
    for step in run.steps(3):
        (model_dir / f"step-{{step}}").write_text(str(lr))
        gate = outside / f"gate-{{lr}}"
        if step == 1 and gate.exists():
            wait_for(gate.read_text())
        if step == 1 and (outside / f"fails-{{lr}}").exists():
            raise ValueError(f"cannot do {{lr}}")
    return {{"lr": lr, "layers": layers, "act": net["act"], "width": net["width"]}}

versions = Versions(layers=2, net={{"act": "relu", "width": 8}})
versions.add_version("small", lr=0.01)
versions.add_version("large", lr=0.001)
MODEL = FunctionModel(train, versions)
"""
COMMAND = r"""
from mlpipeline import CommandModel, Versions
versions = Versions()
versions.add_version("v", lr=0.5, words="a b")
report = r'''printf '{{"lr": %s, "words": "%s", "name": "%s"}}' "$0" "$1" "$2" > "$MLP_METRICS" '''
MODEL = CommandModel(["sh", "-c", report, "{lr}", "{words}", "{name}"], versions, test_command=["true"])
"""
CLASS = """
from mlpipeline.helper import DataLoader, Model
from mlpipeline.utils import Versions

class Loader(DataLoader):
    def get_train_sample_count(self):
        return 4
    def get_test_sample_count(self):
        return 4
    def get_train_input(self, mode=None, **kargs):
        return [1]
    def get_test_input(self, **kargs):
        return [2]

class Net(Model):
    def pre_execution_hook(self, version, model_dir, **kargs):
        self.version = version
    def train_model(self, input_fn, steps):
        self.steps = steps
    def evaluate_model(self, input_fn, steps):
        return {"lr": self.version.learning_rate, "steps": self.steps, "rate": self.version["rate"]}

v = Versions(0.1, dataloader=Loader(), batch_size=2, epoc_count=2, rate=1)
v.addV("base")
MODEL = Net(v)
"""
PIPELINE = """
from pathlib import Path
from mlpipeline import Pipeline, Versions, stage
HERE = Path(__file__).parent

@stage
def total(table: Path, more=(HERE / "data.csv",)) -> int:
    return sum(int(path.read_text()) for path in (table, *more))

versions = Versions()
versions.add_version("v", table=HERE / "data.csv")
MODEL = Pipeline(versions=versions)
"""


class Workshop:
    """A project with a function, a command and a class, and a folder outside that tells the function what to do."""

    def __init__(self, make_project, folder, queue):
        self.outside = folder / "outside"
        self.outside.mkdir()
        scripts = {
            "_gate.py": GATE_SOURCE,
            "function.py": FUNCTION.format(outside=str(self.outside)),
            "command.py": COMMAND,
            "class.py": CLASS,
        }
        self.project = make_project(folder, scripts, queue=queue, test_queue=queue)

    def gate(self, lr):
        gate = Gate(self.outside / f"open-{lr}")
        (self.outside / f"gate-{lr}").write_text(str(gate))
        return gate

    def runs(self):
        """What `runs --json` says, oldest first, by `model:version`."""
        found = json.loads(self.project.run("runs", "--json").stdout)
        return {f"{run['model']}:{run['version']}": run for run in reversed(found)}


def function(**keys):
    return {"script": "function.py", **keys}


SETS = [
    "function.py",
    function(versions=["small"], set={"lr": 0.1, "net": {"width": 16}}),
    function(set={"layers": 5}, after=["function:small@lr=0.1,net.width=16"]),
    {"script": "command.py", "set": {"words": "c $d", "lr": 7}},
    {"script": "class.py", "set": {"epoc_count": 3, "learning_rate": 0.7, "rate": 2.5}},
]
MADE = {
    "function:small@lr=0.1,net.width=16": {"lr": 0.1, "layers": 2, "act": "relu", "width": 16},
    "function:small@layers=5": {"lr": 0.01, "layers": 5, "act": "relu", "width": 8},
    "function:large@layers=5": {"lr": 0.001, "layers": 5, "act": "relu", "width": 8},
    "command:v@words=c $d,lr=7": {"lr": 7, "words": "c $d", "name": "v@words=c $d,lr=7"},
    "class:base@epoch_count=3,learning_rate=0.7,rate=2.5": {"lr": 0.7, "steps": 6, "rate": 2.5},
}
PLAIN = ["function:small", "function:large"]


def test_what_set_makes_is_tested_trained_and_done_like_any_version(make_project, tmp_path):
    workshop = Workshop(make_project, tmp_path, SETS)
    project = workshop.project

    tested = project.run()
    assert (tested.returncode, tested.stderr) == (0, "")
    assert [line.split(": ok")[0] for line in tested.stdout.splitlines() if ": ok in" in line] == [*PLAIN, *MADE]

    assert project.run("-r", "--test-first").returncode == 0, project.log
    runs = workshop.runs()
    assert list(runs) == [*PLAIN, *MADE]
    assert runs["function:small"]["parameters"] == {"layers": 2, "net": {"act": "relu", "width": 8}, "lr": 0.01}
    for key, results in MADE.items():
        prefix = "test." if key.startswith("class") else ""
        assert {name: runs[key]["results"][f"{prefix}{name}"] for name in results} == results
        assert runs[key]["model_dir"] == str(model_dir(project, key.replace(":", "-")))
    made = runs["function:small@lr=0.1,net.width=16"]
    assert made["parameters"] == {"layers": 2, "net": {"act": "relu", "width": 16}, "lr": 0.1}
    assert (model_dir(project, "function-small") / "step-0").read_text() == "0.01"

    # What it is made of may be given another value where it has its own; all else of that counts.
    edit(project, "function.py", '"small", lr=0.01', '"small", lr=0.02')
    assert project.run("-r", "-u").returncode == 0
    again = ["function:small", "function:small@layers=5"]
    assert {key for key in runs if workshop.runs()[key]["id"] != runs[key]["id"]} == set(again)
    assert starts(project, again[1]) == ["clean", "clean"]
    project.run("-r", "--only", "function:small@lr=0.1,net.width=16")
    assert starts(project, "function:small@lr=0.1,net.width=16") == ["clean", "again"]


def test_what_cannot_be_made_costs_itself_alone_and_is_told_once(make_project, tmp_path):
    workshop = Workshop(make_project, tmp_path, [])
    project = workshop.project
    both = COMMAND.replace("\nreport", '\nversions.add_version("v@lr=1", lr=1, words="x")\nreport')
    project.write_script("net.py", both)
    project.write_queue(
        [
            function(versions=["small"], set={"lrr": 0.1}),
            function(set={"timeout": "1h"}),
            function(versions=["small"], set={"lr": "x" * 200}),
            {"script": "net.py", "versions": ["v"], "set": {"lr": 1}},
            {"script": "class.py", "set": {"batch_size": 0}},
            {"script": "command.py", "set": {"lr": 2}},
        ]
    )
    done = project.run("-r")

    assert done.returncode == 1
    assert outcomes(project, "command:v@lr=2") == ["succeeded"]
    for told in (
        'function.py: models.toml sets "lrr", which is no parameter of version "small". Did you mean "lr"?',
        'function.py: models.toml sets "timeout", which is no parameter of version "small" and 1 more. '
        "It is a condition: say it beside `set`, { timeout = …, set = … }.",
        f'function.py: version name "small@lr={"x" * 21}…" is 209 bytes long in UTF-8; at most 200 fit',
        'net.py: models.toml makes a version "v@lr=1" by `set`; the script has one of that name. Rename that.',
    ):
        assert project.log.count(told) == 1, project.log
    # What only the model itself knows to be wrong, its run says.
    assert "class:base@batch_size=0 failed (bad_script)" in project.log
    assert 'version "base@batch_size=0": batch_size must be above 0, got 0.' in project.log


def test_a_made_version_outlives_its_daemon_and_its_entry(make_project, tmp_path):
    workshop = Workshop(make_project, tmp_path, [function(versions=["large"])])
    project, key = workshop.project, "function:small@lr=0.2"
    first, gate = workshop.gate(0.001), workshop.gate(0.2)
    (workshop.outside / "fails-0.2").touch()
    daemon = project.start("-r", "--watch")
    first.wait_reached()
    project.write_queue([function(versions=["large"]), function(versions=["small"], set={"lr": 0.2})])
    first.open()
    gate.wait_reached()
    daemon.kill()
    daemon.wait(30)
    project.write_queue([function(versions=["large"])])

    daemon = project.start("-r", "--watch", "-u")
    wait_until(lambda: f"{key} was begun by a daemon before this one" in project.log)
    gate.open()
    wait_until(lambda: outcomes(project, key) == ["failed"], message=lambda: project.log)
    (workshop.outside / "fails-0.2").unlink()
    assert project.run("retry", key).returncode == 0
    wait_until(lambda: outcomes(project, key)[1:] == ["succeeded"], message=lambda: project.log)

    # The second attempt went on where the first had failed, with what its spec says alone.
    assert [(spec["base"], spec["changes"]) for spec in specs(project, key)] == [("small", {"lr": 0.2})]
    assert starts(project, key) == ["resume"]
    assert workshop.runs()[key]["results"]["lr"] == 0.2
    assert (model_dir(project, "function-small@lr=0.2") / "step-2").read_text() == "0.2"


def test_a_text_that_is_set_in_place_of_a_path_counts_by_what_is_there(make_project, tmp_path):
    # What Python makes of the first would not be written so: the version is the one that is listed all the same.
    queue = [{"script": "net.py", "set": {"table": "./models//b.csv", "more": ["models/b.csv", "models/b.csv"]}}]
    project = make_project(tmp_path, {"net.py": PIPELINE}, queue=queue, test_queue=queue)
    (project.models_dir / "data.csv").write_text("1")
    for content in ("2", "3"):
        (project.models_dir / "b.csv").write_text(content)
        assert project.run("-r").returncode == 0, project.log
    found = json.loads(project.run("runs", "--json").stdout)
    assert [run["results"]["total"] for run in found] == [9, 6]
    assert {run["version"] for run in found} == {'v@table=._models__b.csv,more=["models_b.csv","models_b.csv"]'}
    assert {run["parameters"]["table"] for run in found} == {"./models//b.csv"}
