from dataclasses import replace
from pathlib import Path

import pytest
from runs import AT, DAEMON, FAILED, RUNNING

from mlpipeline.domain.requests import Ask, Request
from mlpipeline.domain.test_results import TestResult as Tried
from mlpipeline.project.paths import Outputs
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.programs import run_for_programs, status_for_programs
from mlpipeline.views.screens import PLAIN
from mlpipeline.views.status import status_screen


@pytest.fixture
def outputs(tmp_path):
    return Outputs(path=tmp_path / "outputs", host="box1")


def _screen(outputs, daemons=(), runs=(), queued=(), **further):
    return status_screen(list(daemons), [ObservedRun(run=run) for run in runs], outputs, list(queued), PLAIN, **further)


def test_status_without_a_daemon_says_what_would_run(outputs):
    screen = _screen(outputs, queued=["digits.py", "net.py"])
    assert "no daemon is running on box1" in screen
    assert "digits.py, net.py" in screen
    assert f"log: {outputs.log}" in screen
    assert "nothing is listed" in _screen(outputs)


def test_status_says_what_runs_and_what_is_next(outputs):
    daemon = replace(DAEMON, next=tuple(f"net:v{i}" for i in range(12)), waiting=15)
    progress = outputs.run_dir(RUNNING.name).attempt(1).progress
    progress.parent.mkdir(parents=True)
    Path(progress).write_text('{"done": 3, "of": 10}\n')
    screen = _screen(outputs, [daemon], [RUNNING])
    assert "daemon on box1: pid 99, since" in screen
    assert "3 of 10" in screen
    assert "net:v9 and 5 more" in screen
    assert "net:v10" not in screen
    assert "next: nothing waits" in _screen(outputs, [DAEMON])


def test_status_says_what_waits_for_what_and_how_many_more_do(outputs):
    def shown(*counts):
        waits = [tuple({"what": f"net:v{i}", "why": "waits for 1 GPU"} for i in range(count)) for count in counts]
        hosts = ("box1", "box2")
        daemons = [replace(DAEMON, host=host, waits=told) for host, told in zip(hosts, waits, strict=False)]
        return _screen(outputs, daemons).partition("waits for something:\n")[2].partition("\n\n")[0].splitlines()

    assert shown(1) == ["  net:v0: waits for 1 GPU"]
    assert len(shown(10)) == 10
    assert shown(12)[9:] == ["  net:v9: waits for 1 GPU", "  and 2 more"]
    assert shown(10, 2)[10:] == ["  and 2 more"]
    assert shown(50)[10:] == ["  and at least 40 more"]  # no daemon names more


def test_status_says_which_gpus_a_run_has(outputs):
    observed = ObservedRun(run=RUNNING, gpus={"GPU-aa": 0, "GPU-bb": 3})
    assert run_for_programs(observed, outputs)["gpus"] == [
        {"uuid": "GPU-aa", "index": 0},
        {"uuid": "GPU-bb", "index": 3},
    ]
    screen = status_screen([DAEMON], [observed, ObservedRun(run=replace(RUNNING, id="5y5y5y"))], outputs, [], PLAIN)
    assert "steps   gpus" in screen
    assert "0, 3" in screen
    # Whoever has none is not shown a column for them.
    assert "steps   gpus" not in _screen(outputs, [DAEMON], [RUNNING])


def test_status_says_what_is_held_and_what_failed_last(outputs):
    daemon = replace(DAEMON, held=({"what": "net:v", "why": "its model dir is in use"},))
    screen = _screen(outputs, [daemon], [FAILED])
    assert "net:v: its model dir is in use" in screen
    assert "runs/digits-wide-3x3x3x/1/output.log" in screen


def test_a_failed_test_is_told_by_history_where_no_daemon_of_its_host_is_there_to_tell(outputs):
    failed = Tried(
        model="net",
        version="v",
        identity="i",
        host="box2",
        model_dir="net-v",
        is_passed=False,
        seconds=1.0,
        error="ValueError: no",
        traceback="Traceback\n  somewhere\nValueError: no\n",
    )

    def screen(*daemons):
        return status_screen(list(daemons), [], outputs, [], PLAIN, failed_tests=[failed])

    told = "net:v: its test failed on box2: ValueError: no\n    Traceback\n      somewhere\n    ValueError: no"
    assert told in screen()
    assert told in screen(DAEMON)
    there = replace(DAEMON, host="box2", is_alive=None)
    assert "its test failed" not in screen(there)
    assert told in screen(replace(there, ended_at=AT))
    by_launch = {"what": "net:v", "why": "its test failed: ValueError: no"}
    assert screen(replace(DAEMON, is_alive=False, ended_at=AT, held=(by_launch,))).count("net:v") == 1
    (shown,) = status_for_programs([], [], outputs, [failed])["failed_tests"]
    assert shown == {
        "model": "net",
        "version": "v",
        "identity": "i",
        "host": "box2",
        "error": "ValueError: no",
        "traceback": failed.traceback,
    }


def test_a_daemon_that_died_is_told_as_such(outputs):
    assert "the last one (pid 99, since" in _screen(outputs, [replace(DAEMON, is_alive=False)])


def test_a_daemon_says_why_a_version_has_not_run_yet():
    held, waits = ({"what": "net:a", "why": "its test failed."},), ({"what": "net:b", "why": "1 GPU is asked for"},)
    daemon = replace(DAEMON, held=held, waits=waits, next=("net:c",))
    assert daemon.place_of("net:a") == "it is held on box1: its test failed"
    assert daemon.place_of("net:b") == "it is waiting on box1: 1 GPU is asked for"
    assert daemon.place_of("net:c") == "it is listed, and waits for its turn on box1"
    assert daemon.place_of("net:d") is None
    assert daemon.known == ["net:c", "net:b", "net:a"]


def test_a_daemon_that_ends_says_so(outputs):
    stopping = replace(DAEMON, is_stopping=True)
    assert "(mlpipeline -r), stopping: it starts nothing more" in _screen(outputs, [stopping])
    assert "(mlpipeline -r), stopping" in _screen(outputs, [replace(stopping, host="box2", is_alive=None)])
    assert "stopping" not in _screen(outputs, [DAEMON])


def test_nothing_is_said_to_wait_only_where_that_is_known_and_true(outputs):
    importing = replace(DAEMON, is_importing=True)
    assert "next: scripts are still being imported" in _screen(outputs, [importing])
    some = replace(importing, next=("net:a",), waiting=1)
    assert "next: net:a; scripts are still being imported" in _screen(outputs, [some])
    short = _screen(outputs, [replace(DAEMON, waits=({"what": "net:b", "why": "1 GPU is asked for"},))])
    assert "waits for something:\n  net:b: 1 GPU is asked for" in short
    assert "next:" not in short


def test_status_says_what_is_to_be_resumed_and_what_nobody_answered(outputs):
    request = Request(id="r", ask=Ask.RETRY, of="net:a", host="box1", by="mlpipeline retry net:a")
    screen = _screen(outputs, stopped=["net:b", "net:c"], requests=[request])
    assert "stopped, to be resumed: net:b, net:c" in screen
    assert "asked for, and not answered yet:\n  retry net:a (mlpipeline retry net:a)" in screen
    assert "stopped" not in _screen(outputs)
    assert "asked for" not in _screen(outputs)
