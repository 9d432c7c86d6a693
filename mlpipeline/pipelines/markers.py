"""The marker classes of a pipeline that say how artifacts are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlpipeline.authoring.stages import Artifact, artifact_name
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import StageDefinition


def storing_markers(stages: Iterable[StageDefinition]) -> Mapping[str, type[Artifact]]:
    """Return the marker classes with `save` and `load` that stages name anywhere, by the artifacts that they are for.

    Raises:
        PipelineError: one has only one of the two, or two of them are for one artifact.
    """
    found: dict[str, type[Artifact]] = {}
    for stage in stages:
        for marker in stage.markers:
            if marker.save is None and marker.load is None:
                continue
            name = artifact_name(marker)
            if marker.save is None or marker.load is None:
                lacks, has = ("save", "load") if marker.save is None else ("load", "save")
                raise PipelineError(
                    f'{marker.__qualname__}, the marker of "{name}", has `{has}` and no `{lacks}`. '
                    f"Write both: save(value, folder) and load(folder), each a @staticmethod."
                )
            if found.setdefault(name, marker) is not marker:
                raise PipelineError(
                    f'"{name}" is to be stored by two marker classes, {found[name].__qualname__} and '
                    f"{marker.__qualname__}. Have one."
                )
    return found
