"""Who is there is faked here, what is written is not; with real daemons: tests/integration/test_gpus.py."""

import json

import pytest

from mlpipeline.daemon import lease_files
from mlpipeline.daemon.lease_files import LeaseFiles
from mlpipeline.executors.processes import ProcessId


def daemon(pid):
    return ProcessId(pid=pid, boot="now", ticks=1.0)


@pytest.fixture
def there(monkeypatch):
    """The pids of daemons and the ids of runs that are there."""
    present = {1, 2}
    monkeypatch.setattr(ProcessId, "is_alive", lambda self: self.pid in present)
    monkeypatch.setattr(lease_files, "find_by_environment", lambda name, run: iter([7] if run in present else []))
    return present


@pytest.fixture
def files(tmp_path, there):
    return [LeaseFiles(tmp_path / "gpus", tmp_path / f"project-{pid}", daemon(pid)) for pid in (1, 2)]


def test_what_one_leases_the_other_does_not(files, tmp_path):
    one, other = files
    assert one.take(["GPU-a", "GPU-b"], "run1")
    assert not other.take(["GPU-c", "GPU-b"], "run2")
    holder = other.other_holder("GPU-b")
    assert (holder.run, holder.project) == ("run1", str(tmp_path / "project-1"))
    # Of several, all or none.
    assert other.other_holder("GPU-c") is None and one.other_holder("GPU-c") is None
    assert other.take(["GPU-c"], "run2")


def test_what_is_given_back_may_be_leased(files):
    one, other = files
    one.take(["GPU-a"], "run1")
    other.give_back(["GPU-a"], "run2")
    assert other.other_holder("GPU-a") is not None
    one.give_back(["GPU-a"], "run1")
    one.give_back(["GPU-a"], "run1")
    assert other.take(["GPU-a"], "run2")


def test_a_lease_ends_with_the_last_of_daemon_and_run(files, there):
    one, other = files
    there.add("run1")
    one.take(["GPU-a"], "run1")
    there.remove(1)
    assert not other.take(["GPU-a"], "run2")
    there.remove("run1")
    assert other.take(["GPU-a"], "run2")


def test_the_own_ones_are_no_others(files):
    one, _ = files
    one.take(["GPU-a"], "run1")
    assert one.other_holder("GPU-a") is None
    assert one.take(["GPU-a"], "run2")


def test_the_lease_of_an_adopted_run_is_the_adopters(files, tmp_path, there):
    one, other = files
    there.add("run1")
    one.take(["GPU-a"], "run1")
    there.remove(1)
    other.keep(["GPU-a"], "run1")
    assert other.other_holder("GPU-a") is None
    assert one.other_holder("GPU-a").daemon == daemon(2)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"run": "r"}', b'{"daemon": 3}'])
def test_a_file_that_says_nothing_leases_nothing(files, tmp_path, content):
    one, _ = files
    (tmp_path / "gpus").mkdir()
    (tmp_path / "gpus" / "GPU-a.json").write_bytes(content)
    assert one.other_holder("GPU-a") is None
    assert one.take(["GPU-a"], "run1")
    assert json.loads((tmp_path / "gpus" / "GPU-a.json").read_bytes())["run"] == "run1"


def test_a_run_that_ended_meanwhile_takes_nothing_back_from_whoever_came_after(files, there):
    one, other = files
    one.take(["GPU-a"], "run1")
    there.remove(1)
    other.take(["GPU-a"], "run2")
    there.add(1)
    one.keep(["GPU-a"], "run1")
    one.give_back(["GPU-a"], "run1")
    assert one.other_holder("GPU-a").run == "run2"


def test_while_another_takes_nobody_else_does(files, tmp_path, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(lease_files, "_LOCK_TIME_S", 0)
    one, _ = files
    (tmp_path / "gpus").mkdir()
    with FileLock(tmp_path / "gpus" / ".lock"), pytest.raises(TimeoutError):
        one.take(["GPU-a"], "run1")
    assert one.take(["GPU-a"], "run1")
