"""Asking a worker what a script offers, and remembering the answer for as long as its files stay the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.daemon.leftovers import marked, temporary_folder
from mlpipeline.domain.description import ABSENT, Description
from mlpipeline.domain.endings import how_it_ended
from mlpipeline.errors import ScriptError
from mlpipeline.executors.how import start_worker
from mlpipeline.executors.local import abort
from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import sweep
from mlpipeline.project.files import read_json, to_json
from mlpipeline.project.last_output import last_output
from mlpipeline.project.scripts import check_script
from mlpipeline.project.settings import Settings

Answer = Description | ScriptError
Signature = tuple[int, int, int]

#: After how long an import is worth a line in the log, in seconds.
SLOW_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question to one worker: the folder with the request, the output and the answer, and the script."""

    folder: Path
    script: str

    @classmethod
    def write(cls, folder: Path, script: str, settings: Settings) -> Request:
        """Write the request into `folder`.

        Raises:
            ScriptError: the script can be seen to be unusable without asking.
        """
        path = check_script(script, settings.models_dir)
        request = cls(folder=folder, script=script)
        request.path.write_bytes(
            to_json(
                {
                    "script": str(path),
                    "models_dir": str(settings.models_dir),
                    "project": str(settings.root),
                    "answer": str(request._answer_path),
                }
            )
        )
        return request

    @property
    def path(self) -> Path:
        """The request file, the worker's argument."""
        return self.folder / "request.json"

    @property
    def output(self) -> Path:
        """What the script printed while it was imported."""
        return self.folder / "output.log"

    @property
    def run_id(self) -> str:
        """What marks the worker's processes, as a run's id does.

        By the whole path: test modes that run side by side have folders of the same name, and each kills all that is
        marked as its own.
        """
        return f"describe-{self.folder}"

    @property
    def environment(self) -> dict[str, str]:
        """What is set for the worker."""
        return {"MLP_RUN_ID": self.run_id}

    def answer(self, exit_status: int | None, timeout_s: float) -> tuple[Answer, Mapping[str, str]]:
        """Return what the worker found, and the content of the files that the answer depends on.

        Args:
            exit_status: of the worker; None when it was killed because its time ran out.
            timeout_s: the time it had.
        """
        value = read_json(self._answer_path) or {}
        files = value.get("files", {})
        if "versions" in value:
            return Description.from_json(value), files
        if value.get("error"):
            return ScriptError(self.script, value["error"], traceback=value.get("traceback")), files
        if exit_status is None:
            told = f"was still being imported after {timeout_s:g} s. Load data in the functions that train, or raise "
            why = f"{told}import_timeout in mlp.toml."
        else:
            why = f"the process that imported it {how_it_ended(exit_status)} before the import was over"
        return ScriptError(self.script, why, traceback=last_output(self.output)), files

    @property
    def _answer_path(self) -> Path:
        return self.folder / "answer.json"


@dataclass(kw_only=True)
class _Asked:
    request: Request
    #: The script's content when it was asked about.
    files: Mapping[str, str]
    process: subprocess.Popen[bytes]
    leader: ProcessId
    #: On the monotonic clock.
    began_at: float
    deadline: float


@dataclass(kw_only=True)
class _Remembered:
    answer: Answer
    files: Mapping[str, str]
    signatures: dict[str, Signature | None]


class Descriptions:
    """What the scripts of a project offer; asked for on first use, and again when one of their files changed."""

    def __init__(self, settings: Settings, daemon: ProcessId, *, at_once: int) -> None:
        """Let at most `at_once` workers describe for `daemon` at the same time."""
        self._settings = settings
        self._daemon = daemon
        self._at_once = at_once
        self._folder = temporary_folder(daemon, "describe")
        self._waiting: deque[str] = deque()
        self._asked: dict[str, _Asked] = {}
        self._remembered: dict[str, _Remembered] = {}

    def get(self, script: str) -> Answer | None:
        """Return what `script` offers, or None while that is being found out."""
        if script in self._asked or script in self._waiting:
            return None
        remembered = self._remembered.get(script)
        if remembered is not None and _is_fresh(remembered):
            return remembered.answer
        self._waiting.append(script)
        self.poll()
        return None if script in self._asked or script in self._waiting else self._remembered[script].answer

    def forget(self, script: str) -> None:
        """Ask again next time."""
        self._remembered.pop(script, None)

    @property
    def is_pending(self) -> bool:
        """Whether answers are still to come."""
        return bool(self._asked or self._waiting)

    @property
    def slow(self) -> list[str]:
        """The scripts whose import takes so long that somebody may wonder."""
        now = time.monotonic()
        return [script for script, asked in self._asked.items() if now - asked.began_at > SLOW_S]

    @property
    def files(self) -> set[str]:
        """The files that the answers depend on."""
        return {path for remembered in self._remembered.values() for path in remembered.files}

    def poll(self) -> None:
        """Take the answers that came, and ask what is waiting to be asked."""
        for script, asked in list(self._asked.items()):
            exit_status = asked.process.poll()
            if exit_status is not None or time.monotonic() > asked.deadline:
                del self._asked[script]
                self._take(script, asked, exit_status)
        while self._waiting and len(self._asked) < self._at_once:
            self._ask(self._waiting.popleft())

    def close(self) -> None:
        """End all that is under way."""
        for asked in self._asked.values():
            sweep(asked.leader, asked.request.run_id)
            asked.process.wait()
        self._asked.clear()
        self._waiting.clear()
        self._folder.cleanup()

    def _ask(self, script: str) -> None:
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        path = str(self._settings.models_dir / script)
        # Taken before anybody reads it: a save in between makes the answer out of date, never the other way round.
        files = {path: _sha256(path)}
        try:
            request = Request.write(folder, script, self._settings)
        except ScriptError as error:
            # What is wrong with the script can be seen in its content alone.
            folder.rmdir()
            self._remember(script, error, files)
            return
        try:
            process = self._started(request)
        except OSError:
            # It is tried again and again, perhaps for a night.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        leader = ProcessId.of_child(process.pid)
        now = time.monotonic()
        deadline = now + self._settings.import_timeout_s
        self._asked[script] = _Asked(
            request=request, files=files, process=process, leader=leader, began_at=now, deadline=deadline
        )

    def _started(self, request: Request) -> subprocess.Popen[bytes]:
        with request.output.open("wb") as output:
            environment = {**os.environ, **request.environment, **marked(self._daemon)}
            return start_worker(
                "describe", str(request.path), cwd=self._settings.root, environment=environment, output=output
            )

    def _take(self, script: str, asked: _Asked, exit_status: int | None) -> None:
        if exit_status is None:
            abort(asked.process)
        # A script may have left processes behind while it was imported.
        sweep(asked.leader, asked.request.run_id)
        asked.process.wait()
        answer, files = asked.request.answer(exit_status, self._settings.import_timeout_s)
        # What it printed may be large, and a daemon stays for weeks.
        shutil.rmtree(asked.request.folder, ignore_errors=True)
        self._remember(script, answer, files or asked.files)

    def _remember(self, script: str, answer: Answer, files: Mapping[str, str]) -> None:
        # A file may have been saved since it was described: its first look compares the content.
        signatures: dict[str, Signature | None] = dict.fromkeys(files)
        self._remembered[script] = _Remembered(answer=answer, files=files, signatures=signatures)


def _is_fresh(remembered: _Remembered) -> bool:
    for path, known in remembered.signatures.items():
        # Looked at before the content is: a save in between is seen next time.
        now = _signature(path)
        if remembered.files[path] == ABSENT:
            if now is not None or (path.endswith("/") and Path(path).is_dir()):
                return False
            continue
        if known is not None and now == known:
            continue
        if _sha256(path) != remembered.files[path]:
            return False
        remembered.signatures[path] = now
    return True


def _signature(path: str) -> Signature | None:
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode) or not os.access(path, os.R_OK):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ABSENT
