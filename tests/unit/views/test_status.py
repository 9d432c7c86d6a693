from dataclasses import replace

import pytest
from runs import AT, DAEMON, FAILED, RUNNING

from mlpipeline.domain.estimates import Range
from mlpipeline.domain.pace import Pace, Unit
from mlpipeline.domain.queue import Entry
from mlpipeline.domain.requests import Ask, Request
from mlpipeline.domain.states import Outcome, State
from mlpipeline.domain.test_results import TestResult as Tried
from mlpipeline.project.paths import Outputs
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.outlook import QueueOutlook
from mlpipeline.views.overview import Overview
from mlpipeline.views.programs import status_for_programs
from mlpipeline.views.screens import PLAIN, Screen
from mlpipeline.views.status import status_screen
from mlpipeline.views.tables import display_width

#: 2026-11-21 12:00 UTC.
NOW = 1795262400.0


@pytest.fixture
def outputs(tmp_path):
    return Outputs(path=tmp_path / "outputs", host="box1")


def _screen(outputs, daemons=(), runs=(), *, screen=PLAIN, is_brief=False, **further):
    observed = [run if isinstance(run, ObservedRun) else ObservedRun(run=run) for run in runs]
    overview = Overview(now=NOW, outputs=outputs, daemons=daemons, runs=observed, **further)
    return status_screen(overview, screen, is_brief=is_brief)


def test_status_without_a_daemon_says_what_would_run(outputs):
    screen = _screen(outputs, queued=[Entry(script="digits.py"), Entry(script="net.py")])
    assert "no daemon is running on box1" in screen
    assert "digits.py, net.py" in screen
    assert f"log: {outputs.log}" in screen
    assert "nothing is listed" in _screen(outputs)
    assert "; what failed is tried again if it is still listed: 3" in _screen(outputs, [], [FAILED], more_failed=2)
    assert "nothing, until models.toml is mended" in _screen(outputs, queued=None)


def test_without_a_daemon_what_history_and_the_queue_file_hold_is_held_and_not_next(outputs):
    at = {"place": f"{outputs.path.parent}/digits.py:3"}
    failed = [replace(FAILED, id=f"{n}", version=f"v{n}", host="box2", **at) for n in range(3)]
    why = (
        "3 versions in a row failed (exception) at digits.py:3: ValueError: no. Held unless digits.py has changed since"
    )
    queued = [
        *(Entry(script="digits.py"), Entry(script="net.py", versions=("a", "b"), hold=("b",))),
        *(Entry(script="lm.py", hold=True), Entry(script="trees.py")),
    ]
    # What a daemon that is gone said of either is no news.
    said = (
        {
            "what": "digits:v9",
            "why": "3 versions in a row failed (exception) at digits.py:3: ValueError: no. Held until",
        },
        {"what": "old:a", "why": "held in models.toml"},
        {"what": "trees:a", "why": "it cannot be resumed"},
    )
    ended = replace(DAEMON, is_alive=False, ended_at=AT, held=said)
    for daemons in (
        [],
        [replace(ended, ended_at=None)],
        [replace(ended, held=said[1:])],
        [replace(DAEMON, host="box3")],
    ):
        screen = _screen(outputs, daemons, failed, queued=queued, streaks=[failed])
        held = screen.partition("held, or cannot be used:\n")[2].partition("\n\n")[0]
        assert f"  digits.py: {why}, or until `mlpipeline release digits`" in held
        assert "  net:b, lm.py: held in models.toml" in held
        assert "old:a" not in held
        assert "next, when it is launched: net.py, trees.py\n" in screen
        assert "tried again" not in screen
    # What a launch said that ended counts as far as it is still so, and names more.
    screen = _screen(outputs, [ended], queued=queued, streaks=[failed])
    assert "digits:v9: 3 versions" in screen
    assert "digits.py: " not in screen
    screen = _screen(outputs, [ended])
    assert "trees:a: it cannot be resumed" in screen
    assert "digits:v9" not in screen
    assert "old:a" not in screen
    only = [Entry(script="trees.py", versions=("a",))]
    assert "next, when it is launched: nothing: all that is listed is held" in _screen(outputs, [ended], queued=only)
    more = _screen(outputs, [], [*failed, replace(FAILED, model="net")], streaks=[failed], more_failed=4)
    assert "if it is still listed: at least 1" in more
    overview = Overview(now=NOW, outputs=outputs, queued=queued, streaks=[failed])
    assert [held["what"] for held in status_for_programs(overview)["held"]] == [["digits.py"], ["net:b", "lm.py"]]


def test_what_a_daemon_elsewhere_holds_is_not_said_twice(outputs):
    streak = [replace(FAILED, place="digits.py:3")] * 3
    said = (
        {
            "what": "digits:v9",
            "why": "3 versions in a row failed (exception) at digits.py:3: ValueError: no. Held until",
        },
        {"what": "net:b", "why": "held in models.toml"},
    )
    queued = [Entry(script="digits.py"), Entry(script="net.py", versions=("b",), hold=True)]
    screen = _screen(outputs, [replace(DAEMON, host="box2", held=said)], queued=queued, streaks=[streak])
    assert screen.count("versions in a row") == 1
    assert screen.count("held in models.toml") == 1
    assert "next, when it is launched: nothing: all" in screen


PACE = Pace(done=1200, of=5000, unit=Unit.STEPS, rate=35.2, left_s=7500.0)
BUSY = ObservedRun(run=RUNNING, pace=PACE, elapsed_s=200.0, gpus={"GPU-aa": 0, "GPU-bb": 3})


def test_status_says_what_runs_how_far_it_is_and_what_is_next(outputs):
    daemon = replace(DAEMON, next=tuple(f"net:v{i}" for i in range(12)), waiting=15)
    screen = _screen(outputs, [daemon], [BUSY])
    row = next(line for line in screen.splitlines() if line.startswith(RUNNING.id))
    for cell in ("7k2m9q", "digits:deep", "1200 of 5000", "35.2/s", "3 min", "2 h 5 min", "box1 4711", "0, 3"):
        assert cell in row
    assert "net:v4 and 10 more" in screen
    assert "net:v5" not in screen
    assert "daemon on box1: pid 99, since" in screen
    assert "next: nothing waits" in _screen(outputs, [DAEMON])
    assert "next:" not in _screen(outputs, [DAEMON], [replace(RUNNING, state=State.WAITING, attempt=2)])


def test_columns_of_which_nothing_is_known_and_states_that_say_nothing_are_left_out(outputs):
    def heading(*runs):
        return next(line for line in _screen(outputs, [DAEMON], runs).splitlines() if line.startswith("run  "))

    assert heading(RUNNING).split() == ["run", "version", "host,", "pid"]
    assert "gpus" in heading(BUSY, RUNNING)
    assert "state" not in heading(BUSY)
    assert "state" in heading(BUSY, replace(RUNNING, is_paused=True))
    assert "state" in heading(replace(RUNNING, attempt=2))


def test_what_there_is_to_know_of_a_run_stands_below_all_of_them(outputs):
    screen = _screen(outputs, [DAEMON], [BUSY, ObservedRun(run=RUNNING, why="its daemon is not running")])
    assert "box1 4711\n  7k2m9q: its daemon is not running\n" in screen


def test_the_screen_fits_narrow_terminals_and_everything_is_still_on_it(outputs):
    waits = tuple({"what": f"net:v{i}", "why": "1 GPU is asked for, and 0 of 1 are free on box1"} for i in range(3))
    daemon = replace(DAEMON, command="mlpipeline -r -u -j 4 --watch", next=("net:v0",), waiting=1, waits=waits)
    for width in (40, 80):
        screen = _screen(outputs, [daemon], [BUSY], screen=Screen(width=width), stopped=["net:x"] * 9)
        # But for the path of the log, which is to be copied.
        assert [line for line in screen.splitlines()[:-1] if display_width(line) > width] == []
        for told in ("7k2m9q", "1200", "5000", "35.2/s", "4711"):
            assert told in screen
    paused = ObservedRun(run=replace(RUNNING, is_paused=True))
    assert "7k2m9q digits:deep\n  paused, box1 4711" in _screen(outputs, [], [paused], screen=Screen(width=40))


def test_what_waits_or_is_held_for_the_same_reason_is_one_line(outputs):
    def shown(*counts, what="net:v{}"):
        waits = [tuple({"what": what.format(i), "why": "waits for 1 GPU"} for i in range(count)) for count in counts]
        daemons = [replace(DAEMON, host=host, waits=told) for host, told in zip(("box1", "box2"), waits, strict=False)]
        return _screen(outputs, daemons).partition("waits for something:\n")[2].partition("\n\n")[0].splitlines()

    assert shown(1) == ["  net:v0: waits for 1 GPU"]
    assert shown(12) == ["  12 versions of net: waits for 1 GPU"]
    assert shown(10, 2) == ["  10 versions of net: waits for 1 GPU", "  net:v0, net:v1: waits for 1 GPU"]
    assert shown(50) == ["  at least 50 versions of net: waits for 1 GPU"]  # no daemon names more
    assert shown(2, what="net{}:v") == ["  net0:v, net1:v: waits for 1 GPU"]
    assert shown(5, what="net{}.py") == ["  5 (net0.py, net1.py, net2.py, …): waits for 1 GPU"]
    reasons = tuple({"what": f"net:v{i}", "why": f"because of {i}"} for i in range(12))
    held = _screen(outputs, [replace(DAEMON, held=reasons)]).partition("held, or cannot be used:\n")[2].splitlines()
    assert held[9:11] == ["  net:v9: because of 9", "  and 2 more"]


def test_what_failed_comes_first_and_takes_little_room_where_there_is_little(outputs):
    failed = [
        replace(FAILED, id=f"{kind}{index}", error=f"Error{kind}: no", place=f"{outputs.path.parent}/net.py:{kind}")
        for kind in range(7)
        for index in range(7 - kind)
    ]
    for run in failed:
        output = outputs.run_dir(run.name).attempt(1).output
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text("one\ntwo\nthree\nfour\n")
    screen = _screen(outputs, [DAEMON], [BUSY, *failed], more_failed=4)
    assert screen.index("failed:") < screen.index("1200 of 5000")
    assert "7 failed (exception): Error0: no\n  at net.py:0" in screen
    assert screen.count("│ four") == 2
    assert "│ one" not in screen
    assert "3 failed (exception): Error4: no" in screen
    # Those of the two causes that befell fewest, and those that were not looked at.
    assert "and 7 more failed: mlpipeline runs --failed" in screen
    brief = _screen(outputs, [DAEMON], [BUSY, *failed], is_brief=True)
    assert "Error1" in brief
    assert "Error2" not in brief
    assert "│" not in brief
    assert "and 15 more failed" in brief


def test_status_says_what_was_done_today_and_when_all_is_done(outputs):
    today = {Outcome.SUCCEEDED: 12, Outcome.FAILED: 3, Outcome.STOPPED: 0, Outcome.LOST: 1}
    outlook = QueueOutlook(ends=Range(least_s=3600, most_s=7200), left=12, unknown=3)
    screen = _screen(outputs, [DAEMON], done_today=today, outlook=outlook)
    assert "today: 12 succeeded, 3 failed, 1 lost\n" in screen
    assert "\nall but 3 of 12 done between " in screen
    assert "in 1 h 0 min to 2 h 0 min; nothing like those has succeeded yet\n" in screen
    assert "today" not in _screen(outputs, [DAEMON])
    assert " done " not in _screen(outputs, [DAEMON])


def test_what_users_named_does_not_reach_the_terminal_as_it_is(outputs):
    evil = "net:\x1b[31mred\n"
    daemon = replace(DAEMON, next=(evil,), waiting=1, held=({"what": evil, "why": evil, "traceback": evil},))
    run = replace(RUNNING, version="\x1b[31mred", model="net")
    for screen in (PLAIN, Screen(width=40)):
        shown = _screen(outputs, [daemon], [run], screen=screen, stopped=[evil])
        assert "\x1b" not in shown
        for hold in (False, True):
            assert "\x1b" not in _screen(outputs, screen=screen, queued=[Entry(script=evil, hold=hold)])


def test_status_says_what_is_held_and_what_failed_last(outputs):
    daemon = replace(DAEMON, held=({"what": "net:v", "why": "its model dir is in use"},))
    outputs.run_dir(FAILED.name).path.mkdir(parents=True)
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
        return _screen(outputs, daemons, failed_tests=[failed])

    told = "net:v: its test failed on box2: ValueError: no\n    Traceback\n      somewhere\n    ValueError: no"
    assert told in screen()
    assert told in screen(DAEMON)
    there = replace(DAEMON, host="box2", is_alive=None)
    assert "its test failed" not in screen(there)
    assert told in screen(replace(there, ended_at=AT))
    by_launch = {"what": "net:v", "why": "its test failed: ValueError: no"}
    assert screen(replace(DAEMON, is_alive=False, ended_at=AT, held=(by_launch,))).count("net:v") == 1
    (shown,) = status_for_programs(Overview(now=NOW, outputs=outputs, failed_tests=[failed]))["failed_tests"]
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
    assert "asked for, and not answered yet:\n  retry net:a on box1 (mlpipeline retry net:a)" in screen
    assert "stopped" not in _screen(outputs)
    assert "asked for" not in _screen(outputs)
