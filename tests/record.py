"""What the command left in a project's outputs, for tests to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support import HOST, Project


def specs(project: Project, key: str) -> list[dict[str, Any]]:
    """What the workers of `model:version` were told, oldest first."""
    selected = [
        event
        for event in project.history()
        if event["event"] == "selected" and f"{event['model']}:{event['version']}" == key
    ]
    return [json.loads((project.outputs / "runs" / event["name"] / "spec.json").read_bytes()) for event in selected]


def starts(project: Project, key: str) -> list[str]:
    """How the runs of `model:version` began, oldest first: clean, resume or again."""
    return [spec["start"] for spec in specs(project, key)]


def outcomes(project: Project, key: str, host: str = HOST) -> list[str]:
    """How the runs of `model:version` ended, oldest first."""
    names = {
        event["run"]: f"{event['model']}:{event['version']}"
        for event in project.history(host)
        if event["event"] == "selected"
    }
    return [
        event["outcome"] for event in project.history(host) if event["event"] == "ended" and names[event["run"]] == key
    ]


def model_dir(project: Project, name: str) -> Path:
    """The model dir called `name`, `<model>-<suffix>`."""
    return project.outputs / "model_ckpts" / name


def set_aside(project: Project, name: str) -> list[Path]:
    """Its former model dirs, kept as `<name>.before-<run>`."""
    return sorted(model_dir(project, name).parent.glob(f"{name}.before-*"))


def edit(project: Project, name: str, old: str, new: str) -> None:
    """Put `new` in the place of `old` in a file below models_dir."""
    path = project.models_dir / name
    source = path.read_text("utf-8")
    assert old in source
    path.write_text(source.replace(old, new), "utf-8")
