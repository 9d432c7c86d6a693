"""The options of `mlpipeline -r`: -n, -j, --only, -C, and what the plan, the table and the exit status say."""

from __future__ import annotations

import subprocess
import sys
from itertools import accumulate

import pytest
from record import model_dir, outcomes, set_aside, starts
from support import GATE_SOURCE, Gate, wait_until

SCRIPT = """
import os, pathlib
from mlpipeline import FunctionModel, Versions
def train(x, *, model_dir, run):
    (model_dir / "x").write_text(str(x))
    run.log_metrics({"loss": 1.0})
    print("printed", os.environ["MLP_RUN_DIR"])
    if x == 0:
        raise ValueError("as told")
    return {"y": x}
versions = Versions()
versions.add_version("small", x=1)
versions.add_version("large 🎉", x=2)
MODEL = FunctionModel(train, versions)
"""


@pytest.fixture
def project(make_project, tmp_path):
    return make_project(tmp_path, {"digits.py": SCRIPT, "cnn/net.py": SCRIPT})


def selected(project):
    return [f"{event['model']}:{event['version']}" for event in project.history() if event["event"] == "selected"]


def all_files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class TestNoLog:
    @pytest.mark.parametrize("option", ["-n", "--no-log", "--no_log"])
    def test_nothing_is_recorded_and_the_model_dirs_are_the_real_ones(self, project, option):
        done = project.run("-r", option, "--only", "digits:small")

        assert done.returncode == 0
        assert "1 version: 1 to run" in done.stdout
        assert "digits:small succeeded in" in done.stdout
        assert all_files(project.outputs / "model_ckpts") == ["digits-small/x"]
        left = {path.split("/")[0] for path in all_files(project.outputs)}
        assert left == {"model_ckpts", ".locks"}

    def test_history_is_consulted(self, project):
        assert project.run("-r", "--only", "digits").returncode == 0
        before = {name: (project.outputs / name).read_bytes() for name in all_files(project.outputs)}

        skipped = project.run("-r", "-u", "-n", "--only", "digits")
        again = project.run("-r", "-n", "--only", "digits:small")

        assert "2 versions: 2 done" in skipped.stdout
        assert "1 version: 1 called again" in again.stdout
        assert set_aside(project, "digits-small") == []
        assert {name: (project.outputs / name).read_bytes() for name in all_files(project.outputs)} == before

    def test_what_was_lost_is_resumed(self, make_project, tmp_path):
        gate = Gate(tmp_path / "open")
        waits = SCRIPT.replace("    print(", f"    from _gate import wait_for; wait_for({str(gate)!r})\n    print(")
        project = make_project(tmp_path, {"_gate.py": GATE_SOURCE, "digits.py": waits})
        project.start("-r", "--only", "digits:small")
        gate.wait_reached()
        project.kill_everything()
        gate.open()

        done = project.run("-r", "-n", "--only", "digits:small")

        assert "1 version: 1 to resume" in done.stdout
        assert done.returncode == 0
        assert outcomes(project, "digits:small") == []  # how it ended is for a launch that records it
        assert project.run("-ru", "--only", "digits:small").returncode == 0
        assert outcomes(project, "digits:small") == ["lost", "succeeded"]

    def test_the_table_names_no_file_that_is_gone(self, project):
        (project.models_dir / "digits.py").write_text(SCRIPT.replace("x=1", "x=0"))
        done = project.run("-r", "-n", "--only", "digits:small")

        assert done.returncode == 1
        assert "ValueError: as told" in done.stdout
        assert "output.log" not in done.stdout


def test_so_many_run_at_once_and_never_more(make_project, tmp_path):
    gate = Gate(tmp_path / "open")
    script = """
    import pathlib
    from mlpipeline import FunctionModel, Versions
    from _gate import wait_for
    def train(i):
        pathlib.Path(f"begun-{i}").touch()
        wait_for(GATE)
    versions = Versions()
    for i in range(6):
        versions.add_version(f"v{i}", i=i)
    MODEL = FunctionModel(train, versions)
    """.replace("GATE", repr(str(gate)))
    project = make_project(tmp_path, {"_gate.py": GATE_SOURCE, "many.py": script})
    daemon = project.start("-r", "-j", "3")
    wait_until(lambda: len(list(project.root.glob("begun-*"))) == 3)
    gate.open()

    assert daemon.wait(30) == 0
    changes = {"selected": 1, "ended": -1}
    at_once = list(accumulate(changes.get(event["event"], 0) for event in project.history()))
    assert (max(at_once), at_once[-1]) == (3, 0)
    assert len(list(project.root.glob("begun-*"))) == 6


class TestOnly:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (["digits"], ["digits:small", "digits:large 🎉"]),
            (["digits.py:small"], ["digits:small"]),
            (["cnn/net:large 🎉", "digits.py"], ["digits:small", "digits:large 🎉", "cnn/net:large 🎉"]),
        ],
    )
    def test_what_is_asked_for_runs_in_the_order_of_the_queue(self, project, names, expected):
        options = [word for name in names for word in ("--only", name)]
        done = project.run("-r", *options)

        assert done.returncode == 0
        assert selected(project) == expected

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [("digitz", "digits"), ("digits:smal", "digits:small"), ("net", "cnn/net")],
    )
    def test_what_is_not_there_is_wrong_usage_with_the_nearest(self, project, name, nearest):
        done = project.run("-r", "--only", name)

        assert done.returncode == 2
        assert done.stderr == (
            f'mlpipeline: --only "{name}" matches nothing that the queue lists. Did you mean "{nearest}"?\n'
        )
        assert selected(project) == []

    def test_test_mode_says_so_too(self, project):
        done = project.run("--only", "cnn/net:smal")

        assert done.returncode == 2
        assert 'Did you mean "cnn/net:small"?' in done.stderr

    def test_a_script_that_cannot_be_used_says_why(self, project):
        project.write_script("digits.py", "import missing\n")
        done = project.run("-r", "--only", "digits:small")

        assert done.returncode == 1
        assert "No module named 'missing'" in done.stdout
        assert "matches nothing" not in done.stderr


class TestWhere:
    def test_the_project_is_the_nearest_folder_above_or_what_c_says(self, project, tmp_path):
        command = [sys.executable, "-m", "mlpipeline"]

        def run(*arguments, cwd):
            return subprocess.run(
                [*command, *arguments], cwd=cwd, env=project.environment(), capture_output=True, text=True, check=False
            )

        below = run("-r", "--only", "digits", cwd=project.models_dir / "cnn")
        assert below.returncode == 0, below.stderr
        elsewhere = run("-C", str(project.root), "-r", "-u", cwd=tmp_path)
        assert elsewhere.returncode == 0, elsewhere.stderr
        assert "4 versions: 2 to run, 2 done" in elsewhere.stdout
        listed = run("-C", str(project.models_dir), "runs", cwd=tmp_path)
        assert listed.stdout.count("succeeded") == 4

    def test_outside_a_project_it_says_what_to_do(self, project, tmp_path):
        done = project.run("-C", str(tmp_path), "-r")
        assert done.returncode == 2
        assert "mlp.toml: there is none in" in done.stderr
        assert "-C DIR" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("-u",),
        ("-j", "2"),
        ("--watch",),
        ("-n",),
        ("-r", "-j", "0"),
        ("-r", "--only", ":x"),
        ("-r", "status"),
        ("--only", "x", "runs"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(project, arguments):
    done = project.run(*arguments)

    assert done.returncode == 2
    assert done.stderr
    assert not project.outputs.exists()


def test_the_plan_comes_first_and_the_table_last(make_project, tmp_path):
    script = SCRIPT.replace('versions.add_version("small", x=1)', "")
    project = make_project(tmp_path, {"good.py": SCRIPT, "bad.py": script.replace("x=2", "x=0"), "none.py": ""})
    done = project.run("-r")

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[2].endswith("3 versions: 3 to run; 1 cannot be used")
    table = lines[lines.index("") + 1 :]
    assert table[0].split() == ["version", "outcome", "time", "results", "where", "to", "look"]
    rows = {row.split("  ")[0]: row for row in table[2:]}
    assert list(rows) == ["good:small", "good:large 🎉", "bad:large 🎉", "none.py"]
    assert "y=1" in rows["good:small"] and "outputs/model_ckpts/good-small" in rows["good:small"]
    assert "failed (exception)" in rows["bad:large 🎉"] and "ValueError: as told" in rows["bad:large 🎉"]
    where = rows["bad:large 🎉"].split()[-1]
    assert "is empty" in rows["none.py"]
    assert where.endswith("/1/output.log")


def test_names_that_cannot_be_part_of_a_path_cost_their_version_alone(project):
    names = {
        '"a/b"': "path separator",
        '".."': "stands for another folder",
        '"a\\nb"': "control character",
        '"x" * 201': "at most 200",
    }
    for index, name in enumerate(names):
        project.write_script(f"bad{index}.py", SCRIPT.replace('"small"', name))
    project.write_queue([f"bad{index}.py" for index in range(len(names))])
    done = project.run("-r", "-j2")

    assert done.returncode == 1
    for index, told in enumerate(names.values()):
        assert any(f" bad{index}.py: " in line and told in line for line in done.stdout.splitlines())
    assert selected(project) == [f"bad{index}:large 🎉" for index in range(len(names))]
    assert model_dir(project, "bad0-large 🎉").is_dir()


def test_two_scripts_whose_versions_would_share_a_model_dir_are_named_and_the_rest_runs(project):
    project.write_script("a.py", SCRIPT.replace('"small"', '"b-c"'))
    project.write_script("a-b.py", SCRIPT.replace('"small"', '"c"'))
    project.write_queue(["a.py", "a-b.py"])
    done = project.run("-r")

    assert done.returncode == 1
    assert "a:b-c and a-b:c: would use the same model dir, a-b-c. Give one of them another name" in done.stdout
    assert selected(project) == ["a:large 🎉", "a-b:large 🎉"]
    assert starts(project, "a:large 🎉") == ["clean"]
