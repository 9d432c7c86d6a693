"""Taking over what a dead daemon left: adopting what lives, and revoking what never began."""

from __future__ import annotations

import os
from pathlib import Path

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.records import Records
from mlpipeline.domain.runs import Run
from mlpipeline.executors.local import handle_of
from mlpipeline.executors.processes import ProcessId
from mlpipeline.history import claims
from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import create_exclusively, read_json, to_json
from mlpipeline.project.paths import AttemptDir, Outputs, RunDir


def take_over(run: Run, outputs: Outputs, records: Records) -> Active | None:
    """Return a run that an earlier daemon of this host left open, to be watched like any other.

    A run whose worker never said that it was there is revoked: a worker that comes late loses the race for
    `worker.json` and leaves. Such a run is withdrawn, and None is returned.
    """
    attempt = outputs.run_dir(run.name).attempt(run.attempt)
    if revoke(attempt):
        records.note({"event": "withdrawn", "run": run.id, "why": "the daemon died before its worker began"})
        claims.release(outputs.claim(run.model_dir), run.id)
        records.log(f"{run.key} had not begun when the daemon died: withdrawn", run.id)
        return None
    process = ProcessId.from_json(read_json(attempt.worker))
    handle = run.handle if process is None and run.handle else handle_of(process, run.id)
    return Active(run_id=run.id, attempt=attempt, handle=handle)


def revoke(attempt: AttemptDir) -> bool:
    """Take an attempt away from a worker that has not begun; return False when one has."""
    worker = read_json(attempt.worker)
    if worker is None:
        attempt.path.mkdir(parents=True, exist_ok=True)
        revoked = {"revoked": True, "by": os.getpid(), "at": timestamp()}
        if create_exclusively(attempt.worker, to_json(revoked)):
            return True
        worker = read_json(attempt.worker)
    return bool(worker and worker.get("revoked"))


def is_stale(claim: claims.Claim, host: str, records: Records) -> bool:
    """Return whether a claim can be taken over: it is this host's, and its run is over or never began."""
    if claim.host != host:
        return False
    run = records.ledger.get(claim.run)
    if run is not None:
        return not run.is_open
    # No history knows the run: it was started without recording, or its daemon died before it was selected.
    worker = ProcessId.from_json(read_json(RunDir(path=Path(claim.run_dir)).attempt(1).worker))
    return worker is None or not worker.is_alive()
