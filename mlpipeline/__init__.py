"""mlpipeline: a queue for machine-learning experiments that one person can leave running."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpipeline.authoring.command_model import CommandModel
    from mlpipeline.authoring.function_model import FunctionModel
    from mlpipeline.authoring.metrics import MetricContainer
    from mlpipeline.authoring.model import DataLoader, Model
    from mlpipeline.authoring.stages import Artifact, Input, Primary, Stage, artifact, stage
    from mlpipeline.authoring.versions import Versions, version_parameters
    from mlpipeline.pipelines.pipeline import Pipeline

__version__ = "2.0.0"

__all__ = [
    "Artifact",
    "CommandModel",
    "DataLoader",
    "FunctionModel",
    "Input",
    "MetricContainer",
    "Model",
    "Pipeline",
    "Primary",
    "Stage",
    "Versions",
    "artifact",
    "stage",
    "version_parameters",
]

_HOMES = {
    "Artifact": "authoring.stages",
    "CommandModel": "authoring.command_model",
    "DataLoader": "authoring.model",
    "FunctionModel": "authoring.function_model",
    "Input": "authoring.stages",
    "MetricContainer": "authoring.metrics",
    "Model": "authoring.model",
    "Pipeline": "pipelines.pipeline",
    "Primary": "authoring.stages",
    "Stage": "authoring.stages",
    "Versions": "authoring.versions",
    "artifact": "authoring.stages",
    "stage": "authoring.stages",
    "version_parameters": "authoring.versions",
}


def __getattr__(name: str) -> object:
    """Import what a script asks for when it asks: the command itself needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mlpipeline.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
