"""A process that forks while one of its threads makes something."""

from __future__ import annotations

import os
import signal
import threading

from mlpipeline.pipelines import locks
from mlpipeline.pipelines.locks import held


class Stopped(Exception):
    pass


def fail(_holder):
    raise AssertionError("nobody else is there")


def test_what_is_forked_waits_for_no_thread_that_it_does_not_have(tmp_path):
    is_held, may_go = threading.Event(), threading.Event()

    def hold():
        with held(tmp_path / "key", "first", fail), locks._owners_change:
            is_held.set()
            may_go.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_held.wait(60)
    child = os.fork()
    if child == 0:  # Only for a lock that the other process holds.
        signal.alarm(30)
        heard = []

        def stop(holder):
            heard.append(holder)
            raise Stopped

        try:
            with held(tmp_path / "key", "second", stop):
                os._exit(2)
        except Stopped:
            os._exit(0 if heard == ["first"] else 3)
        finally:
            os._exit(4)
    _, status = os.waitpid(child, 0)
    may_go.set()
    thread.join()
    assert status == 0
