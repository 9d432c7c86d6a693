"""The door of v1.1's model scripts to versions, metrics and logging."""

from mlpipeline.authoring.console import add_script_dir_to_PATH, console_colors, log
from mlpipeline.authoring.logger import set_logger
from mlpipeline.authoring.metrics import Metric, MetricContainer
from mlpipeline.authoring.modes import ExecutionModeKeys, ModeKeys
from mlpipeline.authoring.versions import Versions, version_parameters

__all__ = [
    "ExecutionModeKeys",
    "Metric",
    "MetricContainer",
    "ModeKeys",
    "Versions",
    "add_script_dir_to_PATH",
    "console_colors",
    "log",
    "set_logger",
    "version_parameters",
]
