"""Claims: who holds a model dir, so that no two runs, on whatever hosts, use it at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlpipeline.project.files import create_exclusively, read_json, to_json


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a claim file says."""

    host: str
    run: str
    #: Where the record of the run is, absolute: the holder may be a run that no history knows.
    run_dir: str
    #: Since when, ISO 8601.
    at: str


def take(path: Path, claim: Claim) -> Claim | None:
    """Take a model dir for a run; return None, or the claim of whoever holds it already.

    A claim that cannot be read is held by nobody known, and so by nobody that can be asked: it counts as held.

    Raises:
        OSError: the claim could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if create_exclusively(path, to_json(vars(claim))):
        return None
    return read(path) or Claim(host="unknown", run="unknown", run_dir="", at="unknown")


def read(path: Path) -> Claim | None:
    """Return what the claim file says, or None when there is none or it is unreadable."""
    value = read_json(path)
    try:
        return Claim(host=value["host"], run=value["run"], run_dir=value["run_dir"], at=value["at"])
    except (KeyError, TypeError):
        return None


def release(path: Path, run: str) -> None:
    """Give a model dir back, if it is `run` that holds it."""
    claim = read(path)
    if claim is not None and claim.run == run:
        path.unlink(missing_ok=True)
