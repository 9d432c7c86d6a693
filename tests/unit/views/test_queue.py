"""`mlpipeline queue`: how all that is listed stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runs import AT, DAEMON, RUNNING
from schemas import complaints

from mlpipeline.domain.changes import Changes
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.queue import Awaited, Entry, Queue
from mlpipeline.domain.resources import Resources
from mlpipeline.domain.states import Failure, Outcome, State
from mlpipeline.history.standing import Ended
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.queue import queue_for_programs, queue_screen, standing
from mlpipeline.views.screens import PLAIN, Screen

SET = Changes(values={"lr": 0.1})
ENTRIES = (
    Entry(script="digits.py"),
    Entry(script="digits.py", versions=("deep", "wide"), changes=SET, hold=("wide",)),
    Entry(script="net.py", versions=("a", "b", "c", "d"), after=(Awaited(script="t.py"),)),
    Entry(
        script="broken.py",
        conditions=Conditions(resources=Resources(gpus=1, memory_bytes=8 * 10**9), timeout_s=60),
    ),
    Entry(script="new.py", hold=True),
)
RUNS = [ObservedRun(run=RUNNING, why="told to stop")]
ENDED = [
    Ended(AT, "digits:wide", "3x3x3x", Outcome.FAILED, Failure.EXCEPTION, "ValueError: no"),
    Ended(AT, "digits:deep", "1a1a1a", Outcome.FAILED),
    Ended(AT, "digits:deep@lr=0.1", "2a2a2a", Outcome.SUCCEEDED),
]
DAEMONS = [
    replace(
        DAEMON,
        next=("net:a", "net:b"),
        waits=({"what": "net:c", "why": "after t:x"},),
        held=({"what": "net:d", "why": "its test failed"}, {"what": "broken.py", "why": "does not exist"}),
    )
]


def test_each_line_says_how_its_versions_stand_those_alike_together():
    lines = standing(ENTRIES, RUNS, ENDED, DAEMONS)
    told = [
        [(one.version, str(one.stand), one.in_words, one.why) for one in line.versions] for line in lines
    ]  # fmt: skip
    assert told == [
        [("wide", "ended", "failed (exception)", "ValueError: no"), ("deep", "running", "running", "told to stop")],
        [("deep@lr=0.1", "ended", "succeeded", None), ("wide@lr=0.1", "held", "held", "in models.toml")],
        [
            ("a", "next", "next", None),
            ("b", "next", "next", None),
            ("c", "waits", "waits", "after t:x"),
            ("d", "held", "held", "its test failed"),
        ],
        [],
        [],
    ]
    assert queue_screen(Queue(entries=ENTRIES), lines, PLAIN).splitlines()[2:] == [
        "1   digits.py   all: wide     failed (exception): ValueError: no",
        "                deep          running (7k2m9q); told to stop",
        "2   digits.py   deep@lr=0.1   succeeded",
        "                wide@lr=0.1   held: in models.toml",
        "3   net.py      a, b          next                                 after t.py",
        "                c             waits: after t:x",
        "                d             held: its test failed",
        "4   broken.py   all           cannot be used: does not exist       gpus=1 memory=8 GB; timeout 1 min 0 s",
        "5   new.py      all           held: in models.toml",
    ]  # fmt: skip
    value = queue_for_programs(Path("/p/models.toml"), Queue(entries=ENTRIES), lines)
    assert complaints("queue", value) == []


def test_a_run_goes_before_what_a_daemon_or_the_file_says():
    (line,) = standing(
        [Entry(script="digits.py", versions=("deep",), hold=True)], [ObservedRun(run=RUNNING)], [], DAEMONS
    )
    assert line.versions[0].stand == "running"


def test_a_run_that_is_gone_is_not_shown_as_running_though_nobody_has_recorded_that():
    gone = ObservedRun(run=replace(RUNNING, state=State.ENDED, outcome=Outcome.LOST), why="not recorded yet")
    (line,) = standing([Entry(script="digits.py")], [gone], [], [])
    (one,) = line.versions
    assert (one.stand, one.in_words, one.why, one.outcome) == ("ended", "lost", "not recorded yet", Outcome.LOST)


def test_what_a_daemon_that_is_gone_had_ahead_is_nobodys_plan():
    gone = [replace(one, is_alive=False) for one in DAEMONS]
    lines = standing(ENTRIES, [], [], gone)
    assert {one.stand for line in lines for one in line.versions} == {"new", "held"}
    assert lines[3].problem is None


def test_a_script_that_is_held_as_a_whole_is_not_said_to_be_unusable():
    said = ({"what": "new.py", "why": "held in models.toml"},)
    (line,) = standing([Entry(script="new.py", hold=True)], [], [], [replace(DAEMON, held=said)])
    assert line.problem is None


def test_what_the_file_holds_by_name_is_known_though_it_never_ran():
    entries = [Entry(script="new.py", hold=("a",)), Entry(script="new.py", hold=("b", "c@lr=0.1"), changes=SET)]
    told = [[(one.version, str(one.stand)) for one in line.versions] for line in standing(entries, [], [], [])]
    assert told == [[("a", "held")], [("b@lr=0.1", "held"), ("c@lr=0.1", "held")]]


def test_of_many_versions_that_stand_alike_the_first_are_named():
    entry = Entry(script="net.py", versions=tuple(f"v{n}" for n in range(20)))
    screen = queue_screen(Queue(entries=(entry,)), standing([entry], [], [], []), PLAIN)
    assert screen.splitlines()[-1] == "1   net.py   v0, v1, v2, v3, v4, v5, v6, v7 and 12 more   not run yet"


def test_names_that_hold_commas_stand_one_below_the_other_and_long_ones_make_no_wide_table():
    grid = Entry(script="grid.py", versions=tuple(f"degree={n},lr=0.1" for n in range(9)))
    long = Entry(script="long.py", versions=tuple(f"a-rather-long-name-{n}" for n in range(4)))
    screen = queue_screen(Queue(entries=(grid, long)), standing([grid, long], [], [], []), PLAIN)
    assert screen.splitlines()[2:] == [
        "1   grid.py   degree=0,lr=0.1                               not run yet",
        *(f"              degree={n},lr=0.1" for n in range(1, 8)),
        "              and 1 more",
        "2   long.py   a-rather-long-name-0, a-rather-long-name-1,   not run yet",
        "              a-rather-long-name-2, a-rather-long-name-3",
    ]


def test_a_blacklist_is_told_and_an_empty_list_says_what_to_do():
    queue = Queue(entries=(Entry(script="a.py"),), use_blacklist=True)
    assert queue_screen(queue, standing([Entry(script="b.py")], [], [], []), PLAIN).splitlines()[0] == (
        "use_blacklist is on: every script there is, but a.py"
    )
    assert "mlpipeline queue add" in queue_screen(Queue(entries=()), [], PLAIN)


def test_names_cannot_command_a_terminal_and_narrow_screens_are_not_left():
    entry = Entry(script="net.py", versions=("a\x1b[31mb", "wide"))
    ended = Ended(AT, "net:wide", "3x3x3x", Outcome.FAILED, None, "\x1b[2J")
    screen = queue_screen(
        Queue(entries=(entry,)), standing([entry], [], [ended], []), Screen(width=40, is_colored=False)
    )
    assert "\x1b" not in screen
    assert all(len(line) <= 40 for line in screen.splitlines())
