"""Listed scripts that cannot be used, or misbehave while they are imported: each costs itself alone."""

from __future__ import annotations

import re

import pytest
from support import GATE_SOURCE, Gate, wait_until

GOOD = """
from mlpipeline import FunctionModel, Versions

versions = Versions()
versions.add_version("only")
MODEL = FunctionModel(lambda: {"a": 1}, versions)
"""

#: What cannot be used: its source, what the log says of it, and what the traceback below that shows.
UNUSABLE = {
    "empty.py": ("", "is empty; expected a script that sets MODEL.", []),
    "syntax.py": (
        "x = 1\ndef f(:\n    pass\n",
        'line 2: syntax error: invalid syntax. The line reads "def f(:".',
        [],
    ),
    "raises.py": (
        "def load():\n    raise ValueError('no data')\nload()\n",
        "cannot be imported: ValueError: no data",
        ['raises.py", line 2, in load', "    raise ValueError('no data')", "ValueError: no data"],
    ),
    "below.py": ("import _broken\n", "cannot be imported: SyntaxError: invalid syntax (", ["    import _broken"]),
    "deep.py": (
        "import _divides\n",
        "cannot be imported: ZeroDivisionError: division by zero",
        ['deep.py", line 1, in <module>', '_divides.py", line 3, in below', "ZeroDivisionError"],
    ),
    "missing_module.py": (
        "import no_such_thing\n",
        "cannot be imported: ModuleNotFoundError: No module named 'no_such_thing'",
        ["    import no_such_thing"],
    ),
    "base.py": (
        "class Odd(BaseException):\n    def __str__(self):\n        raise RuntimeError\nraise Odd\n",
        "cannot be imported: base.Odd: <exception str() failed>",
        ['base.py", line 4'],
    ),
    "interrupt.py": (
        "raise KeyboardInterrupt\n",
        "the process that imported it ended with exit status 130 before the import was over",
        ['interrupt.py", line 1', "KeyboardInterrupt"],
    ),
    "exits.py": ("import sys\nsys.exit(3)\n", "called sys.exit(3) while it was imported", ["    sys.exit(3)"]),
    "gone.py": (
        "import os\nprint('on my way')\nos._exit(0)\n",
        "the process that imported it ended with exit status 0 before the import was over",
        ["on my way"],
    ),
    "faulty.py": (
        "import ctypes\nctypes.string_at(0)\n",
        "the process that imported it was killed by SIGSEGV before the import was over",
        ["Fatal Python error: Segmentation fault", 'faulty.py", line 2 in <module>'],
    ),
    "no_model.py": ("x = 1\n", "sets no MODEL. Set it to a Model, a FunctionModel, a CommandModel or a Pipeline.", []),
    "kind.py": (
        "from mlpipeline import FunctionModel as MODEL\n",
        "MODEL is the class FunctionModel; it must be an object of Model, FunctionModel, CommandModel or Pipeline.",
        [],
    ),
    "text.py": ("MODEL = 'net'\n", "MODEL is a str; it must be an object of Model,", []),
    "no_versions.py": (
        "from mlpipeline import FunctionModel, Versions\nMODEL = FunctionModel(print, Versions())\n",
        'there are no versions. Define one: `versions.add_version("first")`.',
        [],
    ),
    "folder.py": (None, "is a folder; expected a Python file.", []),
    "data.csv": ("1,2", 'is not a Python file; expected a name that ends in ".py".', []),
    "latin.py": (b"x = 1\n\n\nname = 'caf\xe9'\n", "line 4 is not UTF-8 (byte 0xe9)", []),
    "latin_start.py": (b"name = 'caf\xe9'\n", "line 1 is not UTF-8 (byte 0xe9)", []),
    "god.py": (..., 'does not exist in models_dir ({models}). Did you mean "good.py"?', []),
    "../outside.py": (..., "is outside models_dir ({models}). Move it there, or a link to it.", []),
}

HELPERS = {"_broken.py": "def f(:\n", "_divides.py": "def below():\n    # the cause\n    return 1 / 0\nbelow()\n"}


def write(project, name, content):
    path = project.models_dir / name
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not ...:
        path.write_text(content)


def unusable_project(make_project, tmp_path, names):
    queue = [*names, "good.py"]
    project = make_project(tmp_path, {**HELPERS, "good.py": GOOD}, queue, queue)
    for name in names:
        write(project, name, UNUSABLE[name][0])
    return project


def blocks(log):
    """What the log says of each thing: its first line, and the lines up to the next thing."""
    found: dict[str, list[str]] = {}
    for line in log.splitlines():
        text = line[len("2026-01-01 00:00:00 ") :]
        head = re.match(r"(\S+?): (.*)", text)
        if head and head[1] in UNUSABLE:
            assert head[1] not in found, f"{head[1]} is told twice"
            lines = found[head[1]] = [head[2]]
        elif found:
            lines.append(text)
    return found


def test_each_unusable_script_is_told_once_with_its_own_traceback_and_the_rest_runs(make_project, tmp_path):
    project = unusable_project(make_project, tmp_path, list(UNUSABLE))
    done = project.run("-r")
    told = blocks(project.log)
    assert done.returncode == 1
    assert "good:only succeeded" in project.log
    assert f"1 version: 1 to run; {len(UNUSABLE)} cannot be used" in project.log
    assert f"mlpipeline ends: 1 succeeded, {len(UNUSABLE)} could not be used" in project.log
    assert list(UNUSABLE) == [line.split()[0] for line in done.stdout.splitlines() if "cannot be used  " in line]
    for name, (_, expected, traceback) in UNUSABLE.items():
        head, *lines = told[name]
        assert expected.format(models=project.models_dir) in head, name
        assert [line for line in traceback if line not in "\n".join(lines)] == [], name
    foreign = [line for line in project.log.splitlines() if "importlib" in line or "/mlpipeline/worker/" in line]
    assert foreign == []
    assert project.processes() == []


@pytest.mark.parametrize("name", ["below.py", "deep.py", "exits.py", "base.py", "faulty.py", "god.py", "gone.py"])
def test_test_mode_stops_at_an_unusable_script_with_its_own_traceback(make_project, tmp_path, name):
    project = unusable_project(make_project, tmp_path, [name])
    done = project.run()
    _, expected, traceback = UNUSABLE[name]
    assert done.returncode == 1
    assert f"mlpipeline: {name}: {expected.format(models=project.models_dir)}" in done.stderr
    assert [line for line in traceback if line not in done.stderr + done.stdout] == []
    assert done.stderr.count("Traceback (most") <= 1
    assert "good:only" not in done.stdout
    assert not project.outputs.exists()
    if name != "faulty.py":  # what Python itself writes when it dies is not ours to shorten
        assert "importlib" not in done.stderr
        assert "/mlpipeline/worker/" not in done.stderr


def test_a_script_that_builds_other_versions_each_time_fails_as_bad_script(make_project, tmp_path):
    names = GOOD.replace('"only"', 'f"at_{time.time_ns()}"')
    values = GOOD.replace('("only")', '("only", at=time.time_ns())').replace("lambda:", "lambda at:")
    project = make_project(tmp_path, {"names.py": f"import time\n{names}", "values.py": f"import time\n{values}"})
    assert project.run("-r").returncode == 1
    ended = [event for event in project.history() if event["event"] == "ended"]
    assert [(event["outcome"], event["failure"]) for event in ended] == [("failed", "bad_script")] * 2
    assert re.search(r'names\.py: has no version "at_\d+" any more', ended[0]["error"])
    assert 'version "only" has other parameters than when it was described: at.' in ended[1]["error"]
    assert "A script must build the same versions every time it is imported." in ended[1]["error"]


@pytest.mark.parametrize("arguments", [("-r",), ("-r", "--watch")], ids=["this launch", "watching"])
def test_what_is_mended_while_the_queue_runs_is_taken_up(make_project, tmp_path, arguments):
    gate = Gate(tmp_path / "gate")
    held = GOOD.replace("lambda:", f"lambda: __import__('_gate').wait_for({str(gate)!r}) or")
    lacks = f"import _later\nopen('data.csv')\n{GOOD}"
    project = make_project(
        tmp_path, {"_gate.py": GATE_SOURCE, "held.py": held, "typo.py": f"def f(:\n{GOOD}", "lacks.py": lacks}
    )
    started = project.start(*arguments)
    gate.wait_reached()
    assert "typo.py: line 1: syntax error" in project.log
    assert "lacks.py: cannot be imported: ModuleNotFoundError" in project.log
    project.write_script("typo.py", GOOD)
    project.write_script("_later.py", "")
    if "--watch" in arguments:
        gate.open()
        wait_until(lambda: "No such file or directory" in project.log, message=lambda: project.log)
    (project.root / "data.csv").touch()
    gate.open()
    for name in ("held", "typo", "lacks"):
        wait_until(lambda name=name: f"{name}:only succeeded" in project.log, message=lambda: project.log)
    if "--watch" in arguments:
        started.terminate()
    assert started.wait(30) == (143 if "--watch" in arguments else 0)
