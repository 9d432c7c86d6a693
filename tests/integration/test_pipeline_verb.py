"""`mlpipeline pipeline`: pipelines run, looked at and asked why at the prompt, with edits in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from schemas import complaints
from support import GATE_SOURCE, Gate, wait_until

FEATURES = """
    def normalize(rows):
        return [value / 10 for value in rows]
"""
NET = """
    import sys
    from features import normalize
    from mlpipeline import Pipeline, Versions, stage

    class Opaque:
        def __reduce__(self):
            return print, ("unpickled",)

    @stage("gen_data", outputs=["train_data", "test_data"])
    class GenerateData:
        def run(self):
            print("makes data")
            return {"train_data": normalize([1, 2, 3]), "test_data": normalize([4, 5])}

    @stage("train_model")
    class TrainModel:
        def __init__(self, epochs: int = 3):
            self.epochs = epochs

        def run(self, train_data, rate=1):
            print("trains", self.epochs)
            return {"weights": sum(train_data) * self.epochs}

    @stage
    def accuracy(weights, test_data) -> float:
        return round(weights * len(test_data), 3)

    versions = Versions()
    versions.add_version("short", epochs=1)
    versions.add_version("long", epochs=3)
    MODEL = Pipeline(versions=versions)

    if __name__ == "__main__":
        print("as a script")
"""

DATA = """
    from pathlib import Path
    from mlpipeline import Pipeline, Versions, stage

    @stage
    def total(table: Path = Path(__file__).parent / "data.csv") -> int:
        return sum(map(int, table.read_text().split()))

    MODEL = Pipeline(versions=Versions().add_version("all"))
"""


@pytest.fixture
def project(make_project, tmp_path):
    return make_project(tmp_path, {"net.py": NET, "_gate.py": GATE_SOURCE, "features.py": FEATURES}, ["net.py"])


def edit(project, name, old, new):
    path = project.models_dir / name
    source = path.read_text("utf-8")
    assert old in source
    path.write_text(source.replace(old, new), "utf-8")


def told(project, *arguments):
    """Return what a verb prints, line by line; it has nothing to complain of."""
    done = project.run("pipeline", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def asked(project, verb, *arguments):
    done = project.run("pipeline", verb, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert complaints(f"pipeline-{verb}", found) == []
    return found


def standings(project, *arguments):
    return {stage["stage"]: stage["standing"] for stage in asked(project, "show", *arguments)["stages"]}


def whys(project, *arguments):
    stage = asked(project, "why", *arguments)["stage"]
    return stage["standing"], [(reason["why"], reason["what"]) for reason in stage["reasons"]]


def test_a_value_stands_alone_on_stdout_and_the_stages_on_stderr(project):
    done = project.run("pipeline", "run", "net", "accuracy")
    assert (done.returncode, done.stdout) == (0, "3.6\n")
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["makes", "gen_data", "trains", "train_model", "accuracy"]
    assert "as a script" not in lines

    # A path, with a version's parameters, and one on top; several values, each by its name; an artifact.
    done = project.run("pipeline", "run", "models/net.py:short", "gen_data")
    assert done.stdout == "train_data: [0.1, 0.2, 0.3]\ntest_data: [0.4, 0.5]\n"
    assert done.stderr.split() == ["gen_data", "cached"]
    assert project.run("pipeline", "run", "net:short", "weights").stdout == "0.6000000000000001\n"
    assert project.run("pipeline", "run", "net:short", "--set", "train_model.epochs=5").stdout == "6.0\n"
    # What is there by default is the same as what a version gives.
    assert project.run("pipeline", "run", "net:long").stderr.split()[1::2] == ["cached"] * 3

    forced = project.run("pipeline", "run", "net", "--force", "train_model")
    assert [line.split()[1] == "cached" for line in forced.stderr.splitlines() if "trains" not in line] == [
        *(True, False, True)
    ]
    found = asked(project, "run", "net", "weights")
    assert found["values"]["weights"]["value"] == pytest.approx(1.8)
    assert [(stage["stage"], stage["cached"]) for stage in found["stages"]] == [
        ("gen_data", True),
        ("train_model", True),
    ]


def test_what_would_run_is_known_before_and_why(project):
    assert standings(project, "net") == dict.fromkeys(["gen_data", "train_model", "accuracy"], "would_run")
    assert told(project, "why", "net", "gen_data") == ["gen_data would run: nothing that it made is in the cache"]
    project.run("pipeline", "run", "net")
    assert set(standings(project, "net:long").values()) == {"cached"}
    (cached,) = told(project, "why", "net", "accuracy")
    assert cached.startswith("accuracy is cached: made 20")

    assert told(project, "why", "net:short", "train_model")[0] == "train_model would run again: epochs: 3 → 1"
    assert standings(project, "net:short") == {"gen_data": "cached", "train_model": "would_run", "accuracy": "may_run"}

    edit(project, "net.py", "sum(train_data)", "max(train_data)")
    first, second = told(project, "why", "net", "train_model")
    assert first == "train_model would run again: net.TrainModel.run changed (models/net.py:21)"
    assert second.startswith("compared with what it made on 20")
    edit(
        project, "features.py", "def normalize(rows):\n    return", "def normalize(rows):\n    # Not code.\n    return"
    )
    assert standings(project, "net")["gen_data"] == "cached"
    edit(project, "features.py", "/ 10", "/ 20")
    # What it takes is the first reason, and what makes that is told as well.
    assert told(project, "why", "net", "weights") == [
        "train_model would run again:",
        "  it takes train_data from gen_data, which would run",
        "  net.TrainModel.run changed (models/net.py:21)",
        second,
        "",
        "gen_data would run again: features.normalize changed (models/features.py:2)",
        second,
    ]
    assert whys(project, "net", "accuracy") == (
        "may_run",
        [("input_made_anew", "weights"), ("input_made_anew", "test_data")],
    )
    # Whether what is below runs depends on what comes out: here something else.
    assert project.run("pipeline", "run", "net", "accuracy").stdout == "0.9\n"
    assert whys(project, "net", "accuracy") == ("cached", [])


def test_an_input_that_is_another_is_a_reason_of_its_own(project):
    project.run("pipeline", "run", "net")
    edit(project, "features.py", "/ 10", "/ 20")
    project.run("pipeline", "run", "net", "gen_data")
    first, _ = told(project, "why", "net", "train_model")
    assert first.startswith("train_model would run again: train_data is another than on 20")


def test_a_file_that_a_parameter_names_is_named_where_it_is_another(project):
    (project.models_dir / "data.py").write_text(textwrap.dedent(DATA))
    (project.models_dir / "data.csv").write_text("1 2")
    assert project.run("pipeline", "run", "data").stdout == "3\n"
    (project.models_dir / "data.csv").write_text("1 5")
    first, _ = told(project, "why", "data", "total")
    assert first == "total would run again: table: data.csv has another content"
    assert project.run("pipeline", "run", "data").stdout == "6\n"


def test_a_text_in_place_of_a_path_is_one_from_the_projects_folder(project):
    (project.models_dir / "data.py").write_text(textwrap.dedent(DATA))
    (project.models_dir / "data.csv").write_text("1")
    (project.models_dir / "other.csv").write_text("2")
    run = ["pipeline", "run", "data", "--set", "table=models/other.csv"]
    assert project.run(*run).stdout == "2\n"
    (project.models_dir / "other.csv").write_text("3")
    assert project.run(*run).stdout == "3\n"


def test_a_version_that_the_queue_makes_is_called_as_there(project):
    project.write_queue([{"script": "net.py", "versions": ["short"], "set": {"epochs": 5}}, "net.py"])
    assert project.run("pipeline", "run", "net:short@epochs=5").stdout == "6.0\n"
    shown = asked(project, "show", "net:short@epochs=5")
    assert (shown["pipeline"], shown["stages"][1]["parameters"]) == ("net:short@epochs=5", {"epochs": 5})
    assert project.run("pipeline", "run", "net:short@epochs=5", "--set", "epochs=2").stdout == "2.4\n"
    words = {"COMP_WORDS": "mlpipeline pipeline run net:sh", "COMP_CWORD": "3"}
    offered = project.run(env={"_MLPIPELINE_COMPLETE": "zsh_complete", **words}).stdout
    assert "net:short@epochs=5" in offered.split()
    for name, hint in (
        ("short@epochs=6", 'Did you mean "short@epochs=5"?'),
        ("long@train_model.epochs=7,lr=1", "To have it all the same: net:long --set train_model.epochs=7 --set lr=1"),
    ):
        done = project.run("pipeline", "why", f"net:{name}", "accuracy")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f'mlpipeline: neither net.py nor models.toml has a version "{name}". {hint}\n'


def test_a_stage_may_say_that_it_is_not_cached_or_what_stands_for_its_code(project):
    edit(project, "net.py", '@stage("train_model")', '@stage("train_model", version=1)')
    edit(project, "net.py", "outputs=[", "cache=False, outputs=[")
    project.run("pipeline", "run", "net")
    assert told(project, "why", "net", "gen_data") == [
        "gen_data would run: its script says cache=False: it runs every time"
    ]
    edit(project, "net.py", "version=1", "version=2")
    standing, reasons = whys(project, "net", "train_model")
    assert (standing, reasons[-1]) == ("would_run", ("version", "version"))


def test_what_cannot_be_read_runs_every_time_and_says_so(project):
    edit(project, "net.py", "sum(train_data)", "__import__(self.__module__).sum(train_data)")
    edit(project, "net.py", "import sys", "from builtins import sum")
    run = project.run("pipeline", "run", "net")
    assert "stage train_model runs every time, because nobody can tell whether its code changed" in run.stderr
    ((why, what),) = whys(project, "net", "train_model")[1]
    assert (why, "name" in what) == ("unknown", True)


def test_what_is_gone_from_the_cache_is_told_and_nothing_in_it_is_loaded(project):
    edit(project, "net.py", "weights * len(test_data), 3)", "weights * len(test_data), 3), Opaque()")
    assert "unpickled" in project.run("pipeline", "run", "net").stderr
    assert "unpickled" not in project.run("pipeline", "run", "net", "gen_data").stderr
    for arguments in (["show", "net"], ["why", "net", "accuracy"]):
        assert not any("unpickled" in line for line in told(project, *arguments))
    (record,) = (project.outputs / "cache").rglob("train_model/*.json")
    digest = json.loads(record.read_bytes())["artifacts"][0]["digest"]
    (artifact,) = (project.outputs / "cache").rglob(f"{digest}*")
    artifact.chmod(0o644)
    artifact.write_text(artifact.read_text()[::-1])
    assert told(project, "why", "net", "train_model") == [
        "train_model would run again: weights in the cache is damaged"
    ]
    # Nobody would see that who takes what is made of it, which is cached.
    assert standings(project, "net")["train_model"] == "cached"
    artifact.write_text(artifact.read_text() + " ")
    assert whys(project, "net", "train_model") == ("would_run", [("artifact_damaged", "weights")])
    assert "would run: weights in the cache is damaged" in project.run("pipeline", "show", "net").stdout
    artifact.unlink()
    assert whys(project, "net", "train_model") == ("would_run", [("artifact_gone", "weights")])


def test_the_pipeline_of_a_file_is_its_only_one_or_made_of_all_stages_that_it_marks(project):
    stages = textwrap.dedent(NET).partition("versions =")[0]
    folder = project.root.parent / "elsewhere"
    folder.mkdir()
    (folder / "features.py").write_text(textwrap.dedent(FEATURES))

    def write(name, more):
        (folder / name).write_text(stages + textwrap.dedent(more))
        return str(folder / name)

    marked = write("marked.py", "")
    assert project.run("pipeline", "run", marked).stdout == "3.6\n"
    assert (folder / ".mlp-cache").is_dir()
    own = write("own.py", "class Own(Pipeline):\n    def stages(self):\n        return [GenerateData]\n")
    assert list(standings(project, own)) == ["gen_data"]
    assert list(standings(project, write("one.py", "small = Pipeline([GenerateData, TrainModel])\n"))) == [
        *("gen_data", "train_model")
    ]
    several = write("several.py", "a = Pipeline([GenerateData])\nb = Pipeline([accuracy, GenerateData, TrainModel])\n")
    done = project.run("pipeline", "show", several)
    assert done.returncode == 1
    assert "several.py: it has several pipelines, a, b. Say which: --pipeline a, or set MODEL." in done.stderr
    assert len(standings(project, several, "--pipeline", "b")) == 3


@pytest.mark.parametrize(
    ("constructor", "complaint"),
    [
        (
            "def __init__(self, lr, size, depth=2, **more): super().__init__()",
            "own.py: its pipeline Own is made with lr, size. Make one: MODEL = Own(…).",
        ),
        ("def __init__(self): 1 / 0", "own.py: its pipeline Own cannot be made: ZeroDivisionError: division by zero"),
        ("def __init__(self): super().__init__(stages=3)", "the stages are a int; they are to be a list"),
    ],
)
def test_a_subclass_that_cannot_be_made_without_arguments_is_told_so(project, constructor, complaint):
    (project.models_dir / "own.py").write_text(
        f"from mlpipeline import Pipeline\nclass Own(Pipeline):\n    {constructor}\n"
    )
    done = project.run("pipeline", "show", "own")
    assert complaint in done.stderr
    assert (done.returncode, done.stdout) == (1, "")
    assert "pipeline_files.py" not in done.stderr


def test_a_subclass_that_the_script_defines_has_the_stages_and_the_cache_of_the_script(project):
    edit(project, "net.py", "MODEL = Pipeline(versions=versions)", "class Own(Pipeline):\n    size = 3\n")
    assert list(standings(project, "net")) == ["gen_data", "train_model", "accuracy"]
    assert project.run("pipeline", "run", "net").returncode == 0
    assert (project.outputs / "cache").is_dir()


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["run", "nett"], 2, 'Did you mean "net"?'),
        (["run", "models/nte.py"], 2, 'Did you mean "models/net.py"?'),
        (["show", "net:shrt"], 1, 'there is no version "shrt". There are: short, long. Did you mean "short"?'),
        (["run", "net", "acuracy"], 1, 'there is no stage or artifact "acuracy". Did you mean "accuracy"?'),
        (["why", "net", "train"], 1, 'there is no stage or artifact "train". Did you mean'),
        (
            ["why", "net", "nope"],
            1,
            '"nope". There are gen_data, train_model, accuracy, train_data, test_data, weights.\n',
        ),
        (
            ["run", "net", "--force", "trainmodel"],
            1,
            'force: there is no stage "trainmodel". Did you mean "train_mod',
        ),
        (["run", "net", "--set", "epoch=3"], 1, 'there is no parameter "epoch". Did you mean "epochs"?'),
        (["run", "net", "--set", "train_modl.epochs=5"], 1, '"train_modl.epochs". Did you mean "train_model.epochs"?'),
        (
            ["run", "net", "--set", "train_model.rate=2"],
            1,
            'takes no parameter "rate": it is an argument of its `run`, and parameters are those of its constructor. '
            "It takes epochs.",
        ),
        (["run", "net", "--set", "epochs=many"], 2, 'epochs is 3, a number, and "many" is a text.\n'),
        (["run", "net", "--set", "epochs"], 2, '--set "epochs" sets nothing.'),
        (["show", "net", "--pipeline", "MODLE"], 1, 'it has no pipeline called "MODLE". Did you mean "MODEL"?'),
        (["show", "features"], 1, "features.py: it has no pipeline, and no stage."),
        (["show", "net", "--dot", "--json"], 2, "do not go together"),
    ],
)
def test_what_is_wrong_is_told_with_the_nearest_before_anything_runs(project, arguments, status, complaint):
    done = project.run("pipeline", *arguments)
    assert complaint in done.stderr
    assert (done.returncode, done.stdout) == (status, "")
    assert "Traceback" not in done.stderr
    assert not (project.outputs / "cache").exists()


def test_a_script_that_lies_beside_what_was_typed_is_named_without_a_project_too(tmp_path):
    (tmp_path / "train.py").touch()
    inside = str(tmp_path / "train.py")
    for typed, meant in (("trian.py", "train.py"), ("trian:deep", "train"), (str(tmp_path / "trian.py"), inside)):
        command = [sys.executable, "-m", "mlpipeline", "pipeline", "run", typed]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr.endswith(f'here is no project whose model it may be. Did you mean "{meant}"?\n')
        assert done.returncode == 2


def test_a_parameter_without_a_value_is_a_matter_of_the_version(project):
    edit(project, "net.py", "epochs: int = 3", "epochs: int")
    assert standings(project, "net") == {"gen_data": "would_run", "train_model": "cannot_run", "accuracy": "cannot_run"}
    done = project.run("pipeline", "run", "net")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Or name a version: net:short." in done.stderr
    assert project.run("pipeline", "run", "net:short").stdout == "1.2\n"


def test_a_stage_that_fails_is_named_below_its_own_traceback(project):
    edit(project, "net.py", "weights * len(test_data), 3)", "weights / 0, 3)")
    done = project.run("pipeline", "run", "net")
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[-1] == "mlpipeline: stage accuracy failed: ZeroDivisionError: float division by zero"
    begins = lines.index("Traceback (most recent call last):")
    assert lines[begins + 1].lstrip().startswith(f'File "{project.models_dir}/net.py", line ')
    assert "mlpipeline/" not in "".join(lines[begins + 1 : -1]).replace(str(project.root), "")

    edit(project, "net.py", "import sys", "import no_such_module")
    done = project.run("pipeline", "show", "net")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("mlpipeline: net.py: cannot be imported: ModuleNotFoundError")


def test_what_another_process_makes_is_waited_for(project, tmp_path):
    gate = Gate(tmp_path / "gate")
    edit(project, "net.py", 'print("makes data")', f'from _gate import wait_for; wait_for("{gate}")')
    first = project.start("pipeline", "run", "net")
    gate.wait_reached(60)
    second = project.start("pipeline", "run", "net")
    wait_until(lambda: "gen_data      is being made by process " in second.err)
    gate.open()
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert first.out == second.out == "3.6\n"
    assert "gen_data      cached" in second.err


def test_ctrl_c_ends_it_without_a_word_of_ours(project, tmp_path):
    gate = Gate(tmp_path / "gate")
    edit(project, "net.py", 'print("makes data")', f'from _gate import wait_for; wait_for("{gate}")')
    command = project.start("pipeline", "run", "net")
    gate.wait_reached(60)
    os.kill(command.pid, signal.SIGINT)
    assert command.wait(60) == 130
    assert command.out == ""
    assert "Traceback" not in command.err
    assert command.err.startswith("gen_data      stopped after ")


LEARNING = """
    from mlpipeline import Input, Pipeline, Primary, Stage, stage

    @stage
    def load():
        return [1.0, None, 3.0]

    class Imputer(Stage):
        def fit(self, rows):
            known = [row for row in rows if row is not None]
            self.mean = sum(known) / len(known)

        def run(self, rows):
            return [self.mean if row is None else row for row in rows]

    MODEL = Pipeline(
        stages={"load": load, "new": Input(), "data": Primary(), "imputer": Imputer()},
        edges={"data": {"train": "load", "test": "new"}, "imputer": "data"},
    )
"""


def test_a_stage_that_learns_is_two_and_its_state_an_artifact(project):
    project.write_script("learning.py", LEARNING)
    assert project.run("pipeline", "run", "learning").stdout == "[1.0, 2.0, 3.0]\n"
    for name in ("imputer.state", "imputer.fit"):
        assert project.run("pipeline", "run", "learning", name).stdout == '{"mean": 2.0}\n'
        assert whys(project, "learning", name) == ("cached", [])
    edit(project, "learning.py", "self.mean = sum", "self.mean = 0 * sum")
    # Both have the code of the class.
    assert standings(project, "learning") == {
        **{"load": "cached", "data": "cached"},
        **{"imputer.fit": "would_run", "imputer": "would_run"},
    }
    for verb in ("run", "why"):
        done = project.run("pipeline", verb, "learning", "new")
        assert (done.returncode, done.stdout) == (1, "")
        assert "handed in" in done.stderr


def test_an_input_is_said_to_be_handed_in_from_python(project):
    source = (
        "from mlpipeline import Input, stage\n\n@stage\nclass NewData(Input): ...\n\n@stage\ndef twice(new_data): ...\n"
    )
    (project.models_dir / "handed.py").write_text(source)
    done = project.run("pipeline", "run", "handed", "new_data")
    assert done.returncode == 1
    assert 'new_data is an Input: it is handed in from Python, as inputs={"new_data": …}.' in done.stderr
