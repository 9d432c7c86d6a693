"""The shape of the code: imports point down, and loading it stays light."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mlpipeline"

#: Top to bottom. A module imports from its own package and from lower rows: neighbours in a row never meet.
LAYERS = [
    {"cli"},
    {"views"},
    {"daemon", "worker"},
    {"executors", "trackers"},
    {"pipelines"},
    {"history"},
    {"project"},
    {"authoring"},
    {"domain"},
    {"errors"},
]
ROWS = {package: row for row, packages in enumerate(LAYERS) for package in packages}

#: Ways in from outside, and what each opens. Nothing inside the package goes through them.
DOORS = {"__init__": {"authoring", "pipelines"}, "__main__": {"cli"}, "helper": {"authoring"}, "utils": {"authoring"}}

#: Imported only where they are used: they are slow to load.
HEAVY = {"numpy", "blake3", "cloudpickle", "pandas", "tensorboardX", "watchdog", "tomlkit", "pynvml"}

#: What `init` copies is a user's script, and no module.
TEMPLATE = PACKAGE / "project" / "template"
MODULES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py") if not path.is_relative_to(TEMPLATE))
PYTHON_FILES = sorted(
    path.relative_to(ROOT)
    for folder in ("mlpipeline", "tests", "examples")
    for path in (ROOT / folder).rglob("*.py")
    if "outputs" not in path.parts
)


def home(module: Path) -> str:
    """Return which layer or door a file such as `mlpipeline/daemon/loop.py` belongs to: `daemon`."""
    return module.parts[1].removesuffix(".py")


def imported(tree: ast.AST, module: Path) -> Iterator[tuple[str, int]]:
    """Yield every imported name in full, such as `mlpipeline.errors.ScriptError`, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            parents = module.parts[: len(module.parts) - node.level] if node.level else ()
            origin = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{origin}.{alias.name}", node.lineno


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield what is called by name, such as `print` or `sys.exit`, and its line; `raise X` calls X."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else node.exc if isinstance(node, ast.Raise) else None
        if isinstance(called, ast.Name | ast.Attribute):
            yield ast.unparse(called), node.lineno


def upward_imports(tree: ast.AST, module: Path) -> list[str]:
    """Return the imports in `module` that do not point down, as `file:line: why`."""
    here = home(module)
    if here not in ROWS and here not in DOORS:
        return [f"{module}: `{here}` is neither a layer nor a door: give it a row in LAYERS"]
    complaints = []
    for name, line in imported(tree, module):
        package, _, rest = name.partition(".")
        there = rest.partition(".")[0]
        if package != "mlpipeline" or rest == "__version__":
            continue
        below = DOORS.get(here) or {here, *(layer for layer, row in ROWS.items() if row > ROWS[here])}
        if there not in below:
            complaints.append(f"{module}:{line}: {here} imports {name}")
    return complaints


def forbidden_calls(tree: ast.AST, module: Path) -> list[str]:
    """Return where a module prints or exits that should not, as `file:line: what`.

    The command line alone talks to its user and ends the process. A worker, a process of its own, may do both
    too; `authoring` prints what a script asks it to.
    """
    allowed = {
        "cli": {"print", "exit"},
        "__main__": {"print", "exit"},
        "worker": {"print", "exit"},
        "authoring": {"print"},
    }.get(home(module), set())
    kinds = {"print": "print", "exit": "exit", "quit": "exit", "sys.exit": "exit", "SystemExit": "exit"}
    return [f"{module}:{line}: {name}" for name, line in calls(tree) if name in kinds and kinds[name] not in allowed]


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.AST]:
    """All modules: parsing them is most of what looking at them takes."""
    return {module: ast.parse((ROOT / module).read_text("utf-8")) for module in MODULES}


def test_imports_point_down(trees):
    assert [complaint for module, tree in trees.items() for complaint in upward_imports(tree, module)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mlpipeline/domain/plan.py", "from mlpipeline.history.journal import Journal"),
        ("mlpipeline/domain/plan.py", "def f():\n    import mlpipeline.project.paths"),
        ("mlpipeline/daemon/loop.py", "from mlpipeline.worker import attempt"),
        ("mlpipeline/daemon/loop.py", "from ..worker import attempt"),
        ("mlpipeline/executors/local.py", "from mlpipeline import trackers"),
        ("mlpipeline/worker/attempt.py", "from mlpipeline.helper import Model"),
        ("mlpipeline/worker/attempt.py", "from mlpipeline import Model"),
        ("mlpipeline/errors.py", "import mlpipeline.domain"),
        ("mlpipeline/utils.py", "from mlpipeline.domain.runs import Outcome"),
        ("mlpipeline/misc/things.py", ""),
    ],
)
def test_an_import_that_points_up_or_sideways_is_found(module, source):
    assert len(upward_imports(ast.parse(source), Path(module))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "mlpipeline/cli/main.py",
            "from mlpipeline import __version__\nfrom mlpipeline.daemon.loop import run",
        ),
        ("mlpipeline/daemon/loop.py", "from mlpipeline import errors\nfrom . import recovery"),
        ("mlpipeline/worker/attempt.py", "import json\nfrom mlpipeline.authoring.model import Model"),
        ("mlpipeline/helper.py", "from mlpipeline.authoring.model import Model"),
    ],
)
def test_an_import_that_points_down_is_fine(module, source):
    assert upward_imports(ast.parse(source), Path(module)) == []


@pytest.mark.parametrize("door", ["helper", "utils"])
def test_a_door_holds_imports_and_all_and_nothing_else(door):
    docstring, *body = ast.parse((PACKAGE / f"{door}.py").read_text("utf-8")).body
    rest = [ast.unparse(line) for line in body if not isinstance(line, ast.ImportFrom)]
    assert isinstance(docstring, ast.Expr)
    assert [line.partition(" = ")[0] for line in rest] == ["__all__"]


def test_only_the_command_line_prints_and_exits(trees):
    assert [complaint for module, tree in trees.items() for complaint in forbidden_calls(tree, module)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("mlpipeline/views/table.py", "print('done')"),
        ("mlpipeline/daemon/loop.py", "import sys\nsys.exit(1)"),
        ("mlpipeline/project/settings.py", "raise SystemExit"),
        ("mlpipeline/authoring/model.py", "raise SystemExit(2)"),
    ],
)
def test_a_print_or_an_exit_elsewhere_is_found(module, source):
    assert len(forbidden_calls(ast.parse(source), Path(module))) == 1


def test_click_is_known_to_the_command_line_only(trees):
    users = {
        home(module)
        for module, tree in trees.items()
        for name, _ in imported(tree, module)
        if name.partition(".")[0] == "click"
    }
    assert users <= {"cli"}


def test_toml_is_the_only_settings_format():
    other = re.compile(r"^\s*(import|from) configparser\b", re.M)
    assert [path for path in PYTHON_FILES if other.search((ROOT / path).read_text("utf-8"))] == []


def loaded_by(*modules: str) -> dict[str, list[str]]:
    """Import `modules` one by one in a fresh Python; return which of HEAVY and psutil each brought in."""
    script = (
        "import importlib, json, sys\n"
        f"heavy, brought = {sorted({*HEAVY, 'psutil'})!r}, {{}}\n"
        "for module in sys.argv[1:]:\n"
        "    before = set(sys.modules)\n"
        "    importlib.import_module(module)\n"
        "    brought[module] = [name for name in heavy if name in set(sys.modules) - before]\n"
        "print(json.dumps(brought))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *modules],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", ["mlpipeline", "mlpipeline.helper", "mlpipeline.utils", "mlpipeline.cli.main"])
def test_what_people_import_and_type_all_day_is_light(module):
    assert loaded_by(module) == {module: []}


def test_no_module_loads_anything_heavy_before_it_is_used():
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in MODULES]
    brought = loaded_by(*[name for name in names if not name.endswith("__main__")])
    assert {name: heavy for name, loaded in brought.items() if (heavy := HEAVY.intersection(loaded))} == {}
