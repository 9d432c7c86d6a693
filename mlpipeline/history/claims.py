"""Claims: who holds a model dir, so that no two runs, on whatever hosts, use it at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
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


#: What stands for a claim that cannot be read.
UNREADABLE = Claim(host="", run="", run_dir="", at="")


def take(path: Path, claim: Claim) -> Claim | None:
    """Take a model dir for a run; return None, or the claim of whoever holds it already.

    Raises:
        OSError: the claim could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # It need not outlast a power cut, as its holder does not; one that is left empty is removed (`remove_empty`). To
    # flush it, and later to remove a flushed file, would cost 1.5 ms of the 20 of a run.
    while not create_exclusively(path, to_json(vars(claim)), to_disk=False):
        holder = read(path)
        if holder is not None:
            return holder
        # It was given back just now.
    return None


def read(path: Path) -> Claim | None:
    """Return what the claim file says, or None when there is none.

    A claim that cannot be read is held by nobody known, and so by nobody that can be asked: it counts as held.
    """
    value = read_json(path)
    try:
        return Claim(host=value["host"], run=value["run"], run_dir=value["run_dir"], at=value["at"])
    except (KeyError, TypeError):
        return UNREADABLE if path.exists() else None


def release(path: Path, run: str) -> None:
    """Give a model dir back, if it is `run` that holds it."""
    claim = read(path)
    if claim is not None and claim is not UNREADABLE and claim.run == run:
        path.unlink(missing_ok=True)


def remove_empty(folder: Path, booted_at: float) -> None:
    """Remove the claims below `folder` that a power cut left without content: it came before their data was written.

    One that cannot be read or removed stays, and so counts as held.

    Args:
        folder: of all claims.
        booted_at: when this machine was started, in seconds since the epoch. What is older was left by nobody who is
            still there; what is younger stays.
    """
    for path in folder.rglob("*.json"):
        with suppress(OSError):
            if path.stat().st_mtime < booted_at and not path.read_bytes().strip(b"\0"):
                path.unlink()


def of_all(folder: Path) -> Iterator[tuple[Path, Claim]]:
    """Yield all claims below `folder`, those that cannot be read as `UNREADABLE`."""
    for path in sorted(folder.rglob("*.json")):
        claim = read(path)
        if claim is not None:
            yield path, claim


def of_host(folder: Path, host: str) -> Iterator[tuple[Path, Claim]]:
    """Yield the claims below `folder` that runs of `host` hold."""
    for path, claim in of_all(folder):
        if claim.host == host:
            yield path, claim
