"""What a launch finds around it: packages, the state of git, and chosen environment variables."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

#: How long one git command may take, in seconds.
_GIT_TIMEOUT_S = 20.0
#: How much of a diff is kept, in bytes.
_DIFF_LIMIT_BYTES = 5_000_000

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

    def __init__(self, project: Path, extra_variables: Iterable[str]) -> None:
        self._project = project
        self._names = sorted({*RECORDED_VARIABLES, *extra_variables})
        self._found: dict[str, Any] | None = None
        self._thread = threading.Thread(target=self._look, name="surroundings", daemon=True)
        self._thread.start()

    def take(self) -> dict[str, Any] | None:
        """Return what was found, once; None before that and after."""
        found, self._found = self._found, None
        return found

    def wait(self, timeout_s: float) -> None:
        """Wait for the look around to end, at most so long."""
        self._thread.join(timeout_s)

    def _look(self) -> None:
        self._found = {
            "python": sys.version,
            "executable": sys.executable,
            "platform": platform.platform(),
            "packages": _packages(),
            "git": _git_state(self._project),
            "environment_variables": {name: os.environ[name] for name in self._names if name in os.environ},
        }


def _packages() -> dict[str, str]:
    return dict(sorted((found.name, found.version) for found in metadata.distributions() if found.name))


def _git_state(project: Path) -> Mapping[str, Any] | None:
    """Return commit and uncommitted changes, or None where there is no git, or it does not answer in time."""
    commit = _git(project, "rev-parse", "HEAD")
    if commit is None:
        return None
    diff = _git(project, "diff", "HEAD", "--", ".")
    untracked = _git(project, "ls-files", "--others", "--exclude-standard", "--", ".")
    return {
        "commit": commit.strip(),
        "diff": None if diff is None else diff[:_DIFF_LIMIT_BYTES],
        "is_diff_cut": diff is not None and len(diff) > _DIFF_LIMIT_BYTES,
        "untracked": None if untracked is None else untracked.splitlines(),
    }


def _git(project: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],
            cwd=project,
            # A prompt nobody sees would wait for ever; a lock taken for a look would disturb the user's own git.
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "backslashreplace") if done.returncode == 0 else None
