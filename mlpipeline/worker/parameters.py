"""A version's parameters as they are recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlpipeline.domain.values import as_parameter

if TYPE_CHECKING:
    from mlpipeline.authoring.versions import Version
    from mlpipeline.domain.changes import Further


def parameters_of(version: Version) -> dict[str, Any]:
    """Return a version's own parameters as they are recorded."""
    return {name: as_parameter(value) for name, value in version.own_parameters().items()}


def further_parameters(model: Any, version: Version) -> Further:
    """Return what of a version an entry of the queue may change beside its own parameters."""
    from mlpipeline.domain.changes import NOTHING_FURTHER
    from mlpipeline.worker.models import kind_of

    further: Further = model.further_parameters(version) if kind_of(model) == "Pipeline" else NOTHING_FURTHER
    return further


def recorded(further: Further) -> Further:
    """Return what may be changed as it is recorded."""
    from dataclasses import replace

    return replace(further, defaults={name: as_parameter(value) for name, value in further.defaults.items()})


def changed_version(version: Version, name: str, changes: Mapping[str, Any], further: Further) -> Version:
    """Return the version of that name which an entry of the queue makes of one of the script's.

    Args:
        version: of the script.
        name: of the one that is made.
        changes: parameter -> its value.
        further: what `further_parameters` says.

    Raises:
        NoSuchParameter: it does not have one that is to be changed.
    """
    from mlpipeline.authoring.version import version_parameters
    from mlpipeline.domain.changes import Changes

    made = version.copy()
    made.update(Changes(values=changes).in_place(version.own_parameters(), further))
    made[version_parameters.NAME] = name
    if version.get(version_parameters.MODEL_DIR_SUFFIX) is not None:
        made[version_parameters.MODEL_DIR_SUFFIX] = f"{version.suffix}{name.removeprefix(version.name)}"
    return made


def changed_parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of the recorded parameters that differ, in order; NaN is equal to NaN."""
    return [name for name in sorted({*before, *after}) if _comparable(before, name) != _comparable(after, name)]


def _comparable(parameters: Mapping[str, Any], name: str) -> str | None:
    return json.dumps(parameters[name], sort_keys=True) if name in parameters else None
