"""How a worker is started, and how its `worker.json` says why so."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen

_WARM = "warm: "
#: Why nothing is forked where the user does not want it.
NOT_WARM = "warm = false in mlp.toml"


def worker_command(*arguments: str) -> list[str]:
    """Return the command line of a worker: this interpreter, with nothing unsafe in front of its `sys.path`."""
    return [sys.executable, "-P", "-m", "mlpipeline.worker", *arguments]


def start_worker(
    *arguments: str, cwd: Path, environment: Mapping[str, str], output: IO[bytes], pass_fds: Sequence[int] = ()
) -> Popen[bytes]:
    """Start a worker in a session of its own, without stdin.

    Args:
        arguments: its own.
        cwd: its working directory.
        environment: all of it.
        output: where stdout and stderr go.
        pass_fds: descriptors that it has, under the same numbers.

    Raises:
        OSError: there is no process.
    """
    # Workers import this module, too, and start none.
    import subprocess

    return subprocess.Popen(
        worker_command(*arguments),
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=pass_fds,
    )


def fresh(why: str) -> str:
    """A process started anew."""
    return f"fresh: {why}"


def forked(parent: int) -> str:
    """A fork of a warm parent, whose pid is given."""
    return f"{_WARM}forked from {parent}"


def is_forked(how: object) -> bool:
    """Return whether the worker was forked; a warm parent notes how such a one ended."""
    return isinstance(how, str) and how.startswith(_WARM)


#: Why the first run of a script is not forked.
TO_LEARN = "what its script imports is not known yet"
#: How a run is started that is learned from.
LEARNING = fresh(TO_LEARN)
