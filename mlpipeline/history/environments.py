"""What a launch found around it, as its runs had it: packages, the state of git, and how it was called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpipeline.history.ledger import Ledger
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import Outputs


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a launch found around it; what is not known is None, or not there."""

    #: What the launch was called with.
    command: str | None = None
    python: str | None = None
    platform: str | None = None
    #: Name -> version.
    packages: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    #: Whether files differed from that commit, or were not in it.
    is_dirty: bool | None = None


def environment_of(launch: str, ledger: Ledger, outputs: Outputs) -> Environment:
    """Return what a launch found around it, as far as that was stored and still is."""
    rows = ledger.rows("SELECT command, environment FROM surroundings WHERE launch = ?", launch)
    command, name = rows[0] if rows else (None, None)
    stored = read_json(outputs.environment(name)) if name else None
    if not isinstance(stored, dict):
        return Environment(command=command)
    git = stored.get("git")
    return Environment(
        command=command,
        python=stored.get("python"),
        platform=stored.get("platform"),
        packages=stored.get("packages") or {},
        commit=git.get("commit") if isinstance(git, dict) else None,
        is_dirty=_is_dirty(git) if isinstance(git, dict) else None,
    )


def environments_in_use(launches: Iterable[str], ledger: Ledger) -> set[str]:
    """Return the names of what was stored of some launches, and of the latest of each host: it may still start runs."""
    latest = "SELECT id FROM launches WHERE rowid IN (SELECT max(rowid) FROM launches GROUP BY host)"
    stored = dict(ledger.rows("SELECT launch, environment FROM surroundings WHERE environment IS NOT NULL"))
    return {
        stored[launch] for launch in (*launches, *(launch for (launch,) in ledger.rows(latest))) if launch in stored
    }


def _is_dirty(git: Mapping[str, Any]) -> bool | None:
    if git.get("diff") is None and git.get("untracked") is None:
        return None  # git did not answer in time.
    return bool(git.get("diff") or git.get("untracked"))
