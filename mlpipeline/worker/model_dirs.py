"""Making a model dir ready for a run."""

from __future__ import annotations

from mlpipeline.worker.work import Work, is_clean_start


def make_ready(work: Work) -> None:
    """Make the model dir, moving what stood there out of the way if the run begins from nothing.

    The old directory is renamed, never deleted: `<name>.before-<run>`.
    """
    model_dir = work.model_dir
    if is_clean_start(work.spec) and model_dir.is_dir() and any(model_dir.iterdir()):
        aside = model_dir.with_name(f"{model_dir.name}.before-{work.spec.run}")
        model_dir.rename(aside)
        work.run.log(f"starts clean: the old model dir is kept as {aside.name}")
    model_dir.mkdir(parents=True, exist_ok=True)
    work.ready()
