"""Test mode: every version of every listed script, one step each, in the terminal, until the first failure."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom

from mlpipeline.daemon.active import LEAVE_TIME_S
from mlpipeline.daemon.descriptions import Request
from mlpipeline.daemon.leftovers import folder_of_test_mode
from mlpipeline.daemon.test_runs import spec_of_test, written_attempt
from mlpipeline.domain.chosen import chosen
from mlpipeline.domain.description import Description, VersionDescription
from mlpipeline.domain.endings import ending
from mlpipeline.domain.names import checked_model_dir, run_id, shared_model_dirs, version_key
from mlpipeline.domain.queue import Entry, Only, model_name
from mlpipeline.domain.states import Outcome
from mlpipeline.errors import InvalidName, ScriptError
from mlpipeline.executors.foreground import run_in_foreground
from mlpipeline.executors.how import fresh
from mlpipeline.project.paths import TEST_QUEUE_NAME
from mlpipeline.project.queue_file import read_queue
from mlpipeline.project.result_file import read_result
from mlpipeline.project.scripts import is_there, listed_scripts
from mlpipeline.project.settings import Settings


@dataclass(frozen=True, kw_only=True)
class TestedVersion:
    """A version that passed."""

    key: str
    seconds: float
    results: Mapping[str, object]


class TestMode:
    """Tests what `models_test.toml` lists. Writes nothing below `outputs/`, and takes no lock."""

    def __init__(
        self,
        settings: Settings,
        host: str,
        only: Only,
        say: Callable[[str], None],
        passed: Callable[[TestedVersion], None],
    ) -> None:
        """Say on the terminal, by `say`, what is being tested; tell `passed` of each version that did."""
        self._settings = settings
        self._host = host
        self._only = only
        self._say = say
        self._passed = passed
        # Its runs come one after the other, but other people's test modes may run beside it: what one run leaves behind
        # is found, and killed, by this id.
        self._id = run_id(SystemRandom())
        self._listed: dict[str, tuple[str, ...] | None] = {}
        self._model_dirs: dict[str, str] = {}

    def run(self) -> None:
        """Test all.

        Raises:
            QueueError: the queue file cannot be used.
            ScriptError: a script or a version cannot be used, or failed; nothing after it was tested.
            NotListed: `--only` asks for something that is not in the queue.
            KeyboardInterrupt: Ctrl-C ended the version under test.

        Whatever exception ends it, the version under test ends too, and nothing is left behind.
        """
        queue = read_queue(self._settings.root / TEST_QUEUE_NAME, self._settings.models_dir)
        listing = listed_scripts(queue, self._settings.models_dir)
        for passed_over in listing.passed_over:
            self._say(f"{passed_over.script}: passed over: {passed_over.why}")
        with folder_of_test_mode() as own:
            folder = own / "version"
            folder.mkdir()
            for entry in listing.entries:
                self._listed.setdefault(model_name(entry.script), None)
                if self._only.may_match(model_name(entry.script)):
                    self._test_script(entry, folder)
        self._only.refuse_unmatched(self._listed, partial(is_there, self._settings.models_dir))

    def _test_script(self, entry: Entry, folder: Path) -> None:
        if entry.hold is True:
            self._say(f"{entry.script}: held in {TEST_QUEUE_NAME}, not tested")
            return
        description = self._describe(entry.script, folder)
        for warning in description.warnings:
            self._say(f"{entry.script}: {warning}")
        found = chosen(entry, description, TEST_QUEUE_NAME)
        if found.unusable:
            raise ScriptError(entry.script, found.unusable[0].why)
        model = model_name(entry.script)
        self._listed[model] = (*(self._listed[model] or ()), *(version.name for version in found.versions))
        self._check_names(entry.script, found.versions)
        asked = [version for version in found.versions if self._only.matches(model, version.name)]
        held = [version_key(model, version.name) for version in asked if version.name in found.held]
        if held:
            self._say(f"{', '.join(held)}: held in {TEST_QUEUE_NAME}, not tested")
        for version in asked:
            if version.name not in found.held:
                self._passed(self._test_version(entry.script, version, folder))

    def _describe(self, script: str, folder: Path) -> Description:
        request = Request.write(_emptied(folder), script, self._settings)
        # Somebody may be at the prompt of a debugger; only where nobody can be, a script may hang.
        timeout_s = None if sys.stdin and sys.stdin.isatty() else self._settings.import_timeout_s
        status = run_in_foreground(
            "describe",
            str(request.path),
            cwd=self._settings.root,
            environment=request.environment,
            timeout_s=timeout_s,
        )
        if status is not None and status in _INTERRUPTED:
            raise KeyboardInterrupt
        answer, _ = request.answer(status, self._settings.import_timeout_s)
        if isinstance(answer, ScriptError):
            raise answer
        return answer

    def _check_names(self, script: str, versions: Sequence[VersionDescription]) -> None:
        model = model_name(script)
        try:
            for version in versions:
                model_dir = checked_model_dir(model, version.name, version.suffix)
                self._model_dirs[version_key(model, version.name)] = model_dir
        except InvalidName as error:
            raise ScriptError(script, str(error)) from error
        for model_dir, keys in shared_model_dirs(self._model_dirs.items()).items():
            told = f"{' and '.join(keys)} would use the same model dir, {model_dir}"
            raise ScriptError(script, f"{told}. Give one of them another name or model_dir_suffix.")

    def _test_version(self, script: str, version: VersionDescription, folder: Path) -> TestedVersion:
        model = model_name(script)
        key = version_key(model, version.name)
        self._say(f"{key}: testing")
        _emptied(folder)
        spec = spec_of_test(
            self._settings,
            self._host,
            folder,
            id=self._id,
            script=script,
            version=version.name,
            seed=version.seed,
            base=version.base,
            changes=version.changes,
            # Beside what goes with each version: what several share is made once.
            cache=folder.with_name("cache"),
            is_attended=True,
        )
        attempt = written_attempt(spec, folder)
        attempt.dir.path.mkdir()
        began = time.monotonic()
        status = run_in_foreground(
            "run",
            str(attempt.run_dir.path),
            "1",
            fresh("test mode"),
            cwd=self._settings.root,
            environment=attempt.environment,
            is_done=attempt.dir.result.exists,
            leave_time_s=LEAVE_TIME_S,
        )
        result = read_result(attempt.dir)
        if (result is None and status in _INTERRUPTED) or (result and result.error == "KeyboardInterrupt"):
            raise KeyboardInterrupt
        end = ending(result, status, is_stop_asked=False)
        if end.outcome is not Outcome.SUCCEEDED:
            # Its traceback is on the terminal already.
            raise ScriptError(key, end.error or str(end.outcome))
        return TestedVersion(key=key, seconds=time.monotonic() - began, results=result.results if result else {})


#: How a worker ends that was interrupted at the keyboard.
_INTERRUPTED = (130, -2)


def _emptied(folder: Path) -> Path:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return folder
