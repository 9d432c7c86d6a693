"""A project of quick versions that leave evidence, and its launches."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
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
#: What a launch is called with.
LAUNCH = ("-r", "-u", "-j", str(AT_ONCE))
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
        self,
        folder: Path,
        *,
        versions: int,
        scripts: Sequence[str] = SCRIPTS,
        hosts: Sequence[str] = (HOST,),
    ) -> None:
        """Write it into `folder`."""
        self.hosts = tuple(hosts)
        self.evidence = folder / "evidence"
        self.evidence.mkdir(parents=True)
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        #: All that was launched, in order.
        self.launches: list[Started] = []
        each = -(-versions // len(scripts))
        queue = list(_queue(scripts, each))
        #: In the environment of everything that is started.
        self.env = {
            "STORM_EVIDENCE": str(self.evidence),
            "STORM_STEPS": str(STEPS),
            "STORM_VERSIONS": str(each),
            "TMPDIR": str(self.temporary),
        }
        self.project: Project = write_project(
            folder,
            {path.name: path.read_text() for path in sorted(MODELS.glob("*.py"))},
            queue=queue,
            settings=f"[queue]\nmin_free_disk = 0\n[worker]\nstop_grace = {_STOP_GRACE_S}\n",
        )
        #: The names of all model dirs, in the order of the queue.
        self.versions = [f"{entry['script'][:-3]}-{name}" for entry in queue for name in entry["versions"]]

    def launch(self, host: str = HOST) -> Started:
        """Start a daemon that does what is left."""
        started = self.project.start(*LAUNCH, env={**self.env, "MLP_HOST": host})
        self.launches.append(started)
        return started

    def let_through(self, share: float) -> None:
        """Let so much of the queue, and what runs beside it, come to its end: versions wait for that."""
        for version in self.versions[: int(share * len(self.versions)) + AT_ONCE]:
            (self.evidence / f"{version}.open").touch()

    def finish(self) -> None:
        """Launch on all hosts, undisturbed, until there is nothing left to do."""
        self.let_through(1)
        for _ in range(_MOST_LAUNCHES):
            before = self.count("selected")
            # One after the other, and again: what one host left, another may only take once that one has recorded it.
            statuses = [self.launch(host).wait(_LAUNCH_TIME_S) for host in self.hosts]
            if not any(statuses) and self.count("selected") == before:
                return
        told = "\n".join(launch.out + launch.err for launch in self.launches[-len(self.hosts) :])
        raise AssertionError(f"not done after {_MOST_LAUNCHES} launches on each host: {told}")

    def events(self, host: str) -> list[dict[str, Any]]:
        """The events of a host's history, oldest first, without lines that are torn."""
        path = self.project.outputs / f"history-{host}.jsonl"
        found = []
        for line in path.read_bytes().splitlines() if path.exists() else ():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def history(self) -> Iterator[dict[str, Any]]:
        """The events of all hosts; those of one host in order."""
        return itertools.chain.from_iterable(self.events(host) for host in self.hosts)

    def count(self, event: str) -> int:
        """How often something happened on all hosts: `selected`, `ended`."""
        return sum(one["event"] == event for one in self.history())

    def told(self) -> list[Told]:
        """What all attempts said of themselves, in order."""
        path = self.evidence / "told.jsonl"
        return [Told(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _queue(scripts: Sequence[str], each: int) -> Iterator[Mapping[str, Any]]:
    for first in range(0, each, _CHUNK):
        for script in scripts:
            names = [f"v{number}" for number in range(first, min(first + _CHUNK, each))]
            yield {"script": f"{script}.py", "versions": names}
