"""mlpipeline: a queue for machine-learning experiments that one person can leave running."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpipeline.authoring.command_model import CommandModel
    from mlpipeline.authoring.function_model import FunctionModel
    from mlpipeline.authoring.metrics import MetricContainer
    from mlpipeline.authoring.model import DataLoader, Model
    from mlpipeline.authoring.versions import Versions, version_parameters

__version__ = "2.0.0"

__all__ = [
    "CommandModel",
    "DataLoader",
    "FunctionModel",
    "MetricContainer",
    "Model",
    "Versions",
    "version_parameters",
]

_HOMES = {
    "CommandModel": "command_model",
    "DataLoader": "model",
    "FunctionModel": "function_model",
    "MetricContainer": "metrics",
    "Model": "model",
    "Versions": "versions",
    "version_parameters": "versions",
}


def __getattr__(name: str) -> object:
    """Import what a script asks for when it asks: the command itself needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mlpipeline.authoring.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
