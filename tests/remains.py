"""An outputs folder as runs of several hosts left it, without any of them having run."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlpipeline.daemon.collecting import Survey, survey
from mlpipeline.daemon.deleting import Deleted, Deleter
from mlpipeline.domain.retention import Rules
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.paths import Outputs

DAY_S = 86_400.0


class Remains:
    """Writes histories and what they tell of; `now` stands still."""

    def __init__(self, path: Path, host: str = "box1") -> None:
        self.outputs = Outputs(path=path, host=host)
        self.now = time.time()
        path.mkdir(parents=True, exist_ok=True)

    def tell(self, host: str, *events: dict[str, Any], days_ago: float = 0) -> None:
        """Append to the history of a host."""
        at = datetime.fromtimestamp(self.now - days_ago * DAY_S, UTC).isoformat(timespec="milliseconds")
        with (self.outputs.path / f"history-{host}.jsonl").open("a") as file:
            file.writelines(json.dumps({"at": at, **event}) + "\n" for event in events)

    def launch(self, launch: str, environment: str, *, host: str = "box1", days_ago: float = 0) -> None:
        """Have a launch begin, and find that around it."""
        began = {"event": "launch", "launch": launch, "host": host, "pid": 1, "command": "mlpipeline -r"}
        found = {"event": "environment", "launch": launch, "environment": environment}
        self.tell(host, began, found, days_ago=days_ago)

    def select(self, id: str, version: str, *, days_ago: float = 0, host: str = "box1", **changed: Any) -> Path:
        """Have a run of `net` begin, and return its run dir."""
        name = changed.get("name", f"net-{version}-{id}")
        event = {"event": "selected", "run": id, "name": name, "model": "net", "version": version, "host": host}
        more = {"launch": f"launch-{host}", "identity": "i", "start": "clean", "seed": 0, "model_dir": f"net-{version}"}
        self.tell(
            host, {**event, **more, "parameters": {}, "previous": None, "code": None, **changed}, days_ago=days_ago
        )
        attempt = self.outputs.run_dir(name).attempt(1).path
        attempt.mkdir(parents=True)
        (attempt.parent / "spec.json").write_text("{}")
        return attempt.parent

    def end(self, id: str, *, days_ago: float = 0, host: str = "box1", **changed: Any) -> None:
        """Have that run end."""
        event = {"event": "ended", "run": id, "outcome": "succeeded", "prepared": True, "results": {}}
        self.tell(host, {**event, **changed}, days_ago=days_ago)

    def run(
        self,
        id: str,
        version: str,
        *,
        days_ago: float = 0,
        host: str = "box1",
        outcome: str = "succeeded",
        results: dict[str, Any] | None = None,
        **changed: Any,
    ) -> Path:
        """Have a run begin and end, and leave a run dir and a model dir; return the run dir."""
        folder = self.select(id, version, days_ago=days_ago, host=host, **changed)
        self.end(id, days_ago=days_ago, host=host, outcome=outcome, results=results or {})
        model_dir = self.outputs.model_dir(changed.get("model_dir", f"net-{version}"))
        model_dir.mkdir(parents=True, exist_ok=True)
        (model_dir / "checkpoint").write_bytes(b"x" * 5000)
        (folder / "1" / "output.log").write_text("said\n")
        age(folder / "1", days_ago * DAY_S)
        return folder

    def store_code(self, name: str, *, hours_ago: float = 2) -> Path:
        """Leave code as it was stored."""
        path = self.outputs.code(name)
        path.mkdir(parents=True)
        (path / "manifest.json").write_text("{}")
        return age(path, hours_ago * 3600)

    def store_environment(self, name: str, *, hours_ago: float = 2) -> Path:
        """Leave an environment as it was stored."""
        path = self.outputs.environment(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
        return age(path, hours_ago * 3600)

    def ledger(self) -> Ledger:
        """Read the histories."""
        return Ledger.read(self.outputs, os.environ, warn=lambda text: None)

    def survey(self, **rules: Any) -> Survey:
        """See what may go."""
        return survey(self.outputs, self.ledger(), Rules(**rules), now=self.now, server_now=self.now)

    def going(self, **rules: Any) -> set[str]:
        """Return the paths of what may go, from the outputs folder on."""
        return {item.path.relative_to(self.outputs.path).as_posix() for item in self.survey(**rules).items}

    def left(self, **rules: Any) -> dict[str, str]:
        """Return the paths of what is left alone, and why."""
        found = self.survey(**rules).left
        return {left.path.relative_to(self.outputs.path).as_posix(): left.why for left in found}

    def delete(self, found: Survey, ledger: Ledger | None = None) -> list[Deleted]:
        """Delete what was found."""
        deleter = Deleter(self.outputs, ledger or self.ledger(), by="mlpipeline gc", server_now=self.now)
        return list(deleter.delete(found.items))


def age(path: Path, seconds: float) -> Path:
    """Have something be as old as that."""
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def tree(folder: Path) -> set[str]:
    """All that lies in a folder, hidden or not."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
