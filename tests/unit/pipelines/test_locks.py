"""One at a time, in one process and its threads; processes are in tests/faults."""

from __future__ import annotations

import errno
import fcntl
import threading

import pytest

from mlpipeline.pipelines import locks
from mlpipeline.pipelines.locks import held, is_free


def fail(_holder):
    raise AssertionError("nobody else is there")


class Stopped(Exception):
    pass


def test_the_file_of_a_lock_is_gone_with_it(tmp_path):
    path = tmp_path / "locks" / "key"
    with held(path, "process 1 on box1", fail):
        assert path.read_text() == "process 1 on box1"
        with held(path, "the same thread once more", fail):
            pass
        assert path.exists()
    assert not path.exists()
    path.touch()
    assert is_free(path)
    assert path.exists()
    assert is_free(path, is_cleared=True)
    assert not path.exists()


def test_threads_wait_for_each_other_and_can_be_stopped_meanwhile(tmp_path):
    path = tmp_path / "key"
    is_held, may_go, entered = threading.Event(), threading.Event(), []

    def hold():
        with held(path, "first", fail):
            is_held.set()
            may_go.wait(60)
            entered.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_held.wait(60)

    def stop(_holder):
        raise Stopped

    with pytest.raises(Stopped), held(path, "second", stop):
        entered.append("too early")
    with held(path, "second", lambda _: may_go.set()):
        entered.append("second")
    thread.join()
    assert entered == ["first", "second"]


def test_threads_wait_for_each_other_whatever_they_call_the_folder_and_other_locks_do_not_wait_with_them(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "other").symlink_to("one")
    is_held, may_go, entered = threading.Event(), threading.Event(), []

    def hold():
        with held(tmp_path / "one" / "key", "first", fail):
            is_held.set()
            may_go.wait(60)
            entered.append("first")

    def take_another():
        with held(tmp_path / "another", "third", fail):
            entered.append("third")

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_held.wait(60)

    def waits(_holder):
        another = threading.Thread(target=take_another)
        another.start()
        another.join(60)
        assert entered[:1] == ["third"]
        may_go.set()

    with held(tmp_path / "other" / "key", "second", waits):
        entered.append("second")
    thread.join()
    assert [name for name in entered if name != "third"] == ["first", "second"]


def test_a_lock_whose_file_was_deleted_meanwhile_is_no_lock(tmp_path, monkeypatch):
    path, real, gone = tmp_path / "key", locks._opened, []

    def opened_before_it_was_deleted(path):
        descriptor = real(path)
        if not gone:
            gone.append(path)
            path.unlink()
        return descriptor

    monkeypatch.setattr(locks, "_opened", opened_before_it_was_deleted)
    with held(path, "one", fail):
        assert path.read_text() == "one"


def test_a_holder_that_has_not_said_yet_who_it_is_is_named_all_the_same(tmp_path, monkeypatch):
    path, real, heard = tmp_path / "key", fcntl.lockf, []
    said = iter(["", "process 7 on box1"])

    def taken_twice(*arguments):
        if (says := next(said, None)) is None:
            return real(*arguments)
        path.write_text(says)
        raise OSError(errno.EAGAIN, "taken")

    monkeypatch.setattr(fcntl, "lockf", taken_twice)
    with held(path, "one", heard.append):
        assert heard == ["process 7 on box1"]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_everybody_goes_on(tmp_path, monkeypatch, code):
    def no_locks(*_):
        raise OSError(code, "no locks")

    monkeypatch.setattr(fcntl, "lockf", no_locks)
    with held(tmp_path / "key", "one", fail):
        assert is_free(tmp_path / "key") is None


def test_where_nothing_can_be_written_everybody_goes_on(tmp_path):
    (tmp_path / "file").touch()
    with held(tmp_path / "file" / "key", "one", fail):
        pass
