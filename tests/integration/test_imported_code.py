"""What a script finds around it when it is imported, and that a run uses the code as it was when it started."""

from __future__ import annotations

import json

import pytest
from support import GATE_SOURCE, Gate

WORLD = """
import copyreg, dataclasses, multiprocessing, os, pickle, sys
from pathlib import Path

import _beside
from mlpipeline import FunctionModel, Versions

TEXT = (Path(__file__).parent / "data.txt").read_text()

@dataclasses.dataclass
class Point:
    x: int
    y: "list[int]" = dataclasses.field(default_factory=list)

def double(point):
    return Point(point.x * 2, [os.getppid()])

def in_children(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        return [point.x for point in pool.map(double, [Point(1), Point(2)])]

def train(method):
    return {
        "name": __name__,
        "file": __file__,
        "main": sys.modules["__main__"].__name__ + ":" + str(sys.modules["__main__"].__spec__.name),
        "path": sys.path[:3],
        "argv": sys.argv,
        "cwd": os.getcwd(),
        "text": TEXT,
        "beside": _beside.WHERE,
        "pickled": dataclasses.asdict(pickle.loads(pickle.dumps(Point(3)))),
        "children": in_children(method),
    }

versions = Versions()
for method in ("spawn", "fork", "forkserver"):
    versions.add_version(method, method=method)
MODEL = FunctionModel(train, versions)
"""


@pytest.mark.parametrize("folder", ["", "cnn/"], ids=["at the top", "in a sub-folder"])
def test_a_script_finds_itself_its_neighbours_and_its_children_find_it(make_project, tmp_path, folder):
    project = make_project(
        tmp_path,
        {f"{folder}net.py": WORLD, f"{folder}_beside.py": "WHERE = __file__", f"{folder}data.txt": "as it is\n"},
        test_queue=[{"script": f"{folder}net.py", "versions": ["spawn"]}],
    )
    done = project.run("-r")
    assert done.returncode == 0, project.log
    home = (project.models_dir / folder).resolve()
    path = [str(project.models_dir), str(project.root), *([str(home)] if folder else [])]
    for run in json.loads(project.run("runs", "--json").stdout):
        results = run["results"]
        assert results.pop("path")[: len(path)] == path
        assert results == {
            "name": "net",
            "file": str(home / "net.py"),
            "main": "__main__:mlpipeline.worker.__main__",
            "argv": [str(home / "net.py")],
            "cwd": str(project.root),
            "text": "as it is\n",
            "beside": str(home / "_beside.py"),
            "pickled": {"x": 3, "y": []},
            "children": [2, 4],
        }
    assert project.run().returncode == 0
    assert project.processes() == []


def test_a_run_uses_the_code_as_it_was_when_it_started(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    script = f"""
    import subprocess, sys
    from _gate import wait_for
    from mlpipeline import FunctionModel, Versions

    def train(run):
        wait_for({str(gate)!r})
        import _changed, _deleted
        from _package import inner
        seen = {{"changed": _changed.VALUE, "deleted": _deleted.VALUE, "inner": inner.VALUE}}
        seen["child"] = subprocess.check_output([sys.executable, "-Bc", "import _changed; print(_changed.VALUE)"],
                                                env={{"PYTHONPATH": "models"}}, text=True)
        run.log(f"it sees {{seen}}")
        _changed.fail()

    versions = Versions()
    versions.add_version("only")
    MODEL = FunctionModel(train, versions)
    """
    changed = """
    VALUE = "old"

    def fail():
        raise RuntimeError("as it was")  # the old line
    """
    project = make_project(
        tmp_path,
        {
            "_gate.py": GATE_SOURCE,
            "net.py": script,
            "_changed.py": changed,
            "_deleted.py": 'VALUE = "kept"',
            "_package/__init__.py": "",
            "_package/inner.py": 'VALUE = "inner"',
        },
        ["net.py"],
    )
    started = project.start("-r")
    gate.wait_reached()
    project.write_script("_changed.py", "# new\n\n\n\nVALUE = 'new'\ndef fail(): pass\n")
    (project.models_dir / "_deleted.py").unlink()
    (project.models_dir / "_package" / "inner.py").write_text("syntax error")
    project.write_script("net.py", "# edited\n" * 40)
    gate.open()
    assert started.wait(30) == 1
    seen = {"changed": "old", "deleted": "kept", "inner": "inner", "child": "new\n"}
    assert f"it sees {seen}" in project.log
    # The traceback shows the lines that ran, not those that stand in the files by now.
    assert 'raise RuntimeError("as it was")  # the old line' in project.log
    assert "    _changed.fail()" in project.log
    assert "# edited" not in project.log

    (selected,) = [event for event in project.history() if event["event"] == "selected"]
    code = project.outputs / "code" / selected["code"]
    stored = {path.relative_to(code).as_posix() for path in code.rglob("*.py")}
    assert stored == {
        f"project/models/{name}"
        for name in ("_gate.py", "net.py", "_changed.py", "_deleted.py", "_package/__init__.py", "_package/inner.py")
    }
    assert 'VALUE = "old"' in (code / "project/models/_changed.py").read_text()
    assert "MODEL = FunctionModel" in (code / "project/models/net.py").read_text()
    # Nothing of ours lies about among the scripts.
    assert not list(project.models_dir.glob("**/__pycache__"))
