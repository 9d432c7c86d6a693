"""What lies in the outputs and should not: files of others, left-overs, claims and records that nobody needs."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from mlpipeline.daemon.checkup.case import Case
from mlpipeline.daemon.checkup.daemons import is_at_work
from mlpipeline.domain.findings import Finding, bad, look, ok
from mlpipeline.domain.runs import Run
from mlpipeline.domain.words import named
from mlpipeline.executors.processes import ProcessId
from mlpipeline.history import claims as all_claims
from mlpipeline.project.files import read_json
from mlpipeline.project.storage import is_passing

#: What is ours in the outputs folder.
_OURS = re.compile(
    r"log-.+|output-.+|heartbeat-.+|history-.+\.jsonl|model_ckpts|claims|runs|code|environments|\.locks", re.DOTALL
)
#: How a synchronising program calls the second of two files that were changed at once.
_CONFLICT = re.compile(r"conflicted copy|sync-conflict|conflict-[0-9]{8}|\((case conflict|[A-Z].* conflict)", re.I)
#: Younger than this, in seconds, what was written aside may be about to be put in its place.
_SETTLED_S = 3600.0
#: A run dir is written before history names it: one may be so young, in seconds.
_NEW_S = 600.0
#: How many names are told of many.
_NAMED = 3


def files(case: Case) -> Iterator[Finding]:
    """Look for what is not ours, was left over, or is a copy that a synchronising program made."""
    outputs = case.outputs
    try:
        names = sorted(path.name for path in outputs.path.iterdir())
    except OSError:
        return
    conflicts = [name for name in names if _CONFLICT.search(name)]
    for name in conflicts:
        path = shlex.quote(str(outputs.path / name))
        if name.startswith("history-"):
            told = f"{name} was made by a synchronising program, and is read as the history of another host"
            yield bad("files", told, f"mv {path} ~/  # then compare it with its original")
        else:
            yield look("files", f"{name} was made by a synchronising program", f"rm {path}")
    left = list(_left_over(case, names))
    if left:
        named = _listed([str(path.relative_to(outputs.path)) for path in left])
        yield look("files", f"left over by processes that were killed: {named}", "mlpipeline gc  # clears it")
    unknown = [name for name in names if not (_OURS.fullmatch(name) or is_passing(name) or name in conflicts)]
    if unknown:
        yield look("files", f"not mlpipeline's: {_listed(unknown)}. They do no harm", None)
    if not (conflicts or left or unknown):
        yield ok("files", "nothing in the outputs that does not belong there")


def claims(case: Case) -> Iterator[Finding]:
    """Look for claims that keep versions from starting though nobody works in their model dirs."""
    folder = case.outputs.claims
    troubles: list[Finding] = []
    stale, held_count = [], 0
    for path, claim in all_claims.of_all(folder):
        name = path.relative_to(folder).as_posix().removesuffix(".json")
        remove = f"rm {shlex.quote(str(path))}"
        run = case.ledger.get(claim.run)
        if claim is all_claims.UNREADABLE:
            told = f"that of {name} cannot be read: whoever holds the model dir, nothing starts there"
            troubles.append(bad("claims", told, f"{remove}  # when nothing runs there"))
        elif is_at_work(case, claim.host) or (claim.host == case.outputs.host and _is_alive(run, claim)):
            held_count += 1
        elif claim.host == case.outputs.host:
            stale.append(name)
        else:
            told = f"{name} is held by {claim.host}, where no daemon is heard of: nothing else starts there"
            release = remove if run is None else f"mlpipeline release {shlex.quote(run.key)}"
            troubles.append(look("claims", told, f"{release}  # if {claim.host} is gone for good"))
    if stale:
        told = f"left by a daemon that died: {_listed(stale)}; the next launch settles them"
        troubles.append(look("claims", told, "mlpipeline -r -u"))
    yield from troubles
    if not troubles:
        yield ok("claims", f"{held_count or 'no'} model dir{'s are' if held_count > 1 else ' is'} held")


def records(case: Case) -> Iterator[Finding]:
    """Look for run dirs that no history names."""
    if case.warnings:
        return  # What cannot be read may name them: nobody is to delete them for that.
    folder = case.outputs.path / "runs"
    unnamed = []
    for path in _run_dirs(folder):
        name = path.relative_to(folder).as_posix()
        run = case.ledger.get(name.rpartition("-")[2])
        if (run is None or run.name != name) and case.now - path.stat().st_mtime > _NEW_S:
            unnamed.append(name)
    if unnamed:
        told = (
            f"{len(unnamed)} in runs/ are named by no history: {_listed(unnamed)}. Is a history-<host>.jsonl missing?"
        )
        yield look("runs", told, "bring that history back; records that nobody misses may be deleted")


def _is_alive(run: Run | None, claim: all_claims.Claim) -> bool:
    attempt = run.attempt if run is not None else 1
    process = ProcessId.from_json(read_json(Path(claim.run_dir) / str(attempt) / "worker.json"))
    return process is not None and process.is_alive()


def _left_over(case: Case, names: list[str]) -> Iterator[Path]:
    outputs = case.outputs.path
    inner = [outputs / name for name in ("claims", "runs", "model_ckpts", "code", "environments", ".locks")]
    candidates = [outputs / name for name in names]
    for folder in inner:
        if folder.is_dir():
            candidates += folder.iterdir()
    for path in candidates:
        if not is_passing(path.name):
            continue
        try:
            age_s = case.now - path.lstat().st_mtime
        except OSError:
            continue
        if age_s > _SETTLED_S:
            yield path


def _run_dirs(folder: Path) -> Iterator[Path]:
    """Yield the records below a folder; those of models in sub-folders lie in sub-folders."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            inside = [Path(entry.path) for entry in os.scandir(here) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        for path in inside:
            if is_passing(path.name):
                continue
            if (path / "spec.json").exists():
                yield path
            else:
                waiting.append(path)


def _listed(names: list[str]) -> str:
    return named(names, _NAMED)
