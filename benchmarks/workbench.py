"""Where benchmarks are run: a temporary folder, an environment of its own, and a stopwatch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

#: The folder that holds this package and the `mlpipeline` that is measured.
REPOSITORY = Path(__file__).resolve().parents[1]
#: The host's name in the files of all projects that are made here.
HOST = "bench"
#: After so long a command is taken to hang, in seconds.
PATIENCE_S = 600.0
#: What is not passed on: our own settings, and that nothing compiled is kept, as what pip installs always is.
_NOT_INHERITED = ("MLP_", "PYTHONDONTWRITEBYTECODE")

Ours = TypeVar("Ours")
Theirs = TypeVar("Theirs")
Answer = TypeVar("Answer")


class BenchmarkError(Exception):
    """Something did not do what was to be timed."""


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """What a benchmark needs to know of its surroundings."""

    #: A folder of this session alone, deleted at its end.
    folder: Path
    environment: Mapping[str, str]
    #: Whether one small pair of everything is enough.
    is_quick: bool
    #: Told how far a benchmark is.
    say: Callable[[str], None]

    def size(self, full: int, quick: int) -> int:
        """Return how many of something there are to be."""
        return quick if self.is_quick else full

    def environment_in(self, folder: Path) -> dict[str, str]:
        """Return the environment of what is called in `folder`: nothing is known there from another folder's past."""
        return {**self.environment, "XDG_CACHE_HOME": str(self.folder / "caches" / folder.name)}

    def seconds(self, command: Sequence[str], folder: Path) -> float:
        """Return how long a command took in `folder`, from start to exit.

        Raises:
            BenchmarkError: it failed.
        """
        return called(command, folder, self.environment_in(folder))[1]

    def pairs(
        self, count: int, ours: Callable[[int], Ours], theirs: Callable[[int], Theirs]
    ) -> list[tuple[Ours, Theirs]]:
        """Return `count` pairs, taken next to each other and begun by one and the other in turn.

        A machine gets faster and slower over minutes: only what was measured side by side may be compared.
        """
        pairs: list[tuple[Ours, Theirs]] = []
        for index in range(count):
            self.say(f"pair {index + 1} of {count}")
            if index % 2 == 0:
                first = ours(index)
                pairs.append((first, theirs(index)))
            else:
                second = theirs(index)
                pairs.append((ours(index), second))
        return pairs


@contextmanager
def workbench(*, is_quick: bool, say: Callable[[str], None]) -> Iterator[Workbench]:
    """A workbench in the folder for temporary files (`TMPDIR`), whose file system the results depend on."""
    with tempfile.TemporaryDirectory(prefix="mlpipeline-bench-", ignore_cleanup_errors=True) as folder:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        python_path = os.pathsep.join(filter(None, [str(REPOSITORY), inherited.get("PYTHONPATH")]))
        ours = {
            "MLP_HOST": HOST,
            "PYTHONPATH": python_path,  # what is measured is what lies beside this package, whatever is installed
            "NO_COLOR": "1",
            "COLUMNS": "160",
        }
        environment = {**inherited, **ours}
        yield Workbench(folder=Path(folder).resolve(), environment=environment, is_quick=is_quick, say=say)


def called(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[str, float]:
    """Run a command to its end in `folder`; return what it printed, and how many seconds it took.

    Raises:
        BenchmarkError: it failed.
    """
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=PATIENCE_S,
        check=False,
    )
    took_s = time.perf_counter() - began
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        last_words = " / ".join(lines[-3:]) or "without a word"
        raise BenchmarkError(f"{' '.join(command)[:80]} ended with {done.returncode}: {last_words}")
    return done.stdout, took_s


def mlpipeline(*arguments: str) -> list[str]:
    """Return the command line that a user of this interpreter's environment types."""
    installed = Path(sys.executable).with_name("mlpipeline")
    return [str(installed), *arguments] if installed.exists() else [sys.executable, "-m", "mlpipeline", *arguments]


def wait_until(condition: Callable[[], Answer], what: str, patience_s: float = PATIENCE_S) -> Answer:
    """Return what `condition()` says as soon as that is true.

    Raises:
        BenchmarkError: it did not become true in time.
    """
    deadline = time.monotonic() + patience_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"after {patience_s:g} s there is still no {what}")
        time.sleep(0.01)
    return answer
