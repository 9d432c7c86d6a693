import tomllib
from pathlib import Path

import pytest

from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.resources import Resources
from mlpipeline.errors import SettingsError
from mlpipeline.project.settings import (
    KNOWN_KEYS,
    Settings,
    find_project,
    host_name,
    load_settings,
    looks_secret,
)

EXAMPLE = Path(__file__).parents[3] / "mlp.toml.example"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "models").mkdir()
    return tmp_path


def load(root, text):
    (root / "mlp.toml").write_text(text)
    return load_settings(root)


def error_of(call, *arguments):
    with pytest.raises(SettingsError) as caught:
        call(*arguments)
    return str(caught.value)


def test_an_empty_file_means_every_default(root):
    assert load(root, "") == Settings(root=root, models_dir=root / "models")


def test_every_setting_is_read(root):
    (root / "other").mkdir()
    text = """
        models_dir = "other"
        [queue]
        hold_after = 0
        retry_delay = 0.5
        test_first = true
        test_timeout = 0
        min_free_disk = "1.5GiB"
        [versions]
        timeout = "8h"
        resources = { gpus = 1 }
        retries = { lost = 2 }
        [worker]
        import_timeout = 0.5
        stop_grace = 0
        [record]
        tensorboard = false
        environment_variables = ["SLURM_JOB_ID", "HOSTTYPE"]
        [notify]
        command = ["mail", "me"]
        timeout = "1min 30s"
    """
    assert load(root, text) == Settings(
        root=root,
        models_dir=root / "other",
        hold_after=0,
        retry_delay_s=0.5,
        is_test_first=True,
        test_timeout_s=0,
        min_free_disk_bytes=1_610_612_736,
        conditions=Conditions(
            resources=Resources(gpus=1), timeout_s=28800, silence_s=0, stop_if_diverged=False, retries={"lost": 2}
        ),
        import_timeout_s=0.5,
        stop_grace_s=0,
        notify_command=("mail", "me"),
        notify_timeout_s=90,
        tensorboard=False,
        environment_variables=("SLURM_JOB_ID", "HOSTTYPE"),
    )


def test_the_example_holds_every_setting_with_its_default(root):
    text = EXAMPLE.read_text()
    assert load(root, text) == Settings(root=root, models_dir=root / "models")
    held = tomllib.loads(text)
    keys = {"": tuple(key for key, value in held.items() if not isinstance(value, dict))}
    keys |= {key: tuple(value) for key, value in held.items() if isinstance(value, dict)}
    assert keys == KNOWN_KEYS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[notify]\ncommand = " "',
            'mlp.toml: [notify] command = " " is a text; expected a text that the shell runs, or a list such as '
            '["notify-send", "mlpipeline"].',
        ),
        (
            "[notify]\ncommand = 3",
            "mlp.toml: [notify] command = 3 is a number; expected a text that the shell runs, or a list such as "
            '["notify-send", "mlpipeline"].',
        ),
        (
            "[worker]\nimport_timeuot = 1",
            "mlp.toml: [worker] import_timeuot is unknown. Known: import_timeout, stop_grace, warm, warm_parents, "
            'never_warm. Did you mean "import_timeout"?',
        ),
        (
            'model_dir = "models"',
            "mlp.toml: model_dir is unknown. Known: models_dir, queue, versions, worker, record, notify. "
            'Did you mean "models_dir"?',
        ),
        (
            "[workers]\nstop_grace = 1",
            "mlp.toml: [workers] is unknown. Known: models_dir, queue, versions, worker, record, notify. "
            'Did you mean "worker"?',
        ),
        (
            "stop_grace = 1",
            "mlp.toml: stop_grace is in the wrong place. It belongs below the line [worker].",
        ),
        (
            '[worker]\nmodels_dir = "models"',
            "mlp.toml: [worker] models_dir is in the wrong place. "
            "It belongs at the top of the file, above the first [table].",
        ),
        (
            '[worker]\nimport_timeout = "soon"',
            'mlp.toml: [worker] import_timeout = "soon" is a text; expected a duration from 0.1 s to a year, such as '
            '"8h", "30min" or "90s", or a number of seconds.',
        ),
        (
            "[record]\ntensorboard = 1",
            "mlp.toml: [record] tensorboard = 1 is a number; expected true or false, without quotes.",
        ),
        (
            "worker = 3",
            "mlp.toml: worker = 3 is a number; expected a table: a line [worker] with its settings below.",
        ),
        (
            "models_dir = models",
            'mlp.toml: line 1, column 14: not valid TOML: Invalid value. The line reads "models_dir = models".',
        ),
    ],
)
def test_a_wrong_file_says_what_is_wrong(root, text, message):
    assert error_of(load, root, text) == message


def test_models_dir_may_be_absolute_or_below_home(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root))
    assert load(root, f'models_dir = "{root}/models"').models_dir == root / "models"
    assert load(root, 'models_dir = "~/models"').models_dir == root / "models"
    assert load(root, 'models_dir = "."').models_dir == root


def test_models_dir_is_one_folder_however_it_is_reached(root):
    (root / "link").symlink_to("models")
    assert load(root, 'models_dir = "link"').models_dir == root / "models"
    assert load(root, 'models_dir = "../' + root.name + '/models"').models_dir == root / "models"


def test_a_missing_models_dir_names_the_nearest_folder(root):
    assert error_of(load, root, 'models_dir = "modles"') == (
        f'mlp.toml: models_dir = "modles": there is no folder {root}/modles. Make it, or name the folder of your '
        'model scripts. Did you mean "models"?'
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("file.py", "is a file"),
        ("circle", "cannot be used"),
        ("~nobody-of-this-name/models", "cannot be used"),
        (r"mod\u0000els", "cannot be used"),
        ("", "not empty"),
    ],
)
def test_a_models_dir_that_is_no_folder_is_an_error(root, value, reason):
    (root / "file.py").touch()
    (root / "circle").symlink_to("circle")
    message = error_of(load, root, f'models_dir = "{value}"')
    assert message.startswith("mlp.toml: models_dir = ")
    assert reason in message


def test_a_folder_in_place_of_the_file_is_an_error(root):
    (root / "mlp.toml").mkdir()
    assert find_project(root) == root
    assert error_of(load_settings, root) == "mlp.toml: this is a folder; expected a TOML file."


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "GITHUB_TOKEN", "db_password", "MY_SECRETS", "CREDENTIALS_FILE"])
def test_names_of_secrets_are_refused(root, name):
    message = error_of(load, root, f'[record]\nenvironment_variables = ["HOSTTYPE", "{name}"]')
    assert message.startswith(f'mlp.toml: [record] environment_variables[1] = "{name}" looks like a secret.')


@pytest.mark.parametrize("name", ["SENTRY_DSN", "MYSQL_PWD", "DB_PASS", "REDISCLI_AUTH", "GITLAB_PAT", "PGPASSWORD"])
def test_short_words_for_secrets_are_known(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "PATH", "PYTHONPATH", "GIT_AUTHOR_NAME", "COMPASS_SIDE"])
def test_words_within_other_words_are_no_secrets(name):
    assert not looks_secret(name)


@pytest.mark.parametrize("name", ["$HOME", "A=B", "SLURM_*", "two words", "1ST"])
def test_what_cannot_name_an_environment_variable_is_refused(root, name):
    message = error_of(load, root, f'[record]\nenvironment_variables = ["{name}"]')
    assert "is no name of an environment variable" in message


def test_the_nearest_project_upward_is_found(root):
    deep = root / "models" / "cnn"
    deep.mkdir()
    (root / "mlp.toml").touch()
    assert find_project(deep) == root
    (root / "models" / "mlp.toml").touch()
    assert find_project(deep) == root / "models"


def test_a_project_reached_by_a_link_is_the_same_project(root):
    (root / "real").mkdir()
    (root / "real" / "mlp.toml").touch()
    (root / "link").symlink_to("real")
    assert find_project(root / "link") == root / "real"


def test_no_project_says_where_it_looked_and_what_to_do(root):
    message = error_of(find_project, root / "models")
    assert message.startswith(f"mlp.toml: there is none in {root}/models or in a folder above it.")
    assert message.endswith("or begin one: mlpipeline init DIR")
    assert "-C DIR" in message


def test_a_start_that_is_no_folder_is_an_error(root):
    (root / "file").touch()
    assert "is a file" in error_of(find_project, root / "file")
    assert "No such file" in error_of(find_project, root / "gone")
    assert "cannot be used as the project folder" in error_of(find_project, Path("a\0b"))


def test_a_link_that_leads_nowhere_is_still_the_settings_of_its_folder(root):
    (root / "mlp.toml").symlink_to("gone")
    assert find_project(root) == root
    assert "cannot be read: No such file" in error_of(load_settings, root)


def test_a_project_of_v1_is_told_what_to_write_even_below_another_project(root):
    (root / "mlp.toml").touch()
    old = root / "old"
    old.mkdir()
    (old / "mlp.config").write_text("[MLP]\nmodels_dir=scripts\n")
    message = error_of(find_project, old)
    assert message.startswith(f"mlp.toml: there is none in {old}.\n")
    assert 'models_dir = "scripts"' in message


@pytest.mark.parametrize(
    ("given", "machine", "host"),
    [
        (None, "box1", "box1"),
        ("box2", "box1", "box2"),
        ("", "box1", "box1"),
        (" ", "box1", "box1"),
        ("a/b\\c\nd", "box1", "a-b-c-d"),
        ("..", "box1", "--"),
        (".hidden.host", "box1", "-hidden.host"),
        ("caf\udce9", "box1", "caf-"),
        ("my box \N{ROCKET}", "box1", "my box \N{ROCKET}"),
        (None, "", "localhost"),
        ("x" * 64, "box1", "x" * 64),
    ],
)
def test_the_host_is_named_fit_for_a_file_name(given, machine, host):
    assert host_name({} if given is None else {"MLP_HOST": given}, machine) == host


def test_long_host_names_are_cut_between_characters_and_stay_apart():
    one, other = (host_name({"MLP_HOST": "é" * 60 + end}, "box1") for end in "ab")
    assert one != other
    assert all(len(name.encode()) <= 64 and name.startswith("é" * 27 + "-") for name in (one, other))
