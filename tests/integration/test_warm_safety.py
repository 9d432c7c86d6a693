"""What is not safe to fork starts fresh, and `worker.json` says why."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import STRAY_SOURCE, Gate, wait_until
from warm import IN_PARENT, WarmProject, script

from mlpipeline.executors.how import NOT_WARM
from mlpipeline.executors.never_forked import NEVER_FORKED


@dataclass(frozen=True, kw_only=True)
class Case:
    """A script, and how its second run is started."""

    how: str
    #: What the packages are that it may import, by name.
    packages: Mapping[str, str] = field(default_factory=dict)
    #: Its first lines, and its training.
    before: str = ""
    body: str = "pass"


def unsafe(source: str, why: str) -> Case:
    """A script whose package does something that is not safe to fork after; `{name}` is the package."""
    return Case(packages={"{name}": source}, before="import {name}", how=f"fresh: {why}")


def changing(change: str, what: str | None = None) -> Case:
    """A script that changes something between its imports of two packages, or after the last one."""
    how = f"fresh: the script changes {what} before it imports {{name}}_late" if what else "warm"
    # What the standard library and mlpipeline import later, on their own, is none of the script's doing; nor is what
    # a package changes.
    library = "import os, sys, warnings; os.environ['BY_LIBRARY'] = '1'; warnings.simplefilter('once')"
    body = "import wave, colorsys; run.log_metrics({'loss': 0.5}); run.log('done', log_to_file=True)"
    late = "\nimport {name}_late" if what else ""
    packages = {"{name}": library, "{name}_late": ""}
    return Case(packages=packages, before=f"import {{name}}\n{change}{late}", body=body, how=how)


CHANGES = {
    "the environment": "import os; os.environ['LATE'] = '1'",
    "sys.path": "import sys; sys.path.append('/nowhere')",
    "the warning filters": "import warnings; warnings.simplefilter('ignore')",
}

CASES = {
    "thread": unsafe(
        "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "importing started 1 thread",
    ),
    "process": unsafe(
        "import os, subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)",
        "importing started a process",
    ),
    "daemon": unsafe(f"import os, time{STRAY_SOURCE}", "importing started a process"),
    "cuda": unsafe(
        """
        import mmap, pathlib
        path = pathlib.Path(__file__).with_name("libcuda.so.1")
        path.write_bytes(bytes(4096))
        with path.open("rb") as file:
            MAPPED = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)
        """,
        "the CUDA driver is loaded",
    ),
    "locale": unsafe("import locale; locale.setlocale(locale.LC_ALL, 'C')", "importing changed the locale"),
    "handler": unsafe(
        "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "importing changed the signal handlers"
    ),
    "folder": unsafe("import os; os.chdir('/')", "importing changed the working directory"),
    "umask": unsafe("import os; os.umask(0o077)", "importing changed the umask"),
    "path": unsafe("import sys; sys.path.insert(0, '/nowhere')", "importing changed the sys.path"),
    "temporary": unsafe(
        "import atexit, shutil, tempfile; FOLDER = tempfile.mkdtemp(); atexit.register(shutil.rmtree, FOLDER)",
        "importing made a temporary folder",
    ),
    "random": unsafe("import random; random.random()", "importing {name} draws random numbers"),
    "generator": unsafe("import random; OWN = random.Random()", "importing {name} draws random numbers"),
    "arrays": unsafe("import numpy; OWN = numpy.random.default_rng()", "importing {name} draws random numbers"),
    "unique": unsafe("import uuid; ID = uuid.uuid4()", "importing {name} draws random numbers"),
    "entropy": unsafe("import os; ID = os.urandom(3)", "importing {name} draws random numbers"),
    "run": unsafe("import os; RUN = os.environ.get('MLP_RUN_ID')", "importing {name} reads MLP_RUN_ID"),
    "gpus": unsafe(
        "import os; GPUS = os.environ.get('CUDA_VISIBLE_DEVICES')", "importing {name} reads CUDA_VISIBLE_DEVICES"
    ),
    "inner": Case(
        packages={"outer": "import inner_of_it", "inner_of_it": "import uuid; ID = uuid.uuid4()"},
        before="import outer",
        how="fresh: importing outer imports inner_of_it, which draws random numbers",
    ),
    "seeded": Case(packages={"seeded": "import random; OWN = random.Random(7)"}, before="import seeded", how="warm"),
    **{
        f"never_{package}": Case(packages={package: ""}, before=f"import {package}", how=f"fresh: {package} {why}")
        for package, why in (
            *((name, "does not survive a fork") for name in NEVER_FORKED),
            ("delicate", "is in never_warm"),
        )
    },
    **{f"before_{index}": changing(change, what) for index, (what, change) in enumerate(CHANGES.items())},
    **{f"after_{index}": changing(change) for index, change in enumerate(CHANGES.values())},
    "late": Case(
        packages={"{name}": ""},
        body="import os; os.environ['DEVICE'] = str(number); import {name}",
        how="fresh: the script changes the environment before it imports {name}",
    ),
    # TensorBoard's library, which mlpipeline imports for the first metric, changes the environment.
    "after_metrics": Case(
        packages={"{name}": "", "{name}_late": ""},
        before="import {name}",
        body="run.log_metrics({'loss': 0.5}); import {name}_late",
        how="warm",
    ),
    "plugins": Case(
        packages={"{name}": "import _hooks"},
        before="import {name}",
        how="fresh: importing {name} imports project code, {models_dir}/_hooks.py",
    ),
}


@pytest.fixture
def warm(make_project: Callable[..., Any], tmp_path: Path) -> WarmProject:
    return WarmProject(make_project, tmp_path)


def test_what_is_not_safe_to_fork_starts_fresh_and_says_why(warm: WarmProject):
    scripts, expected = {}, {}
    models_dir = warm.models_dir
    for case_name, case in CASES.items():
        name = f"case_{case_name}"
        for package, source in case.packages.items():
            warm.install(package.format(name=f"{name}_package"), source)
        before, body, how = (
            text.replace("{name}", f"{name}_package").replace("{models_dir}", str(models_dir))
            for text in (case.before, case.body, case.how)
        )
        scripts[name] = script(body, before=before)
        expected[case_name] = how
    warm.write(script(), settings='never_warm = ["delicate"]', _hooks="", **scripts)
    # All first versions before all second ones, which so know what there is to be learned.
    queue = [{"script": f"{name}.py", "versions": [version]} for version in ("v0", "v1") for name in scripts]
    warm.project.write_queue(queue)
    warm.run("-j", "3", env={"LC_ALL": "C.UTF-8"})
    assert {name: warm.how("v1", f"case_{name}") for name in CASES} == expected
    # What an import started is gone with the process that was not forked from.
    assert warm.project.processes() == []


def test_that_a_run_starts_fresh_after_all_is_logged_once(warm: WarmProject):
    source, why = "import os; os.umask(0o077)", "importing changed the umask"
    warm.install("library", source)
    warm.write(script(before="import library", count=4))
    warm.run()
    assert [warm.how(f"v{number}") for number in (1, 2, 3)] == [f"fresh: {why}"] * 3
    assert warm.log_of("v1")[1] == f"starts fresh, not warm: {why}"
    assert warm.project.log.count("starts fresh") == 1


@pytest.mark.parametrize(
    ("source", "settings", "why", "parents"),
    [
        ("", 'never_warm = ["library"]', "library is in never_warm", 0),
        ("import os; os.umask(0o077)", "", "importing changed the umask", 1),
    ],
)
def test_what_is_known_not_to_be_safe_costs_no_warm_parent(warm: WarmProject, source, settings, why, parents):
    imported = warm.outside / "imported"
    warm.install("library", f"{IN_PARENT}open({str(imported)!r}, 'a').write('x')\n{source}")
    warm.write(script(before="import library"), settings=settings)
    for _ in range(2):
        warm.run()
        assert warm.how("v1") == f"fresh: {why}"
        assert (imported.read_text() if imported.exists() else "") == "x" * parents


def test_threads_that_their_library_starts_again_after_a_fork_are_safe(warm: WarmProject):
    body = "numpy.ones((500, 500)) @ numpy.ones((500, 500)); return {'tasks': len(os.listdir('/proc/self/task'))}"
    warm.write(script(body, before="import os\nimport numpy", count=2))
    warm.run(env={"OPENBLAS_NUM_THREADS": "2"})
    assert warm.how("v1") == "warm"
    assert json.loads((warm.attempt("v1") / "result.json").read_text())["results"] == {"tasks": 2}


def test_a_thread_that_only_tidies_up_is_safe_to_do_without(warm: WarmProject):
    body = """
    table = pyarrow.table({"x": range(100_000)})
    return {"rows": table.filter(pyarrow.compute.greater(table["x"], 4)).num_rows}
    """
    warm.write(script(body, before="import pyarrow.compute", count=2))
    warm.run()
    assert warm.how("v1") == "warm"
    assert json.loads((warm.attempt("v1") / "result.json").read_text())["results"] == {"rows": 99_995}


def test_a_project_with_a_module_named_like_a_preloaded_one_starts_fresh(warm: WarmProject):
    warm.install("library", "import colorsys")
    project = warm.write(script("import library"))
    # Neither is a module that would be found instead.
    (project.models_dir / "colorsys").mkdir()
    project.write_script("colorsys.md", "")
    warm.run()
    assert warm.how("v1") == "warm"
    project.write_script("colorsys/__init__.py", "")
    warm.run()
    assert warm.how("v1") == "fresh: the project has a module named like colorsys"


def test_a_parent_that_loaded_project_code_is_not_forked_from(warm: WarmProject):
    warm.install("plugins", "try:\n    import hooks\nexcept ImportError:\n    pass")
    warm.write(script("import plugins"))
    elsewhere = warm.outside / "elsewhere"
    elsewhere.mkdir()
    env = {"PYTHONPATH": os.pathsep.join([warm.env["PYTHONPATH"], str(elsewhere)])}
    warm.run(env=env)
    assert warm.how("v1") == "warm"
    (elsewhere / "hooks.py").touch()
    warm.run(env=env)
    assert warm.how("v1") == "fresh: importing loaded hooks, which is project code"


def test_user_code_is_imported_anew_in_every_run(warm: WarmProject):
    body = "import helper; print(helper.COUNT.append(number), helper.COUNT)"
    warm.write(script(body, before="import helper", count=3), _x="").write_script("helper.py", "COUNT = []")
    warm.project.write_queue(["net.py"])
    warm.run()
    assert warm.how("v2") == "warm"
    assert (warm.attempt("v2") / "output.log").read_text() == "None [2]\n"


def test_installing_a_package_in_between_makes_a_new_parent(warm: WarmProject):
    warm.install("library", "VERSION = 1")
    body = """
    print(library.VERSION)
    if number == 2:
        import pathlib
        site = pathlib.Path(library.__file__).parents[1]
        # Longer than before: of two equally long ones of one second, Python takes the first, which it has compiled.
        (site / "library" / "__init__.py").write_text("VERSION = 1 + 1")
        (site / "library-2.dist-info").mkdir()
    """
    warm.write(script(body, before="import library", count=5))
    warm.run()
    assert [warm.how(f"v{number}") for number in (1, 2, 3, 4)] == ["warm"] * 4
    parents = [warm.worker(f"v{number}")["how"] for number in (1, 2, 3, 4)]
    assert (parents[0] == parents[1], parents[1] == parents[2], parents[2] == parents[3]) == (True, False, True)
    assert [(warm.attempt(f"v{number}") / "output.log").read_text() for number in (2, 3)] == ["1\n", "2\n"]


def lower_priority(daemon: psutil.Process) -> None:
    daemon.nice(19)


def lower_limit(daemon: psutil.Process) -> None:
    soft, hard = daemon.rlimit(psutil.RLIMIT_NOFILE)
    daemon.rlimit(psutil.RLIMIT_NOFILE, (soft - 1, hard))


@pytest.mark.parametrize("change", [lower_priority, lower_limit])
def test_a_run_has_the_priority_and_limits_that_its_daemon_has_by_then(warm: WarmProject, change):
    gate = Gate(warm.outside / "gate")
    body = f"""
    print(os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if number == 1: wait_for({str(gate)!r})
    """
    warm.write(script(body, before="import os, resource", count=3))
    started = warm.start()
    gate.wait_reached()
    daemon = psutil.Process(started.pid)
    change(daemon)
    told = f"{daemon.nice()} {daemon.rlimit(psutil.RLIMIT_NOFILE)[0]}\n"
    gate.open()
    assert started.wait(timeout=30) == 0
    assert [warm.how(f"v{number}") for number in (1, 2)] == ["warm"] * 2
    assert [(warm.attempt(f"v{number}") / "output.log").read_text() == told for number in (1, 2)] == [False, True]


def test_what_one_environment_taught_is_kept_for_the_next_launch_and_learned_anew_in_another(warm: WarmProject):
    warm.install("library")
    warm.write(script(before="import library"))
    warm.run()
    warm.run()
    assert warm.how("v0") == "warm"
    warm.install("another")
    warm.run()
    assert warm.how("v0") == "fresh: what its script imports is not known yet"
    assert warm.how("v1") == "warm"


def test_there_are_at_most_so_many_parents_and_the_least_recently_used_goes(warm: WarmProject):
    gate = warm.outside / "gate"
    names = ("b", "c")
    for name in ("a", *names):
        warm.install(f"package_{name}")
    # a, a, b, b, a again (so b is the least recently used), c, c: then a and c are left.
    scripts = {name: script(before=f"import package_{name}") for name in names}
    last = script(f"if number: wait_for({str(gate)!r})", before="import package_c", count=2)
    warm.write(script(before="import package_a", count=3), settings="warm_parents = 2", **{**scripts, "c": last})
    warm.project.write_queue(
        [{"script": "net.py", "versions": ["v0", "v1"]}, "b.py", {"script": "net.py", "versions": ["v2"]}, "c.py"]
    )
    daemon = warm.start()
    wait_until(Path(f"{gate}.reached").exists, message=lambda: warm.project.log)
    wait_until(lambda: len(warm.parents()) == 2, message=lambda: str(warm.parents()))
    parents = {f"warm: forked from {process.pid}" for process in warm.parents()}
    gate.touch()
    assert daemon.wait(timeout=30) == 0
    assert parents == {warm.worker("v2")["how"], warm.worker("v1", "c")["how"]}
    assert warm.worker("v1")["how"] == warm.worker("v2")["how"]
    assert warm.how("v1", "b") == "warm"
    assert warm.project.processes() == []


def test_where_memory_is_short_runs_start_fresh(warm: WarmProject):
    warm.write(script())
    warm.run(change="import mlpipeline.executors.warm as warm; warm._SPARE_MEMORY_BYTES = 1 << 60")
    assert warm.how("v1") == "fresh: memory is short"


def test_where_forking_is_not_known_to_be_safe_every_run_starts_fresh(warm: WarmProject):
    warm.write(script())
    warm.run(
        change="import types, mlpipeline.executors.warm as warm; warm.sys = types.SimpleNamespace(platform='darwin')"
    )
    assert [warm.how(version) for version in ("v0", "v1")] == ["fresh: forking is safe on Linux only"] * 2


@pytest.mark.parametrize(
    ("setting", "hows"),
    [("", ["fresh: what its script imports is not known yet", "warm"]), ("warm = false", [f"fresh: {NOT_WARM}"] * 2)],
)
def test_runs_are_forked_unless_settings_say_otherwise(warm: WarmProject, setting: str, hows: list[str]):
    warm.write(script())
    path = warm.project.root / "mlp.toml"
    path.write_text(path.read_text().replace("warm = true", setting))
    warm.run()
    assert [warm.how(version) for version in ("v0", "v1")] == hows
    assert (warm.attempt("v0") / "imports.json").exists() == (setting == "")
