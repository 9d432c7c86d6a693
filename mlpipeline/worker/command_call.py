"""Carrying out a version of a `CommandModel`."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlpipeline.authoring.command_model import CommandModel
from mlpipeline.authoring.versions import Version
from mlpipeline.domain.endings import signal_name
from mlpipeline.domain.states import Failure
from mlpipeline.errors import Diverged
from mlpipeline.project.last_output import last_output
from mlpipeline.worker.command_metrics import CommandMetrics
from mlpipeline.worker.failures import CommandFailed
from mlpipeline.worker.model_dirs import make_ready
from mlpipeline.worker.out_of_memory import is_sigkill, memory_error, shows_memory_error
from mlpipeline.worker.stopping import StopSignal
from mlpipeline.worker.work import Work

#: How often the command's metrics are looked at while it runs, in seconds.
_METRICS_INTERVAL_S = 1.0
#: How long a command may take to leave whose metrics diverged, in seconds; what is then left of it is killed.
_LEAVE_TIME_S = 10.0


def perform(model: CommandModel, version: Version, work: Work, stop: StopSignal) -> None:
    """Run the command in the project folder; its exit status is the outcome, what it reports the results.

    Raises:
        CommandFailed: it could not be started, exited with another status than 0, or was killed.
        Diverged: a metric that it reported is NaN or infinite, and its version is to stop then.
    """
    make_ready(work)
    if work.is_test and model.test_command is None:
        work.run.log("it has no test_command: nothing to run in test mode")
        return
    words = model.words(
        version,
        model_dir=work.model_dir,
        run_dir=work.run_dir.path,
        run_id=work.spec.run,
        seed=work.spec.seed,
        mode=work.run.mode,
    )
    metrics = CommandMetrics(work.attempt.command_metrics, work)
    with work.record.timed("train"), _ctrl_c_left_to_command(work) as interrupts:
        status = _run(words, work, stop, metrics)
    metrics.finish()
    if interrupts and status in (-signal.SIGINT, 128 + signal.SIGINT):
        raise CommandFailed(KeyboardInterrupt.__name__, Failure.KILLED)
    # A program that was told to stop may leave with status 0 before it is done.
    work.run.stop_noticed = stop.is_received
    _judge(status, work)
    work.record.is_trained = not stop.is_received


def _run(words: list[str] | str, work: Work, stop: StopSignal, metrics: CommandMetrics) -> int:
    is_shell = isinstance(words, str)
    try:
        command = subprocess.Popen(
            words,
            shell=is_shell,
            cwd=work.spec.project,
            env={**os.environ, "PWD": work.spec.project},
            # A shell passes no signal on, so it gets a group with what it starts; a test is left to the terminal's own.
            process_group=0 if is_shell and not work.is_test else None,
        )
    except OSError as error:
        shown = words if isinstance(words, str) else words[0]
        failure = Failure.OUT_OF_MEMORY if memory_error(error) else Failure.EXIT
        raise CommandFailed(f"{shown}: cannot be started: {error.strerror}", failure) from error

    def pass_stop_on() -> None:
        if is_shell and not work.is_test:
            with suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGTERM)
        else:
            command.send_signal(signal.SIGTERM)

    stop.tell(pass_stop_on)
    while True:
        try:
            return command.wait(timeout=_METRICS_INTERVAL_S)
        except subprocess.TimeoutExpired:
            try:
                metrics.follow()
            except Diverged:
                pass_stop_on()
                with suppress(subprocess.TimeoutExpired):
                    command.wait(timeout=_LEAVE_TIME_S)
                raise


@contextmanager
def _ctrl_c_left_to_command(work: Work) -> Iterator[list[int]]:
    """Leave Ctrl-C to the command, as a shell does: a debugger goes on after it. Yields those that came meanwhile."""
    interrupts: list[int] = []
    if not work.is_test:
        yield interrupts
        return
    # A handler, unlike SIG_IGN, is not inherited by the command.
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def _judge(status: int, work: Work) -> None:
    if status == 0:
        return
    ended = f"ended with exit status {status}" if status > 0 else f"was killed by {signal_name(-status)}"
    if shows_memory_error(last_output(work.attempt.output) or ""):
        raise CommandFailed(f"the command {ended}: its last output says that memory ran out", Failure.OUT_OF_MEMORY)
    failure = Failure.EXIT if status > 0 else Failure.KILLED
    raise CommandFailed(f"the command {ended}", failure, is_killed=is_sigkill(status))
