"""Test mode without a terminal: what it runs, what it shows, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from support import Gate

NAMES = """
    import os
    from pathlib import Path
    from mlpipeline import FunctionModel, Versions

    def train(n, *, model_dir, run):
        print(f"model dir {model_dir}")
        print(f"run dir {os.environ['MLP_RUN_DIR']}")
        assert os.environ["MLP_MODE"] == "test" and os.environ["MLP_MODEL_DIR"] == str(model_dir)
        assert list(model_dir.iterdir()) == []
        (model_dir / "checkpoint").write_text("x")
        run.log("to be logged", log_to_file=True)
        for step in run.steps(10):
            run.log_metrics({"loss": n}, step=step)
        print(f"in {os.getcwd()}")
        return {"n": n}

    v = Versions()
    v.add_version("two", n=2, order=2)
    v.add_version("one", n=1, order=1)
    MODEL = FunctionModel(train, v)
"""


def test_every_version_is_tested_in_order_and_nothing_is_left(make_project, tmp_path):
    # models.toml lists nothing: test mode has a queue of its own.
    project = make_project(tmp_path, {"net.py": NAMES, "sub/net.py": NAMES}, queue=[])
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    done = project.run(env={"TMPDIR": str(temporary)})
    assert (done.returncode, done.stderr) == (0, "")
    shown = [re.sub(r"(dir|ok in) \S+( s)?", r"\1 …", line) for line in done.stdout.splitlines()]
    of_each = [
        [
            f"{model}:{version}: testing",
            "model dir …",
            "run dir …",
            "to be logged",
            f"in {project.root}",
            f"{model}:{version}: ok in …, n={n}",
        ]
        for model in ("net", "sub/net")
        for version, n in (("one", 1), ("two", 2))
    ]
    assert shown[:-1] == [line for lines in of_each for line in lines]
    assert re.fullmatch(r"4 versions passed in [\d.]+ s", shown[-1])

    folders = re.findall(r"(?:model|run) dir (.*)", done.stdout)
    assert all(Path(folder).is_relative_to(temporary) for folder in folders)
    assert list(temporary.iterdir()) == []
    assert not project.outputs.exists()
    assert {path.name for path in project.root.iterdir()} == {"mlp.toml", "models.toml", "models_test.toml", "models"}


def test_it_stops_at_the_first_exception_with_the_users_own_traceback(make_project, tmp_path):
    script = """
    from mlpipeline import FunctionModel, Versions
    def inner(n):
        return 1 / n
    def train(n, *, run):
        print("to stdout", n)
        return {"x": inner(n)}
    v = Versions()
    for n in (1, 0, 2):
        v.add_version(f"v{n}", n=n)
    MODEL = FunctionModel(train, v)
    """
    project = make_project(tmp_path, {"net.py": script, "never.py": "raise SystemError('never imported')"})
    done = project.run()
    assert done.returncode == 1
    path = project.models_dir / "net.py"
    assert re.sub(r"\n *[~^]+(?=\n)", "", done.stderr) == (
        "Traceback (most recent call last):\n"
        f'  File "{path}", line 7, in train\n'
        '    return {"x": inner(n)}\n'
        f'  File "{path}", line 4, in inner\n'
        "    return 1 / n\n"
        "ZeroDivisionError: division by zero\n"
        "mlpipeline: net:v0: ZeroDivisionError: division by zero\n"
    )
    assert re.sub(r"in [\d.]+ s", "in …", done.stdout) == (
        "net:v1: testing\nto stdout 1\nnet:v1: ok in …, x=1\nnet:v0: testing\nto stdout 0\n"
        "1 version passed; stopped at the first failure\n"
    )
    assert not project.outputs.exists()


def test_an_exception_at_import_shows_its_traceback_too(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": "def load():\n    raise OSError('no data')\nload()\n"})
    done = project.run()
    assert done.returncode == 1
    assert "no versions passed; stopped at the first failure" in done.stdout
    assert done.stderr.startswith(
        f'Traceback (most recent call last):\n  File "{project.models_dir}/net.py", line 3, in <module>\n    load()\n'
    )
    assert done.stderr.endswith("\nOSError: no data\nmlpipeline: net.py: cannot be imported: OSError: no data\n")
    assert "mlpipeline/" not in done.stderr


def test_only_picks_and_a_name_that_is_not_there_is_an_error(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": NAMES, "other.py": "raise SystemError('never imported')"})
    done = project.run("--only", "net:two")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.endswith("testing")] == ["net:two: testing"]

    wrong = project.run("--only", "net:tow")
    assert wrong.returncode == 2
    assert "net:tow" in wrong.stderr
    assert 'Did you mean "net:two"?' in wrong.stderr or "two" in wrong.stderr


def test_without_models_test_toml_it_says_what_to_write(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": NAMES})
    (project.root / "models_test.toml").unlink()
    done = project.run()
    assert done.returncode == 2
    assert "models_test.toml: there is none in" in done.stderr
    assert "whitelisted_models" in done.stderr
    project.write_queue([], test=True)
    done = project.run()
    assert (done.returncode, done.stdout) == (0, "nothing to test: models_test.toml lists none\n")


def test_the_switches_of_execution_mode_need_it(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": NAMES})
    for switch in ("-u", "-n", "--watch", "-j2"):
        done = project.run(switch)
        assert done.returncode == 2
        assert f"{switch[:2] if switch != '--watch' else switch} needs -r." in done.stderr


def test_it_runs_beside_a_daemon_and_beside_another_test(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    held = f"""
    import pathlib, time
    from mlpipeline import FunctionModel, Versions
    def train(*, run):
        pathlib.Path("{gate}.reached").touch()
        while not pathlib.Path({str(gate)!r}).exists():
            time.sleep(0.01)
    v = Versions()
    v.add_version("v")
    MODEL = FunctionModel(train, v)
    """
    project = make_project(tmp_path, {"net.py": NAMES, "held.py": held}, queue=["held.py"], test_queue=["held.py"])
    daemon = project.start("-r")
    gate.wait_reached()
    gate.forget()
    test = project.start()
    gate.wait_reached()
    project.wait_for("environment")
    before = (project.log, project.results, project.history())

    project.write_queue(["net.py"], test=True)
    other = project.run()
    assert other.returncode == 0, other.stderr
    assert (project.log, project.results, project.history()) == before

    gate.open()
    assert test.wait(timeout=30) == 0, test.err
    assert daemon.wait(timeout=30) == 0


def test_while_its_script_is_imported_one_that_began_before_does_not_kill_it(make_project, tmp_path):
    first, second = Gate(tmp_path / "first"), Gate(tmp_path / "second")
    scripts = {
        f"{gate.path.name}.py": f"""
    import pathlib, time
    pathlib.Path("{gate}.reached").touch()
    while not pathlib.Path({str(gate)!r}).exists():
        time.sleep(0.01)
    {NAMES}"""
        for gate in (first, second)
    }
    project = make_project(tmp_path, scripts, test_queue=["first.py"])
    before = project.start()
    first.wait_reached()
    project.write_queue(["second.py"], test=True)
    after = project.start()
    second.wait_reached()
    first.open()
    assert before.wait(timeout=60) == 0, before.err
    second.open()
    assert after.wait(timeout=60) == 0, after.err


def test_a_script_that_is_killed_or_leaves_is_told_and_its_children_are_swept(make_project, tmp_path):
    script = """
    import os, signal, subprocess, sys
    from mlpipeline import FunctionModel, Versions
    def train(how):
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        print(f"child {child.pid}", flush=True)
        if how == "exit":
            sys.exit(3)
        if how == "_exit":
            os._exit(0)
        if how == "killed":
            os.kill(os.getpid(), signal.SIGSEGV)
    v = Versions()
    for how in ("good", "exit", "_exit", "killed"):
        v.add_version(how, how=how)
    MODEL = FunctionModel(train, v)
    """
    project = make_project(tmp_path, {"net.py": script})
    told = {
        "good": (0, ""),
        "exit": (1, "mlpipeline: net:exit: sys.exit(3) was called\n"),
        "_exit": (1, "mlpipeline: net:_exit: ended with exit status 0 before it wrote its result\n"),
        "killed": (1, "mlpipeline: net:killed: was killed by SIGSEGV before it wrote its result\n"),
    }
    for how, (status, last) in told.items():
        done = project.run("--only", f"net:{how}")
        assert done.returncode == status
        assert done.stderr.endswith(last)
        child = int(re.search(r"child (\d+)", done.stdout)[1])
        assert not _is_alive(child)


def test_told_to_leave_it_takes_the_version_and_the_folder_along(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    script = f"""
    import os, pathlib, time
    from mlpipeline import FunctionModel, Versions
    def train(model_dir):
        (model_dir / "checkpoint").touch()
        print(os.getpid(), flush=True)
        pathlib.Path("{gate}.reached").touch()
        time.sleep(600)
    v = Versions()
    v.add_version("v")
    MODEL = FunctionModel(train, v)
    """
    project = make_project(tmp_path, {"net.py": script})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for number in (signal.SIGTERM, signal.SIGHUP):
        test = project.start(env={"TMPDIR": str(temporary)})
        gate.wait_reached()
        gate.forget()
        test.send_signal(number)
        assert test.wait(timeout=30) == 128 + number
        assert not _is_alive(int(test.out.split()[-1]))
        assert list(temporary.iterdir()) == []


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
