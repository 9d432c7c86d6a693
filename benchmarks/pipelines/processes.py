"""Calling the tools, each with its own Python, and hearing what their scripts measured."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from benchmarks import workbench
from benchmarks.pipelines.measurements import Place

_SCRIPTS = Path(__file__).with_name("scripts")


def told(place: Place, python: Path, script: str, *arguments: str) -> Any:
    """Run one of the scripts that lie beside this module in a fresh process; return the JSON that it printed last.

    Raises:
        BenchmarkError: it failed.
    """
    return timed(place, python, script, *arguments)[0]


def timed(place: Place, python: Path, script: str, *arguments: str) -> tuple[Any, float]:
    """Do that, and return as well how many seconds the whole process took.

    Raises:
        BenchmarkError: it failed.
    """
    for name in (script, "stopwatch.py"):
        if not (place.folder / name).exists():
            shutil.copyfile(_SCRIPTS / name, place.folder / name)
    printed, took_s = called(place, python, str(python), script, *arguments)
    return json.loads(printed.splitlines()[-1]), took_s


def beyond(took_s: float, start_s: float) -> float:
    """What a process took beyond its start; 0 where the two differ by less than a tenth, as any two starts do."""
    return took_s - start_s if took_s > 1.1 * start_s else 0.0


def called(place: Place, python: Path, *command: str) -> tuple[str, float]:
    """Run a command in the place's folder; return what it printed, and how many seconds it took.

    Raises:
        BenchmarkError: it failed.
    """
    return workbench.called(command, place.folder, _environment(place, python))


def _environment(place: Place, python: Path) -> dict[str, str]:
    return {
        **place.bench.environment,
        "PATH": os.pathsep.join([str(python.parent), place.bench.environment.get("PATH", "")]),
        # What a tool keeps for itself does not outlive the place.
        "HOME": str(place.folder / "home"),
        "XDG_CACHE_HOME": str(place.folder / "home" / ".cache"),
        "DVC_SITE_CACHE_DIR": str(place.folder / "home" / "dvc"),
        "DVC_NO_ANALYTICS": "1",
        "HAMILTON_TELEMETRY_ENABLED": "false",
    }
