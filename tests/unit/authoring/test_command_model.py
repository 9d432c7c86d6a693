from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from mlpipeline.authoring.command_model import CommandModel
from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.versions import Versions
from mlpipeline.errors import VersionsError


def model_and_version(command, parameters=None, **arguments):
    versions = Versions()
    versions.add_version("a", **(parameters or {}))
    return CommandModel(command, versions, **arguments), versions.getVersion("a")


def words_of(command, parameters=None, mode=ExecutionModeKeys.TRAIN, **arguments):
    model, version = model_and_version(command, parameters, **arguments)
    model.check_version(version)
    return model.words(version, model_dir=Path("/m d"), run_dir=Path("/r"), run_id="a1f3", seed=7, mode=mode)


class TestWords:
    def test_are_split_first_and_filled_then(self):
        command = "python 'my train.py' --lr {learning_rate} --out={model_dir}/x --note {note}"
        assert words_of(command, {"learning_rate": 0.001, "note": "a 'b\" $(c) {d} \\ e"}) == [
            "python",
            "my train.py",
            "--lr",
            "0.001",
            "--out=/m d/x",
            "--note",
            "a 'b\" $(c) {d} \\ e",
        ]

    def test_an_empty_value_stays_a_word(self):
        assert words_of("a {x}", {"x": ""}) == ["a", ""]

    def test_take_what_the_run_is(self):
        expected = ["/m d", "/r", "a1f3", "7", "a"]
        assert expected == words_of("{model_dir} {run_dir} {run_id} {seed} {name}")

    @pytest.mark.parametrize(
        ("template", "value", "expected"),
        [
            ("{x}", 1e-05, "1e-05"),
            ("{x}", 0.1, "0.1"),
            ("{x:.3f}", 0.12345, "0.123"),
            ("{x:03d}", 7, "007"),
            ("{x}", True, "True"),
            ("{x}", None, "None"),
            ("{x}", (1, "a"), '[1, "a"]'),
            ("{x}", {"k": 0.5}, '{"k": 0.5}'),
            ("{x}", Path("p/q"), "p/q"),
            ("{{{x}}}", 1, "{1}"),
            ("{x}{x}", "ab", "abab"),
        ],
    )
    def test_write_values_as_text(self, template, value, expected):
        assert [expected] == words_of(template, {"x": value})

    def test_escaped_braces_stay(self):
        assert words_of("awk '{{print}}' {x}", {"x": 1}) == ["awk", "{print}", "1"]

    @pytest.mark.parametrize("placeholder", ["epoc_count", "epoch_count"])
    def test_take_the_epoch_count_under_either_name(self, placeholder):
        assert words_of(f"{{{placeholder}}}", {"epoc_count": 3}) == ["3"]

    def test_may_be_given_as_words(self):
        assert words_of(["python", "my train.py", "{x}"], {"x": "x y"}) == ["python", "my train.py", "x y"]

    def test_of_test_mode_are_those_of_the_test_command(self):
        test = words_of("train {x}", {"x": 1}, ExecutionModeKeys.TEST, test_command="train --fast")
        assert test == ["train", "--fast"]

    def test_of_test_mode_without_a_test_command_are_an_error(self):
        with pytest.raises(VersionsError, match="no test_command"):
            words_of("train", mode=ExecutionModeKeys.TEST)

    def test_a_seed_of_the_version_need_not_be_taken(self):
        assert words_of("train", {"seed": 7}) == ["train"]


class TestShell:
    def test_is_one_text_with_quoted_values(self):
        value = "a 'b' $(c); d"
        text = words_of("echo {x} | cat > {model_dir}/out", {"x": value}, shell=True)
        assert f"echo {shlex.quote(value)} | cat > '/m d'/out" == text

    @pytest.mark.parametrize("command", ["echo '{x}'", 'echo "a {x}"', "echo 'a'\"'\"'{x}'"])
    def test_refuses_a_placeholder_inside_quotes(self, command):
        with pytest.raises(VersionsError, match=r"`\{x\}` stands inside quotes"):
            words_of(command, {"x": 1}, shell=True)

    @pytest.mark.parametrize("command", ["echo 'a' {x} \"b\"", "echo \\' {x} \\'"])
    def test_takes_quotes_elsewhere(self, command):
        assert "1" in words_of(command, {"x": 1}, shell=True)

    def test_takes_no_words(self):
        with pytest.raises(VersionsError, match="with shell=True it is one text"):
            CommandModel(["echo"], Versions(), shell=True)


class TestCheck:
    def test_an_unknown_placeholder_is_an_error_with_the_nearest(self):
        with pytest.raises(VersionsError) as caught:
            words_of("train --lr {learning_rat} {x}", {"learning_rate": 0.1, "x": 1})
        assert str(caught.value).startswith('version "a": command has the placeholder "{learning_rat}"')
        assert str(caught.value).endswith('Did you mean "learning_rate"?')

    def test_an_unknown_placeholder_in_the_test_command_is_an_error(self):
        with pytest.raises(VersionsError, match=r'test_command has the placeholder "\{y\}"'):
            words_of("train {x}", {"x": 1}, test_command="train {y}")

    def test_a_parameter_that_no_placeholder_takes_is_an_error_with_the_nearest(self):
        with pytest.raises(VersionsError, match=r'no placeholder "\{lrr\}".*it has lr, model_dir. Did you mean "lr"'):
            versions = Versions(lr=0.1)
            versions.add_version("a", lrr=0.2)
            CommandModel("train {lr} {model_dir}", versions).check_version(versions.getVersion("a"))

    def test_the_test_command_may_take_fewer(self):
        words_of("train {x}", {"x": 1}, test_command="train")

    @pytest.mark.parametrize("value", [object(), len, [b""]])
    def test_a_value_that_is_not_json_is_an_error(self, value):
        with pytest.raises(VersionsError, match=r'version "a": on a command line, x(\[0\])?: is'):
            words_of("train {x}", {"x": value})

    def test_a_format_that_does_not_suit_the_value_is_an_error(self):
        with pytest.raises(VersionsError, match=r"version \"a\": `{x:.3f}` with 'abc'"):
            words_of("train {x:.3f}", {"x": "abc"})

    @pytest.mark.parametrize("key", ["model_dir", "run_dir", "run_id"])
    def test_a_parameter_with_a_name_of_the_run_is_an_error(self, key):
        with pytest.raises(VersionsError, match=f'"{key}" comes from the run'):
            words_of(f"train {{{key}}}", {key: "x"})


class TestConstructor:
    @pytest.mark.parametrize(
        ("command", "told"),
        [
            ("", "command: it is empty"),
            ([], "command: it is empty"),
            ("train 'x", "command: No closing quotation in `train 'x`"),
            ("train {x", "command: .*Write {{ and }}"),
            ("train x}", "command: .*Write {{ and }}"),
            ("train {}", "is no placeholder"),
            ("train {0}", "is no placeholder"),
            ("train {x.y}", "`{x.y}` in `{x.y}` is no placeholder"),
            ("train {x[0]}", "is no placeholder"),
            ("train {x!r}", "is no placeholder"),
            ("train {x:{y}}", "is no placeholder"),
        ],
    )
    def test_refuses_a_malformed_command(self, command, told):
        with pytest.raises(VersionsError, match=told):
            CommandModel(command, Versions())

    def test_refuses_a_malformed_test_command(self):
        with pytest.raises(VersionsError, match="test_command: it is empty"):
            CommandModel("train", Versions(), test_command="")

    def test_refuses_other_versions(self):
        with pytest.raises(VersionsError, match="CommandModel: versions must be"):
            CommandModel("train", {})


class TestFiles:
    @pytest.fixture
    def project(self, tmp_path):
        project = tmp_path / "project"
        for name in (
            "train.py",
            "conf/a.yaml",
            "lib/deep/b.py",
            "lib/c.txt",
            "lib/.hidden",
            "lib/__pycache__/b.pyc",
            "pkg/__main__.py",
            ".venv/pyvenv.cfg",
            ".venv/bin/python",
            "models/train.py",
            "models/net.R",
        ):
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / "outside.py").touch()
        return project

    def files(self, project, command, **arguments):
        found = CommandModel(command, Versions(), **arguments).files(project / "models", project)
        assert all(path.is_absolute() for path in found)
        return [path.relative_to(project.parent).as_posix() for path in found]

    def test_are_the_project_files_that_the_command_names(self, project):
        command = "python ./train.py --config=conf/a.yaml --out {model_dir} missing.py lib"
        assert self.files(project, command) == ["project/conf/a.yaml", "project/train.py"]

    def test_are_looked_up_in_the_project_then_in_models_dir(self, project):
        assert self.files(project, "Rscript net.R train.py") == ["project/models/net.R", "project/train.py"]

    def test_include_modules_that_python_runs(self, project):
        assert self.files(project, "python -m train") == ["project/train.py"]
        assert self.files(project, "python -m pkg") == ["project/pkg/__main__.py"]

    def test_leave_out_what_is_no_project_code(self, project):
        assert self.files(project, f".venv/bin/python ../outside.py {sys.executable}") == []

    def test_survive_any_word(self, project):
        assert self.files(project, ["python", "-c", "x" * 5000 + "\0", ""]) == []

    def test_include_what_a_shell_command_names(self, project):
        assert self.files(project, "python train.py;cat<conf/a.yaml", shell=True) == [
            "project/conf/a.yaml",
            "project/train.py",
        ]

    def test_include_the_code_that_is_named(self, project):
        code = ["lib", "models/*.R", str(project / "conf" / "a.yaml"), "../outside.py"]
        assert self.files(project, "train", code=code) == [
            "outside.py",
            "project/conf/a.yaml",
            "project/lib/c.txt",
            "project/lib/deep/b.py",
            "project/models/net.R",
        ]

    def test_include_globs_over_all_folders_below(self, project):
        assert self.files(project, "train", code="lib/**/*.py") == ["project/lib/deep/b.py"]

    @pytest.mark.parametrize("code", ["missing.py", "missing/*.py", ["lib", "nothing"]])
    def test_that_are_named_but_missing_are_an_error(self, project, code):
        with pytest.raises(VersionsError, match=r'code: "(missing|nothing).*" names no file in'):
            self.files(project, "train", code=code)
