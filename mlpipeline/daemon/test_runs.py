"""A test run: one version, one step, in a folder that is thrown away."""

from __future__ import annotations

from pathlib import Path

from mlpipeline.domain.names import run_name
from mlpipeline.domain.queue import model_name
from mlpipeline.domain.spec import Mode, Spec
from mlpipeline.domain.states import Start
from mlpipeline.executors.executor import Attempt
from mlpipeline.project.files import to_json
from mlpipeline.project.paths import RunDir
from mlpipeline.project.settings import Settings


def test_spec(
    settings: Settings, host: str, folder: Path, *, id: str, script: str, version: str, seed: int | None
) -> Spec:
    """Return what a test run carries out, on the live files.

    Args:
        settings: of the project.
        host: where it runs.
        folder: its own, where its model dir will be.
        id: what its processes are found by, and killed.
        script: relative to models_dir.
        version: its name.
        seed: the version's own, if it has one.
    """
    model = model_name(script)
    return Spec(
        run=f"test-{id}",
        name=run_name(model, version, id),
        model=model,
        version=version,
        mode=Mode.TEST,
        host=host,
        script=str(settings.models_dir / script),
        models_dir=str(settings.models_dir),
        project=str(settings.root),
        model_dir=str(folder / "model"),
        start=Start.CLEAN,
        seed=0 if seed is None else seed,
    )


def written_attempt(spec: Spec, folder: Path) -> Attempt:
    """Return the one attempt of a test run whose folder this is; its run dir holds `spec.json`.

    Raises:
        OSError: it could not be written.
    """
    run_dir = RunDir(path=folder / "run")
    run_dir.path.mkdir()
    run_dir.spec.write_bytes(to_json(spec.to_json()))
    return Attempt.of(spec, run_dir)
