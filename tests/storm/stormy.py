"""A project of quick versions that leave evidence, and its launches."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import HOST, Project, Started, write_project

MODELS = Path(__file__).with_name("models")
SCRIPTS = ("remembered", "counted", "loading", "command")
#: How many versions of a script follow each other in the queue.
_CHUNK = 2
#: How many runs each host carries out at once.
AT_ONCE = 4
#: How many steps each version trains.
STEPS = 8
#: How long a run that is told to stop may take, in seconds.
_STOP_GRACE_S = 2
#: After so many launches that nothing disturbs there must be nothing left to do.
_MOST_LAUNCHES = 6
#: How long such a launch may take, in seconds.
_LAUNCH_TIME_S = 240


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an attempt said of itself."""

    #: The name of the version's model dir.
    version: str
    attempt: str
    #: `begins`, `overlaps` another one, `kept` a step, or `ends`.
    what: str
    step: int | None

    @property
    def run(self) -> str:
        """The id of its run."""
        return self.attempt.partition(".")[0]


class Stormy:
    """A project with so many versions, and all that was launched in it."""

    def __init__(
        self, folder: Path, *, versions: int, hosts: Sequence[str] = (HOST,), env: Mapping[str, str] | None = None
    ) -> None:
        """Write it into `folder`; `env` is in the environment of everything that is started."""
        self.hosts = tuple(hosts)
        self.evidence = folder / "evidence"
        self.evidence.mkdir(parents=True)
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        #: All that was launched, in order.
        self.launches: list[Started] = []
        each = -(-versions // len(SCRIPTS))
        self.env = {
            "STORM_EVIDENCE": str(self.evidence),
            "STORM_STEPS": str(STEPS),
            "STORM_VERSIONS": str(each),
            "TMPDIR": str(self.temporary),
            **(env or {}),
        }
        self.project: Project = write_project(
            folder,
            {path.name: path.read_text() for path in sorted(MODELS.glob("*.py"))},
            queue=list(_queue(each)),
            settings=f"[worker]\nstop_grace = {_STOP_GRACE_S}\n",
        )
        #: The names of all model dirs, in the order of the queue.
        self.versions = [f"{entry['script'][:-3]}-{name}" for entry in _queue(each) for name in entry["versions"]]

    def launch(self, host: str = HOST, **env: str) -> Started:
        """Start a daemon that does what is left."""
        started = self.project.start("-r", "-u", "-j", str(AT_ONCE), env={**self.env, "MLP_HOST": host, **env})
        self.launches.append(started)
        return started

    def let_through(self, share: float) -> None:
        """Let so much of the queue, and what runs beside it, come to its end: versions wait for that."""
        for version in self.versions[: int(share * len(self.versions)) + AT_ONCE]:
            (self.evidence / f"{version}.open").touch()

    def finish(self) -> None:
        """Launch on each host, undisturbed, until there is nothing left to do."""
        self.let_through(1)
        for host in self.hosts:
            self._finish(host)

    def _finish(self, host: str) -> None:
        for _ in range(_MOST_LAUNCHES):
            before = len(self.selected(host))
            daemon = self.launch(host)
            status = daemon.wait(_LAUNCH_TIME_S)
            if status == 0 and len(self.selected(host)) == before:
                return
        raise AssertionError(f"not done after {_MOST_LAUNCHES} launches on {host}: {daemon.out}\n{daemon.err}")

    def history(self) -> Iterator[dict[str, Any]]:
        """The events of all hosts; those of one host in order."""
        return itertools.chain.from_iterable(self.project.history(host) for host in self.hosts)

    def selected(self, host: str) -> list[dict[str, Any]]:
        """The runs that a host began."""
        return [event for event in self.project.history(host) if event["event"] == "selected"]

    def told(self) -> list[Told]:
        """What all attempts said of themselves, in order."""
        path = self.evidence / "told.jsonl"
        return [Told(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _queue(each: int) -> Iterator[Mapping[str, Any]]:
    for first in range(0, each, _CHUNK):
        for script in SCRIPTS:
            names = [f"v{number}" for number in range(first, min(first + _CHUNK, each))]
            yield {"script": f"{script}.py", "versions": names}
