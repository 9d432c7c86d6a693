"""What a launch finds around it: packages, the state of git, and chosen environment variables."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

#: How long one git command may take, in seconds.
_GIT_TIMEOUT_S = 20.0
#: How much of a diff is kept, in characters.
_DIFF_LIMIT = 5_000_000

#: What is recorded of the environment: what changes how training runs, and nothing that may be a secret.
RECORDED_VARIABLES = (
    "CONDA_DEFAULT_ENV",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "LANG",
    "LC_ALL",
    "MKL_NUM_THREADS",
    "MLP_HOST",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "ROCR_VISIBLE_DEVICES",
    "TF_DETERMINISTIC_OPS",
    "TZ",
    "VIRTUAL_ENV",
)


class Surroundings:
    """Looks around in a thread of its own: git on a network drive may take its time."""

    def __init__(self, project: Path, outputs: Path, extra_variables: Iterable[str]) -> None:
        self._names = sorted({*RECORDED_VARIABLES, *extra_variables})
        #: What was found; None as long as that is being found out.
        self.found: dict[str, Any] | None = None
        self._git = Git(project, outputs)
        self._thread = threading.Thread(target=self._look, name="surroundings", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Wait for the look around to end; after so long, do without what git would have said."""
        self._thread.join(timeout_s)
        self._git.close()
        self._thread.join(timeout_s)

    def _look(self) -> None:
        self.found = {
            "python": sys.version,
            "executable": sys.executable,
            "platform": platform.platform(),
            "packages": _packages(),
            "git": self._git.state(),
            "environment_variables": {name: os.environ[name] for name in self._names if name in os.environ},
        }


def _packages() -> dict[str, str]:
    return dict(sorted((found.name, found.version) for found in metadata.distributions() if found.name))


class Git:
    """Asks git about a project; it may hang, and is ended then."""

    def __init__(self, project: Path, outputs: Path) -> None:
        self._project = project
        # What runs leave is no part of what they ran with, whether git is told to ignore it or not.
        inside = outputs.relative_to(project).as_posix() if outputs.is_relative_to(project) else None
        self._paths = (".", *([f":(exclude){inside}"] if inside else []))
        self._lock = threading.Lock()
        self._asked: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def state(self) -> Mapping[str, Any] | None:
        """Return commit and uncommitted changes, or None where there is no git, or it does not answer in time."""
        commit = self._answer("rev-parse", "HEAD")
        if commit is None:
            return None
        # Whatever the user's own settings make of a diff, this one is plain text that can be applied.
        diff = self._answer("diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD", "--", *self._paths)
        untracked = self._answer("ls-files", "--others", "--exclude-standard", "--", *self._paths)
        return {
            "commit": commit.strip(),
            "diff": None if diff is None else diff[:_DIFF_LIMIT],
            "is_diff_cut": diff is not None and len(diff) > _DIFF_LIMIT,
            "untracked": None if untracked is None else untracked.splitlines(),
        }

    def close(self) -> None:
        """End the question under way, and ask no more; from any thread."""
        with self._lock:
            self._is_closed = True
            if self._asked is not None:
                _kill(self._asked)

    def _answer(self, *arguments: str) -> str | None:
        process = self._ask(arguments)
        if process is None:
            return None
        try:
            out, _ = process.communicate(timeout=_GIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            _kill(process)
            out, _ = process.communicate()
        with self._lock:
            self._asked = None
        return out.decode("utf-8", "backslashreplace") if process.returncode == 0 else None

    def _ask(self, arguments: tuple[str, ...]) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._is_closed:
                return None
            with suppress(OSError):
                self._asked = subprocess.Popen(
                    ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *arguments],
                    cwd=self._project,
                    # A prompt nobody sees would wait for ever; a lock taken for a look would disturb the user's git.
                    env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    # Its own group, which is killed as a whole: git starts helpers that hold the pipe open.
                    start_new_session=True,
                )
            return self._asked


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
