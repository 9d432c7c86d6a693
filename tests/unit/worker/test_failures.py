from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

import pytest

import mlpipeline
from mlpipeline.authoring.run import Run
from mlpipeline.domain.states import Failure
from mlpipeline.errors import NotJson, ScriptError, VersionsError
from mlpipeline.worker.failures import CommandFailed, exit_call, failure_of, one_line, user_traceback


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


class Shy:
    def __repr__(self):
        raise RuntimeError


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


def raised(error):
    """The error as it comes out of mlpipeline's own code, which called the user's."""
    try:
        raise error
    except BaseException as caught:
        return caught


def through_own_code(function, *arguments):
    """What `function` raises when a module of mlpipeline calls it."""
    own: dict = {}
    source = "def call(function, *arguments):\n    return function(*arguments)\n"
    exec(compile(source, f"{Path(mlpipeline.__file__).parent}/worker/call.py", "exec"), own)
    try:
        own["call"](function, *arguments)
    except BaseException as error:
        return error.with_traceback(error.__traceback__.tb_next)  # without the frame of this test
    raise AssertionError("it should have raised")


def fail():
    raise ValueError("theirs")


def fail_again():
    raise RuntimeError("because") from through_own_code(fail)


def _from(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "failure", "told"),
    [
        (ValueError("x"), Failure.EXCEPTION, "ValueError: x"),
        (SystemExit(0), Failure.EXIT, "sys.exit(0) was called"),
        (SystemExit("bye"), Failure.EXIT, "sys.exit('bye') was called"),
        (SystemExit(Shy()), Failure.EXIT, "sys.exit(<Shy>) was called"),
        (OSError(errno.ENOSPC, "full"), Failure.DISK_FULL, "OSError: [Errno 28] full"),
        (OSError(errno.ENOMEM, "short"), Failure.OUT_OF_MEMORY, "OSError: [Errno 12] short"),
        (MemoryError(), Failure.OUT_OF_MEMORY, "MemoryError"),
        (_from(ValueError("x"), MemoryError("y")), Failure.OUT_OF_MEMORY, "ValueError: x, from MemoryError: y"),
        (_from(ScriptError("net.py", "is bad"), MemoryError()), Failure.OUT_OF_MEMORY, "net.py: is bad"),
        (CommandFailed("ended with 3", Failure.EXIT), Failure.EXIT, "ended with 3"),
        (ScriptError("net.py", "is bad", traceback="t"), Failure.BAD_SCRIPT, "net.py: is bad"),
        (VersionsError("two"), Failure.BAD_SCRIPT, "two"),
        (NotJson("loss", "is odd"), Failure.EXCEPTION, "loss: is odd"),
    ],
)
def test_each_kind_of_error_is_a_failure_in_one_line(error, failure, told):
    found = failure_of(raised(error))
    assert (found.failure, found.error) == (failure, told)


def test_a_killed_child_is_noted_whoever_tells_of_it():
    assert failure_of(CommandFailed("was killed", Failure.KILLED, is_killed=True)).is_child_killed
    assert failure_of(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")).is_child_killed
    assert not failure_of(CommandFailed("ended with 3", Failure.EXIT)).is_child_killed
    assert not failure_of(ValueError("x")).is_child_killed


def test_our_own_errors_have_a_traceback_only_where_user_code_called_for_them():
    assert failure_of(NotJson("loss", "is odd")).traceback is None
    called = failure_of(through_own_code(lambda: Run.log_metrics(None, {"loss": "low"})))
    assert "<lambda>" in called.traceback
    assert "authoring/run.py" not in called.traceback


def test_a_traceback_holds_the_users_frames_alone():
    text = user_traceback(through_own_code(fail_again))
    assert "worker/call.py" not in text
    assert text.count("in fail\n") == 1
    assert text.count("in fail_again\n") == 1
    assert "direct cause" in text


def test_a_traceback_without_any_frame_of_the_user_is_shown_as_it_is():
    error = through_own_code(lambda: None, "one argument too many")
    assert "TypeError" in user_traceback(error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyError("a"), "KeyError: 'a'"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError(), "ValueError"),
        (Mute(), f"{__name__}.Mute: <exception str() failed>"),
        (Frozen(3), f"{__name__}.Frozen: 3"),
        (ValueError("bell \a, escape \x1b[0m, \udcff"), "ValueError: bell \\x07, escape \\x1b[0m, \\udcff"),
        (SyntaxError("bad", ("net.py", 3, 1, "x = ", 3, 2)), "SyntaxError: bad (net.py, line 3)"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 488),
    ],
)
def test_one_line_is_fit_for_any_terminal(error, line):
    assert one_line(error) == line


def test_a_call_of_exit_is_shown_however_long_what_it_was_given():
    assert exit_call(SystemExit("x" * 1000)) == f"sys.exit('{'x' * 490}"


def test_an_error_that_cannot_even_be_looked_at_is_still_a_failure():
    class Hostile(Exception):
        @property
        def __notes__(self):
            raise RuntimeError("hands off")

    found = failure_of(Hostile())
    assert found.failure is Failure.EXCEPTION
    assert "Hostile" in found.error
