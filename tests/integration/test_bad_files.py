"""Settings and queue files with mistakes in them, at launch: a clear error, exit status 2, and nothing was touched."""

from __future__ import annotations

import pytest

GOOD = """
    from mlpipeline import FunctionModel, Versions

    versions = Versions()
    versions.add_version("only")
    MODEL = FunctionModel(lambda: {"a": 1}, versions)
"""

EXECUTION, TEST = ("-r",), ()

SETTINGS = [
    pytest.param(
        'models_dir = "models"\n[worker]\nstop_grace = "30 s\n',
        ["mlp.toml: line 3, column 19: not valid TOML", 'The line reads "stop_grace = '],
        id="syntax",
    ),
    pytest.param(
        'models_dir = "models"\n[worker]\nimport_timout = 5\n',
        ["mlp.toml: [worker] import_timout is unknown. Known: import_timeout", 'Did you mean "import_timeout"?'],
        id="unknown key",
    ),
    pytest.param(
        'models_dir = "models"\n[wroker]\nimport_timeout = 5\n',
        ["mlp.toml: [wroker] is unknown.", 'Did you mean "worker"?'],
        id="unknown table",
    ),
    pytest.param(
        'models_dir = "models"\n[worker]\nimport_timeout = "soon"\n',
        ['mlp.toml: [worker] import_timeout = "soon" is a text; expected a duration from 0.1 s'],
        id="wrong value",
    ),
    pytest.param(
        'models_dir = "model"\n',
        ['mlp.toml: models_dir = "model": there is no folder', 'Did you mean "models"?'],
        id="no such folder",
    ),
    pytest.param(b'models_dir = "models"\n# caf\xe9\n', ["mlp.toml: line 2 is not UTF-8"], id="not UTF-8"),
]

QUEUES = [
    pytest.param(
        'whitelisted_models = [\n    "good.py"\n    "other.py",\n]\n',
        ["line 3, column 5: not valid TOML", 'The line reads "\\"other.py\\","'],
        id="syntax",
    ),
    pytest.param(
        'whitelisted_model = ["good.py"]\n',
        ["whitelisted_model is unknown.", 'Did you mean "whitelisted_models"?'],
        id="unknown key",
    ),
    pytest.param(
        'whitelisted_models = ["good.py", 5]\n',
        ["whitelisted_models[1] = 5 is a number; expected a script"],
        id="wrong value",
    ),
    pytest.param(
        'whitelisted_models = [{ script = "good.py", version = ["only"] }]\n',
        ["whitelisted_models[0].version is unknown.", 'Did you mean "versions"?'],
        id="unknown key of an entry",
    ),
    pytest.param(
        'use_blacklist = "no"\nwhitelisted_models = ["good.py"]\n',
        ['use_blacklist = "no" is a text; expected true or false'],
        id="wrong flag",
    ),
    pytest.param("", ["whitelisted_models is missing"], id="empty"),
    pytest.param(None, ["there is none in", "Write one that lists your scripts"], id="missing"),
]


def refused(project, arguments, expected):
    done = project.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mlpipeline: ")
    assert "Traceback" not in done.stderr
    assert [text for text in expected if text not in done.stderr] == []
    assert not project.outputs.exists()


@pytest.mark.parametrize("arguments", [EXECUTION, TEST], ids=["execution", "test"])
@pytest.mark.parametrize(("content", "expected"), SETTINGS)
def test_a_mistake_in_mlp_toml_is_told(make_project, tmp_path, arguments, content, expected):
    project = make_project(tmp_path, {"good.py": GOOD})
    (project.root / "mlp.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(project, arguments, expected)


@pytest.mark.parametrize(("arguments", "name"), [(EXECUTION, "models.toml"), (TEST, "models_test.toml")])
@pytest.mark.parametrize(("content", "expected"), QUEUES)
def test_a_mistake_in_the_queue_of_a_mode_is_told(make_project, tmp_path, arguments, name, content, expected):
    project = make_project(tmp_path, {"good.py": GOOD})
    path = project.root / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    refused(project, arguments, [f"mlpipeline: {name}: ", *expected])


@pytest.mark.parametrize(("arguments", "other"), [(EXECUTION, "models_test.toml"), (TEST, "models.toml")])
def test_a_mistake_in_the_queue_of_the_other_mode_matters_to_nobody(make_project, tmp_path, arguments, other):
    project = make_project(tmp_path, {"good.py": GOOD})
    (project.root / other).write_text("this is no TOML")
    assert project.run(*arguments).returncode == 0


def test_what_looks_at_a_queue_with_a_mistake_shows_the_rest(make_project, tmp_path):
    project = make_project(tmp_path, {"good.py": GOOD})
    (project.root / "models.toml").write_text("this is no TOML")
    done = project.run("status")
    assert (done.returncode, done.stderr.startswith("mlpipeline: models.toml: line 1")) == (0, True)
    assert "no daemon is running" in done.stdout
