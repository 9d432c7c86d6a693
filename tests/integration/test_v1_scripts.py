"""Model scripts as v1.1's users have them, run by the command as they are."""

from __future__ import annotations

import json

import pytest

# As it is copied from one script to the next: every name of v1.1, overrides that take less than what they override, a
# data loader that never calls its base, and the spellings of v1.1.
SCRIPT = """
import math
import os
import shutil
import sys
from inspect import getsourcefile
print(sys.path)

from mlpipeline.utils import add_script_dir_to_PATH
add_script_dir_to_PATH(os.path.abspath(os.path.dirname(getsourcefile(lambda:0))))

from mlpipeline.utils import (Versions, version_parameters, ExecutionModeKeys, ModeKeys, MetricContainer, Metric,
                              console_colors, log, set_logger)
from mlpipeline.helper import Model
from mlpipeline.helper import DataLoader

log("before set_logger", log_to_file=False)
LOGGER = set_logger(test_mode=True, no_log=True, log_file=None)


class TestingDataLoader(DataLoader):
  def __init__(self, count):
    self.count = count
    self.log("creating dataloader")

  def get_train_sample_count(self):
    return self.count

  def get_test_sample_count(self):
    return 4

  def get_train_input(self):
    return lambda: [1.0, 2.0, 3.0]

  def get_test_input(self):
    self.add_to_summery("four samples to test on")
    return lambda: [5.0]


class TestingModel(Model):
  def __init__(self, versions, **args):
    super().__init__(versions, **args)
    self.steps_trained = 0

  def pre_execution_hook(self, version, model_dir):
    self.log("Version spec: {}".format(version))
    self.current_version = version
    self.model_dir = model_dir
    self.file_path = os.path.join(model_dir, "steps.txt")
    if os.path.exists(self.file_path):
      with open(self.file_path) as f:
        self.steps_trained = int(f.read())
    for hook in version[version_parameters.HOOKS] or []:
      hook(self)

  def get_current_version(self):
    return self.current_version

  def get_trained_step_count(self):
    return self.steps_trained

  def train_model(self, input_fn, steps):
    metrics = MetricContainer(metrics=[{"metrics": ["loss", "2"], "track_average_epoc_count": 2},
                                       {"metrics": ["accuracy"]}], track_average_epoc_count=5)
    for epoc in range(self.get_current_version()[version_parameters.EPOC_COUNT]):
      for step, value in enumerate(input_fn()):
        metrics.loss.update(value * self.current_version["factor"], 1)
        metrics.accuracy.update(1)
      metrics.log_metrics(["loss"], log_to_file=True, name_prefix="train_")
      metrics.reset()
      metrics.reset_epoc()
    self.add_to_summery("tracked loss {:.1f}".format(metrics.loss.get_tracking_average()))
    if "CUT" in os.environ:
      with open(self.file_path, "w") as f:
        f.write("7")
      raise ValueError("cut short at step 7 [of more]")
    with open(self.file_path, "w") as f:
      f.write(str(self.steps_trained + steps))
    self.log("done [{}] steps".format(steps), log_to_file=True, modifier_1=console_colors.RED_FG)

  def evaluate_model(self, input_fn, steps):
    metrics = MetricContainer(["loss"])
    for value in input_fn():
      metrics["loss"].update(value)
    if self.current_version["factor"] == 2:
      return {"loss": metrics.loss.avg(), "steps": steps}
    if self.current_version["factor"] == 3:
      return metrics
    return metrics.log_metrics(log_to_file=False)

  def clean_model_dir(self, model_dir):
    log("cleaning {}".format(os.path.basename(model_dir)), modifier_1=console_colors.BOLD)
    shutil.rmtree(model_dir)


def a_hook(model):
  log("hook of {}".format(model.get_current_version()["name"]))


dl = TestingDataLoader(100)
v = Versions(0.01, dl, 10, 2)
v.addV("last", dataloader=dl, order=9, custom_paramters={"factor": 1}, hooks=[a_hook])
v.addV("second", TestingDataLoader(15), 20, 3, 0.1, "own_suffix", 1, {"factor": 2, "hyperparameter": None})
v.rangeOnParameters(names=["g1", "g2"], combining_parameters=[version_parameters.LEARNING_RATE],
                    parameters={version_parameters.LEARNING_RATE: [0.5, 0.25], "factor": 3, "order": 2})
v.rangeOnParameters(combining_parameters=["factor"], parameters={"factor": [4]})
MODEL = TestingModel(versions = v, allow_delete_model_dir=True)
"""

OTHER = """
from mlpipeline.helper import DataLoader, Model
from mlpipeline.utils import Versions

class Data(DataLoader):
    def get_train_sample_count(self):
        return 1
    def get_train_input(self, **kargs):
        return None

class Net(Model):
    def train_model(self, input_fn, steps):
        self.add_to_summery(f"rate {self.versions.getVersion('only')['learning_rate']}")

v = Versions(dataloader=Data(), batch_size=1, epoc_count=1)
v.addV("only")
MODEL = Net(v)
"""


@pytest.fixture
def runs_of():
    """The last run of each version, by its name, as `runs --json` prints it."""

    def read(project):
        listed = json.loads(project.run("runs", "--json", "-n", "100").stdout)
        return {run["version"]: run for run in reversed(listed)}

    return read


def test_a_script_of_v1_runs_unmodified(make_project, tmp_path, runs_of):
    project = make_project(tmp_path, {"sub/net.py": SCRIPT, "other.py": OTHER})

    tested = project.run()
    assert tested.returncode == 0, tested.stderr
    assert "before set_logger" in tested.stdout
    assert not project.outputs.exists()

    done = project.run("-r")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = runs_of(project)
    # In ORDER; as they were defined where it is equal.
    assert [name for name in runs if name != "only"] == ["second", "g1", "g2", "factor=4", "last"]
    assert runs["second"]["parameters"] == {
        "learning_rate": 0.1,
        "dataloader": "<net.TestingDataLoader object>",
        "batch_size": 20,
        "epoch_count": 3,
        "factor": 2,
        "hyperparameter": None,
    }
    assert [runs[name]["parameters"]["learning_rate"] for name in ("g1", "g2")] == [0.5, 0.25]
    assert runs["last"]["parameters"]["hooks"] == ["<function net.a_hook>"]

    # A dict and a MetricContainer become numbers, each evaluation under its own name. A text stays text.
    assert runs["second"]["results"] == {"train.loss": 2.0, "train.steps": 15, "test.loss": 5.0, "test.steps": 4}
    assert runs["g1"]["results"] == {"train.loss": 2.0, "test.loss": 5.0}
    assert runs["last"]["results"] == {}

    # One model dir per version: its suffix, else its name.
    ckpts = project.outputs / "model_ckpts"
    names = {path.name for path in (ckpts / "sub").iterdir()}
    assert names == {"net-last", "net-own_suffix", "net-g1", "net-g2", "net-factor=4"}
    # 2 × 100 ÷ 10, and 3 × 15 ÷ 20 rounded up.
    assert (ckpts / "sub/net-last/steps.txt").read_text() == "20"
    assert (ckpts / "sub/net-own_suffix/steps.txt").read_text() == "3"

    lines = [
        json.loads(line) for line in (project.outputs / "runs" / runs["second"]["run"] / "metrics.jsonl").open("rb")
    ]
    assert [line["metrics"] for line in lines] == [{"train_loss": 4.0}] * 3

    log = project.log
    assert "Model- done [20] steps\n" in log  # as written, without the colours
    assert "\x1b" not in log
    assert "hook of last" in log
    assert "cleaning net-last" in log
    assert "train_loss: 4.0000" in log
    assert "passed over, as they are not overridden: pre_execution_hook, evaluate_model\n" in log

    block = project.results.partition("sub/net:last ")[2].partition("=====")[0]
    for expected in ("loss: 2.0000", "loss: 5.0000", "epoch_count", "tracked loss 2.0", "four samples to test on"):
        assert expected in block
    # Defaults are not shared: `other` has no learning rate though `net` gave one.
    assert "rate None" in project.results.partition("other:only ")[2]


def test_it_resumes_by_its_own_count_and_the_other_versions_go_on(make_project, tmp_path, runs_of):
    project = make_project(tmp_path, {"net.py": SCRIPT}, [{"script": "net.py", "versions": ["last", "g1"]}])
    cut = project.run("-r", env={"CUT": "1"})
    assert cut.returncode == 1
    runs = runs_of(project)
    assert {name: run["error"] for name, run in runs.items()} == dict.fromkeys(
        ("g1", "last"), "ValueError: cut short at step 7 [of more]"
    )
    assert f"{runs['last']['id']} ValueError: cut short at step 7 [of more]\n" in project.log

    assert project.run("-r", "-u").returncode == 0
    log = project.log
    assert "net:last starts, resuming" in log
    assert log.count("done [13] steps") == 2
    assert log.count("cleaning") == 2  # only when they were fresh
    # A further version retrains nothing.
    project.write_script("net.py", SCRIPT.replace('v.addV("last"', 'v.addV("late")\nv.addV("last"'))
    again = project.run("-r", "-u")
    assert "2 versions: 2 done" in again.stdout


ODD = """
from mlpipeline.helper import DataLoader, Model
from mlpipeline.utils import Versions

class Data(DataLoader):
    def get_train_sample_count(self): return 1
    def get_train_input(self, **kargs): return "train"
    def get_test_sample_count(self): return 1
    def get_test_input(self, **kargs): return "test"

class Net(Model):
    def train_model(self, input_fn, steps): print("training", steps)
    def evaluate_model(self, input_fn, steps):
        print("evaluating", input_fn)
        if input_fn == BREAKS: raise RuntimeError(f"no evaluation on {input_fn}")
        return {"n": 1}

v = Versions(0.1, Data(), 1, 1)
v.addV("v")
MODEL = Net(v)
"""


def test_a_failed_evaluation_lets_the_other_be_tried_and_keeps_the_training(make_project, tmp_path, runs_of):
    gate = "import os\n" + ODD.replace("BREAKS", "os.environ.get('BREAKS')")
    project = make_project(tmp_path, {"net.py": gate})

    assert project.run("-r", env={"BREAKS": "train"}).returncode == 1
    run = runs_of(project)["v"]
    assert (run["outcome"], run["error"]) == ("failed", "RuntimeError: no evaluation on train")
    assert run["results"] == {"test.n": 1}
    output = (project.outputs / "runs" / run["run"] / "1" / "output.log").read_text()
    assert output.index("training 1") < output.index("evaluating train") < output.index("evaluating test")

    assert project.run("-r", "-u").returncode == 0
    run = runs_of(project)["v"]
    assert run["results"] == {"train.n": 1, "test.n": 1}
    output = (project.outputs / "runs" / run["run"] / "1" / "output.log").read_text()
    assert "training" not in output
    assert "evaluating train" in output


def test_versions_that_would_share_a_name_or_a_model_dir_are_an_error_naming_script_and_versions(
    make_project, tmp_path
):
    imports = "from mlpipeline.helper import Model\nfrom mlpipeline.utils import Versions\n"
    head = f"{imports}v = Versions()\n"
    project = make_project(
        tmp_path,
        {
            "names.py": f"{head}v.addV('twice')\nv.addV('twice')\nMODEL = Model(v)\n",
            "suffixes.py": f"{head}v.addV('a', model_dir_suffix='s')\nv.addV('b', model_dir_suffix='s')\n"
            "MODEL = Model(v)\n",
            "default.py": f"{imports}v = Versions(model_dir_suffix='s')\nv.addV('a')\nv.addV('b')\nMODEL = Model(v)\n",
            "lacking.py": f"{imports}class Net(Model):\n    def train_model(self, input_fn, steps): pass\n"
            "v = Versions(batch_size=1)\nv.addV('bare')\nMODEL = Net(v)\n",
        },
    )
    done = project.run("-r")
    assert done.returncode == 1
    log = project.log
    assert 'names.py: 2 versions are called "twice"' in log
    assert 'suffixes.py: versions "a" and "b" would share the model dir suffix "s"' in log
    assert 'lacking.py: version "bare": DATALOADER, EPOC_COUNT missing' in log
    assert {path.name for path in (project.outputs / "model_ckpts").iterdir()} == {"default-s-a", "default-s-b"}
