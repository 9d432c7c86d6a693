"""Taking an attempt away from a worker that has not begun: who creates `worker.json` first has it."""

from __future__ import annotations

import os

from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import create_exclusively, read_json, to_json
from mlpipeline.project.paths import AttemptDir


def revoke(attempt: AttemptDir) -> bool:
    """Take the attempt away; return False when a worker has begun. One that comes late runs no user code.

    Raises:
        OSError: it could not be written.
    """
    worker = read_json(attempt.worker)
    if worker is None:
        attempt.path.mkdir(parents=True, exist_ok=True)
        revoked = {"revoked": True, "by": os.getpid(), "at": timestamp()}
        if create_exclusively(attempt.worker, to_json(revoked)):
            return True
        worker = read_json(attempt.worker)
    return bool(worker and worker.get("revoked"))
