"""A daemon is killed with SIGKILL at each moment of a run's life, and launched again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from night import Night, hold_workers
from support import Gate, Project, wait_until

#: Nothing of the run was carried out yet, or its result was not yet recorded as its end.
BEFORE_THE_END = [
    "starting up",
    "after the launch was recorded",
    "before the plan",
    "after the claim",
    "after spec.json",
    "after selected",
]
#: The run has succeeded, and the daemon died over writing that down.
AT_THE_END = [
    "before ended",
    "before the results",
    "before the claim is released",
    "after the claim is released",
]


UNFINISHED = {"-r": (), "-r -u": ("-u",)}

Moments = Iterable[tuple[str, str]]


def at_moments(fresh: Moments, warm: Moments) -> pytest.MarkDecorator:
    """Fresh workers at all these moments, and at some of them forked ones: each with how the next launch is called."""
    cases = [("fresh", *case) for case in fresh] + [("warm", *case) for case in warm]
    return pytest.mark.parametrize(("night", "moment", "unfinished"), cases, indirect=["night"])


@pytest.fixture
def night(request: pytest.FixtureRequest, make_project: Callable[..., Project], tmp_path: Path) -> Iterator[Night]:
    night = Night(make_project, tmp_path)
    is_warm = getattr(request, "param", "fresh") == "warm"
    with (night.project.root / "mlp.toml").open("a") as settings:
        settings.write(f"warm = {str(is_warm).lower()}\n")
    if is_warm:
        warm_up(night)
    yield night
    for path in night.project.outputs.glob("runs/*/1/worker.json"):
        worker = json.loads(path.read_text())
        assert worker.get("revoked") or worker["how"].startswith("warm") == is_warm


def warm_up(night: Night) -> None:
    """Have learned what the script imports, and nothing else left of that."""
    night.gate.open()
    assert night.project.run("-r", env=night.env).returncode == 0
    night.gate.forget()
    shutil.rmtree(night.project.outputs)
    (night.outside / "executions").unlink()


@at_moments(
    [(moment, unfinished) for moment in BEFORE_THE_END for unfinished in UNFINISHED],
    [("after the claim", "-r"), ("after selected", "-r -u"), ("after the attempt was asked for", "-r")],
)
def test_a_run_that_had_not_begun_is_carried_out_once_by_the_next_launch(night: Night, moment, unfinished):
    night.gate.open()
    night.kill_daemon_at(moment)
    assert night.project.run("-r", *UNFINISHED[unfinished], env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@at_moments(
    [(moment, unfinished) for moment in ("before running", "after running") for unfinished in UNFINISHED],
    [("before running", "-r"), ("after running", "-r -u")],
)
def test_a_worker_that_outlives_its_daemon_is_adopted_and_its_result_collected(night: Night, moment, unfinished):
    night.kill_daemon_at(moment)
    night.gate.wait_reached()
    daemon = night.project.start("-r", *UNFINISHED[unfinished], env=night.env)
    wait_until(lambda: "watched again" in night.project.log, message=lambda: night.project.log)
    status = json.loads(night.project.run("status", "--json").stdout)
    assert [run["state"] for run in status["runs"]] == ["running"]
    night.gate.open()
    assert daemon.wait(timeout=30) == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@at_moments(
    [(moment, unfinished) for moment in AT_THE_END for unfinished in UNFINISHED],
    [("before ended", "-r -u"), ("before the claim is released", "-r")],
)
def test_a_run_that_was_over_is_recorded_and_called_again_only_without_u(night: Night, moment, unfinished):
    executions = 1 if unfinished == "-r -u" else 2
    night.gate.open()
    night.kill_daemon_at(moment)
    assert night.project.run("-r", *UNFINISHED[unfinished], env=night.env).returncode == 0
    assert night.executions == executions
    night.check_all_is_settled(runs=executions)


@pytest.mark.parametrize("night", ["fresh", "warm"], indirect=True)
def test_a_result_written_while_no_daemon_was_there_is_collected_by_the_next(night: Night):
    night.kill_daemon_at("after running")
    night.gate.open()
    wait_until(lambda: not night.project.processes(), message="the end of the worker")
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@pytest.mark.parametrize("night", ["fresh", "warm"], indirect=True)
def test_a_worker_that_outlives_its_daemon_is_adopted_though_its_record_does_not_say_who_it_is(night: Night):
    night.kill_daemon_at("after running")
    night.gate.wait_reached()
    (record,) = night.project.outputs.glob("runs/*/1/worker.json")
    record.write_text(json.dumps({"how": json.loads(record.read_text())["how"]}))
    daemon = night.project.start("-r", "-u", env=night.env)
    wait_until(lambda: "watched again" in night.project.log, message=lambda: night.project.log)
    night.gate.open()
    assert daemon.wait(timeout=30) == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@pytest.mark.parametrize("then", [None, "before what is left is cleared away", "starting up"])
def test_what_a_dead_daemon_was_describing_ends_when_the_next_one_begins_or_that_after_it(night: Night, then):
    first = night.outside / "first"
    hang_once = f"""
import pathlib, time
if not pathlib.Path({str(first)!r}).exists():
    pathlib.Path({str(first)!r}).touch()
    time.sleep(600)
"""
    night.project.write_script("net.py", hang_once + night.source())
    night.gate.open()
    night.kill_daemon_at("while describing")
    wait_until(first.exists, message="an import")
    assert len(night.project.processes()) == 1
    if then is not None:
        night.kill_daemon_at(then)
    assert night.project.run("-r", env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@pytest.mark.parametrize("unfinished", [(), ("-u",)], ids=["-r", "-r -u"])
def test_a_worker_that_comes_late_after_its_attempt_was_revoked_runs_no_user_code(night: Night, unfinished):
    night.gate.open()
    late = Gate(night.outside / "late")
    night.kill_daemon_at("after the process was started", env=hold_workers(night.outside, late))
    late.wait_reached()
    (worker,) = night.project.processes()
    assert night.project.run("-r", *unfinished, env=night.env).returncode == 0
    assert night.executions == 1
    late.open()
    worker.wait(timeout=30)
    assert night.executions == 1
    night.check_all_is_settled(runs=1)
    (withdrawn,) = [event for event in night.project.history() if event["event"] == "withdrawn"]
    (held_run_dir,) = (night.project.outputs / "runs").glob(f"*-{withdrawn['run']}")
    assert not (held_run_dir / "1" / "result.json").exists()
    assert json.loads((held_run_dir / "1" / "worker.json").read_text())["revoked"]


def test_a_worker_that_comes_late_after_its_run_was_stopped_without_a_daemon_runs_no_user_code(night: Night):
    night.gate.open()
    late = Gate(night.outside / "late")
    night.kill_daemon_at("after the process was started", env=hold_workers(night.outside, late))
    late.wait_reached()
    (worker,) = night.project.processes()
    assert "net:v stopped, before it began\n" in night.project.run("stop", "net:v", env=night.env).stdout
    late.open()
    worker.wait(timeout=60)
    assert not (night.outside / "executions").exists()
    assert night.project.run("-r", env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


def test_a_worker_that_was_not_recorded_but_comes_before_the_next_daemon_is_adopted(night: Night):
    late = Gate(night.outside / "late")
    night.kill_daemon_at("after the process was started", env=hold_workers(night.outside, late))
    late.wait_reached()
    late.open()
    night.gate.wait_reached()
    daemon = night.project.start("-r", env=night.env)
    wait_until(lambda: "watched again" in night.project.log, message=lambda: night.project.log)
    night.gate.open()
    assert daemon.wait(timeout=30) == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


@pytest.mark.parametrize("night", ["fresh", "warm"], indirect=True)
def test_a_daemon_killed_again_and_again_loses_and_doubles_nothing(night: Night):
    night.gate.open()
    for moment in ("after the claim", "after selected", "before running", "before ended", "before the results"):
        night.kill_daemon_at(moment, "-u")
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)
