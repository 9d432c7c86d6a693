"""Scripts that can be used, or nearly: slow ones, those that start things when they are imported, and odd names."""

from __future__ import annotations

import subprocess
import sys

GOOD = """
from mlpipeline import FunctionModel, Versions

versions = Versions()
versions.add_version("only")
MODEL = FunctionModel(lambda: {"a": 1}, versions)
"""

#: Starts the command so that it soon wonders at an import that takes long.
IMPATIENT = """
import mlpipeline.daemon.descriptions
mlpipeline.daemon.descriptions.SLOW_S = 0.5
from mlpipeline.cli.main import main
main()
"""


def test_a_script_that_hangs_at_import_costs_its_time_and_the_log_says_where(make_project, tmp_path):
    source = "import time\nprint('loading')\ntime.sleep(600)\n" + GOOD
    project = make_project(
        tmp_path,
        {"hangs.py": source, "good.py": GOOD},
        test_queue=["hangs.py"],
        settings="[worker]\nimport_timeout = 3\n",
    )
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, "-r"],
        check=False,
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 1
    assert project.log.count("hangs.py: is still being imported after 0.5 s; what is listed after it waits") == 1
    assert "hangs.py: was still being imported after 3 s." in project.log
    assert "raise import_timeout in mlp.toml." in project.log
    assert " loading\n" in project.log
    assert 'hangs.py", line 3 in <module>' in project.log
    assert "good:only succeeded" in project.log
    tested = project.run()
    assert tested.returncode == 1
    assert "hangs.py: was still being imported after 3 s." in tested.stderr
    assert 'hangs.py", line 3 in <module>' in tested.stderr
    assert project.processes() == []
    assert not list(project.root.rglob("core*"))


def test_what_a_script_starts_at_import_neither_outlives_nor_doubles_nor_delays_anything(make_project, tmp_path):
    """A child of fork that comes back, subprocesses, and threads that never end."""
    count = f"open({str(tmp_path / 'trained')!r}, 'a').write('x')"
    forks = f"""
import os

from mlpipeline import FunctionModel, Versions

def train():
    {count}
    return {{"parent": os.getppid() != {{parent}}}}

versions = Versions()
versions.add_version("only")
MODEL = FunctionModel(train, versions)
os.fork()
""".replace("{parent}", "0")
    leaves = "import subprocess\nfor session in (False, True):\n    subprocess.Popen(['sleep', '600'], "
    project = make_project(
        tmp_path,
        {
            "forks.py": forks,
            "leaves.py": f"{leaves}start_new_session=session)\n{GOOD}",
            "threads.py": "import os, threading, time\nif os.environ['MLP_RUN_ID'].startswith('describe'):\n"
            f"    for _ in range(200):\n        threading.Thread(target=time.sleep, args=(600,)).start()\n{GOOD}",
        },
        settings="[worker]\nimport_timeout = 60\n",
    )
    assert project.run("-r", timeout=30).returncode == 0
    assert (tmp_path / "trained").read_text() == "x"
    assert project.processes() == []
    assert project.run(timeout=30).returncode == 0
    assert (tmp_path / "trained").read_text() == "xx"
    assert project.processes() == []


def test_a_script_with_the_name_of_an_installed_module_is_warned_of_and_runs(make_project, tmp_path):
    names = ["random.py", "numpy.py", "json.py", "string.py"]
    project = make_project(tmp_path, dict.fromkeys(names, GOOD), test_queue=["random.py"])
    assert project.run("-r").returncode == 0
    for name in ("random", "json", "string"):
        warning = f"{name}.py: hides the standard library's module {name}: `import {name}` in a model script finds"
        assert project.log.count(warning) == 1
        assert f"{name}:only succeeded" in project.log
    assert "numpy.py: hides the installed module numpy (" in project.log
    assert "numpy:only succeeded" in project.log
    tested = project.run()
    assert (tested.returncode, "random.py: hides the standard library" in tested.stdout) == (0, True)


def test_files_with_the_names_of_all_modules_of_the_standard_library_harm_no_run(make_project, tmp_path):
    hiding = {f"{name}.py": "raise ImportError('in place of the real one')" for name in sys.stdlib_module_names}
    models = {
        "fn.py": """
            from mlpipeline import FunctionModel, Versions
            from mlpipeline.utils import log

            def train(run):
                log("hello")
                for step in run.steps(2):
                    pass
                return {"a": 1}

            versions = Versions()
            versions.add_version("only")
            MODEL = FunctionModel(train, versions)
        """,
        "program.py": """
            from mlpipeline import CommandModel, Versions

            versions = Versions()
            versions.add_version("only")
            MODEL = CommandModel("true", versions)
        """,
        "v1.py": """
            from mlpipeline.helper import DataLoader, Model
            from mlpipeline.utils import MetricContainer, Versions

            class Loader(DataLoader):
                def get_test_input(self, **kw): return []
                def get_test_sample_count(self): return 1

            class Net(Model):
                def evaluate_model(self, input_fn, steps):
                    metrics = MetricContainer(["loss"])
                    metrics.loss.update(1)
                    metrics.log_metrics()
                    metrics.reset_epoch()
                    metrics.loss.get_tracking_average()
                    return {"x": 1}

            versions = Versions(0.1, Loader(), batch_size=1, epoc_count=1)
            versions.addV("only")
            MODEL = Net(versions)
        """,
    }
    project = make_project(tmp_path, {**hiding, **models}, list(models), settings="[record]\ntensorboard = false\n")
    done = project.run("-r")
    assert (done.returncode, "3 succeeded" in done.stdout) == (0, True), done.stdout
