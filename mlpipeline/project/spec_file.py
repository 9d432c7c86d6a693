"""`spec.json`: what a run is to carry out, as the daemon wrote it."""

from __future__ import annotations

from mlpipeline.domain.spec import Spec
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import RunDir


def read_spec(run_dir: RunDir) -> Spec | None:
    """Return the spec of a run, or None where it is gone, or was never wholly written: people delete run dirs."""
    try:
        return Spec.from_json(read_json(run_dir.spec))
    except (KeyError, TypeError, ValueError):
        return None
