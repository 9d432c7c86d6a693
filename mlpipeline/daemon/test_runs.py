"""A test run: one version, one step, in a folder that is thrown away."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpipeline.daemon.active import LEAVE_TIME_S, Active
from mlpipeline.daemon.catalogue import Offer
from mlpipeline.domain.endings import ending
from mlpipeline.domain.names import run_name
from mlpipeline.domain.queue import model_name
from mlpipeline.domain.spec import Mode, Spec
from mlpipeline.domain.states import Outcome, Start
from mlpipeline.domain.test_results import TestResult
from mlpipeline.executors.executor import Attempt
from mlpipeline.executors.processes import ProcessId
from mlpipeline.project.files import read_json, to_json
from mlpipeline.project.last_output import last_output
from mlpipeline.project.paths import RunDir
from mlpipeline.project.result_file import read_result
from mlpipeline.project.settings import Settings

#: How long one whose time ran out may take to say where it was, in seconds.
_ABORT_TIME_S = 1.0


def spec_of_test(
    settings: Settings,
    host: str,
    folder: Path,
    *,
    id: str,
    script: str,
    version: str,
    seed: int | None,
    base: str | None,
    changes: Mapping[str, Any],
    cache: Path,
    is_attended: bool = False,
) -> Spec:
    """Return what a test run carries out, on the live files.

    Args:
        settings: of the project.
        host: where it runs.
        folder: its own, where its model dir will be.
        id: what its processes are found by, and killed.
        script: relative to models_dir.
        version: its name.
        seed: the version's own, if it has one.
        base: the version of the script that it is made of, if it is made by the queue.
        changes: what changes in the parameters of that.
        cache: what its stages make is kept there, and found by the tests after it.
        is_attended: whether somebody is at its terminal.
    """
    model = model_name(script)
    return Spec(
        run=f"test-{id}",
        name=run_name(model, version, id),
        model=model,
        version=version,
        base=base,
        changes=changes,
        mode=Mode.TEST,
        is_attended=is_attended,
        host=host,
        script=str(settings.models_dir / script),
        models_dir=str(settings.models_dir),
        project=str(settings.root),
        model_dir=str(folder / "model"),
        start=Start.CLEAN,
        seed=0 if seed is None else seed,
        cache=str(cache),
    )


def written_attempt(spec: Spec, folder: Path) -> Attempt:
    """Return the one attempt of a test run whose folder this is; its run dir holds `spec.json`.

    Raises:
        OSError: it could not be written.
    """
    run_dir = run_dir_in(folder)
    run_dir.path.mkdir()
    run_dir.spec.write_bytes(to_json(spec.to_json()))
    return Attempt.of(spec, run_dir)


def run_dir_in(folder: Path) -> RunDir:
    """Return the run dir of a test run whose folder this is."""
    return RunDir(path=folder / "run")


@dataclass(kw_only=True)
class TestRun:
    """A test under way that nobody is at the terminal of."""

    offer: Offer
    active: Active
    #: When it began, on the monotonic clock.
    began_at: float
    #: Its own, which goes with it.
    folder: Path
    #: Whether anybody still wants to know how it ends.
    is_wanted: bool = True
    #: Whether it was said that it takes its time.
    is_slow_told: bool = False
    #: Which limit it passed.
    timeout: str | None = None

    @property
    def seconds(self) -> float:
        """How long it has been under way."""
        return time.monotonic() - self.began_at

    def give_up(self) -> None:
        """Have it killed; nobody wants to know how it ends."""
        self.is_wanted = False
        self.active.kill_within(0)

    def hurry(self) -> None:
        """See to it that it ends: once it has a result, or where it takes too long."""
        if self.active.kill_at is not None:
            return
        if self.active.attempt.result.exists():
            self.active.kill_within(LEAVE_TIME_S)
        elif self.active.limits and (passed := self.active.limits.passed(is_paused=False)) is not None:
            self.timeout = passed
            self._abort()
            self.active.kill_within(_ABORT_TIME_S)

    def result(self, host: str) -> TestResult | None:
        """Return what came of it, now that its process is gone; None where it was given up."""
        if not self.is_wanted:
            return None
        result = read_result(self.active.attempt)
        end = ending(result, self.active.exit_status, is_stop_asked=False, timeout=self.timeout)
        is_passed = end.outcome is Outcome.SUCCEEDED
        shown = result.traceback if result and result.traceback else last_output(self.active.attempt.output)
        return TestResult(
            model=self.offer.model,
            version=self.offer.version,
            identity=self.offer.identity,
            host=host,
            model_dir=self.offer.model_dir,
            is_passed=is_passed,
            seconds=round(self.seconds, 3),
            error=None if is_passed else end.error or str(end.outcome),
            traceback=None if is_passed else shown,
        )

    def _abort(self) -> None:
        # Upon this signal it writes where it was.
        process = ProcessId.from_json(read_json(self.active.attempt.worker))
        if process is not None and process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGABRT)
