"""Outputs that cannot be written, or are full: at launch, while the queue runs, and for a run itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from night import Night
from small_disk import PAGE, SmallDisk
from support import Gate, Project, Started, wait_until


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    return Night(make_project, tmp_path)


#: Tries again five times a second, not every five, and counts that in the file TRIES.
IMPATIENT = """
import mlpipeline.daemon.loop as loop
from mlpipeline.daemon.trouble import Trouble
def note(self, error, note=Trouble.note):
    print("again", file=open(TRIES, "a"))
    note(self, error)
Trouble.note = note
loop._TROUBLE_S = 0.2
"""


def impatient(night: Night, *arguments: str, change: str = "") -> Started:
    first = IMPATIENT.replace("TRIES", repr(str(night.outside / "tries")))
    return night.start_changed(first + change, *arguments)


def failing(function: str, error: str, until: Path) -> str:
    """Statements after which `function` raises `error` until there is a file."""
    return f"""
import pathlib
def fails_at_first(*arguments, works={function}):
    if not pathlib.Path({str(until)!r}).exists():
        raise {error}
    works(*arguments)
{function} = fails_at_first
"""


def wait_tried_again(night: Night) -> None:
    tries = night.outside / "tries"
    wait_until(lambda: tries.exists() and len(tries.read_text().splitlines()) >= 4)


def with_a_full_disk(night: Night, disk: SmallDisk, *arguments: str, since: str = "environment") -> Started:
    """A daemon whose disk is full since its run, which stands at the gate, had the event `since`."""
    daemon = impatient(night, "-r", *arguments)
    night.gate.wait_reached()
    night.project.wait_for(since)
    disk.fill()
    return daemon


@pytest.fixture
def disk(night: Night) -> Iterator[SmallDisk]:
    made = SmallDisk(night.project.outputs)
    yield made
    night.project.kill_everything()
    made.unmount()


def check_refused(night: Night, why: str) -> None:
    done = night.project.run("-r", env=night.env)
    assert done.returncode == 2
    assert re.search(f"{night.project.outputs} cannot be written: {why}", done.stderr)
    assert "Traceback" not in done.stderr
    assert night.project.processes() == []
    assert list(night.temporary.iterdir()) == []


def test_outputs_that_are_read_only_at_launch_are_told_and_nothing_starts(night: Night, disk: SmallDisk):
    disk.mount("-o", "remount,ro")
    check_refused(night, "Read-only file system")
    assert night.project.run("status").returncode == 0
    night.gate.open()
    assert night.project.run(env=night.env).returncode == 0  # test mode needs no outputs


def test_outputs_that_are_full_at_launch_are_told_and_nothing_starts(night: Night, disk: SmallDisk):
    disk.fill()
    check_refused(night, "No space left on device")


def test_a_file_in_place_of_the_outputs_is_told_and_nothing_starts(night: Night):
    night.project.outputs.touch()
    check_refused(night, "(File exists|Not a directory)")


def test_a_disk_that_fills_up_meanwhile_ends_no_training_and_nothing_new_starts_until_there_is_room(
    night: Night, disk: SmallDisk
):
    night.project.write_script("other.py", night.source())
    night.project.write_queue(["net.py"])
    daemon = with_a_full_disk(night, disk, "-j", "2")
    # Another version is due, and cannot be recorded.
    night.project.write_queue(["net.py", "other.py"])
    wait_until(lambda: "nothing new starts until this is over" in daemon.out, message=lambda: daemon.out)
    wait_tried_again(night)
    assert len(night.project.processes()) == 2
    disk.make_room()
    wait_until(lambda: "that is over" in night.project.log, message=lambda: daemon.out)
    night.gate.open()
    assert daemon.wait(timeout=30) == 0, daemon.out
    assert daemon.out.count("nothing new starts until this is over") == 1
    assert [end["outcome"] for end in night.ends] == ["succeeded"] * 2
    night.check_nothing_is_left()


def test_a_run_that_has_no_room_for_its_result_failed_and_that_is_recorded_when_there_is(night: Night, disk: SmallDisk):
    night.write_script(before="(model_dir / 'kept').touch()", after="open(NEVER, 'w').write('done')")
    daemon = with_a_full_disk(night, disk, since="running")
    night.gate.open()
    wait_until((night.outside / "never").exists)
    wait_until(lambda: "nothing new starts until this is over" in daemon.out, message=lambda: daemon.out)
    disk.make_room()
    assert daemon.wait(timeout=30) == 1, daemon.out
    assert [(end["outcome"], end["failure"]) for end in night.ends] == [("failed", "disk_full")]
    assert night.project.results.count("net:v  failed (disk_full)") == 1
    night.check_nothing_is_left()


def test_a_run_whose_own_files_find_no_room_failed_with_that_as_the_reason(night: Night):
    night.write_script(before="open('/dev/full', 'wb', buffering=0).write(b'x')")
    assert night.project.run("-r", env=night.env).returncode == 1
    assert [(end["outcome"], end["failure"]) for end in night.ends] == [("failed", "disk_full")]
    assert "No space left on device" in night.project.log
    night.check_nothing_is_left()


def test_a_metric_that_found_room_for_its_beginning_only_costs_itself(night: Night, disk: SmallDisk):
    room = Gate(night.outside / "room")
    night.write_script(
        before=f"""
    run.log_metrics({{'before': 1}})
    hold(run)
    run.log_metrics({{'torn' * {PAGE}: 2}})
    wait_for({str(room)!r})
    run.log_metrics({{'after': 3}})
    run.log_metrics({{'last': 4}})
""",
    )
    daemon = with_a_full_disk(night, disk, since="running")
    night.gate.open()
    room.wait_reached()
    disk.make_room()
    room.open()
    assert daemon.wait(timeout=30) == 0, daemon.out
    (metrics,) = night.project.outputs.glob("runs/*/metrics.jsonl")
    before, torn, after, last = metrics.read_bytes().splitlines()
    assert torn.startswith(b'{"step":null,') and b"torn" in torn
    assert [json.loads(line)["metrics"] for line in (before, after, last)] == [{"before": 1}, {"after": 3}, {"last": 4}]


def test_a_stop_that_found_no_room_in_the_history_is_a_stop_all_the_same(night: Night, disk: SmallDisk):
    daemon = with_a_full_disk(night, disk)
    daemon.terminate()
    wait_until(night.told.exists)
    disk.make_room()
    night.gate.open()
    assert daemon.wait(timeout=30) == 143, daemon.out
    assert [event for event in night.project.history() if event["event"] == "stop"] == []
    assert [end["outcome"] for end in night.ends] == ["stopped"]
    night.check_nothing_is_left()


def test_a_full_disk_keeps_nobody_from_killing_and_the_next_launch_resumes(night: Night, disk: SmallDisk):
    daemon = with_a_full_disk(night, disk)
    daemon.terminate()
    wait_until(night.told.exists)
    daemon.terminate()
    assert daemon.wait(timeout=30) == 143, daemon.out
    assert night.project.processes() == []
    disk.make_room()
    night.gate.open()
    assert night.project.run("-r", env=night.env).returncode == 0
    assert [end["outcome"] for end in night.ends] == ["lost", "succeeded"]
    night.check_nothing_is_left()


def test_a_stop_while_results_find_no_room_ends_the_queue_once_they_are_written(night: Night):
    room = night.outside / "room"
    change = "from mlpipeline.daemon.records import Records"
    change += failing("Records.add_results", 'OSError(28, "No space left on device")', until=room)
    night.gate.open()
    daemon = impatient(night, "-r", change=change)
    wait_tried_again(night)
    daemon.terminate()
    wait_until(lambda: "SIGTERM: starts nothing more" in night.project.log)
    room.touch()
    assert daemon.wait(timeout=30) == 143, daemon.out + daemon.err
    assert [end["outcome"] for end in night.ends] == ["succeeded"]
    night.check_all_is_settled(runs=1)


def test_results_are_written_once_though_the_claim_cannot_be_removed_at_first(night: Night):
    mended = night.outside / "mended"
    change = "from mlpipeline.history import claims"
    change += failing("claims.release", 'OSError(13, "Permission denied")', until=mended)
    night.gate.open()
    daemon = impatient(night, "-r", change=change)
    wait_tried_again(night)
    mended.touch()
    assert daemon.wait(timeout=30) == 0, daemon.out + daemon.err
    night.check_all_is_settled(runs=1)


def test_no_folder_for_temporary_files_is_told(night: Night):
    change = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/nowhere']"
    daemon = night.start_changed(change, "-r")
    assert daemon.wait(timeout=30) == 2
    assert "no folder for temporary files can be written" in daemon.err
    assert "Traceback" not in daemon.err


@pytest.mark.parametrize("is_there", [False, True], ids=["at first", "later"])
def test_where_the_index_finds_no_room_all_works_without_it(night: Night, is_there: bool):
    night.gate.open()
    night.project.cache.mkdir(parents=True)
    disk = SmallDisk(night.project.cache)
    try:
        if is_there:
            assert night.project.run("runs").returncode == 0
        disk.fill()
        assert night.project.run("-r", env=night.env).returncode == 0
        listed = night.project.run("runs", "--json", env=night.env)
        assert (listed.returncode, listed.stderr) == (0, "")
        assert [run["outcome"] for run in json.loads(listed.stdout)] == ["succeeded"]
        assert night.project.run("-r", "-u", env=night.env).returncode == 0
        assert night.executions == 1
    finally:
        night.project.kill_everything()
        disk.unmount()
    night.check_all_is_settled(runs=1)
