"""The machine that the figures were taken on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.workbench import REPOSITORY


def surroundings(folder: Path) -> dict[str, Any]:
    """Return date, machine, Python and the commit that is measured; `folder` is where the projects are made."""
    return {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "file_system": _file_system(folder),
            "load": list(os.getloadavg()),
        },
    }


def described(about: dict[str, Any]) -> str:
    """Return the same as a line for people."""
    machine = about["machine"]
    return (
        f"{about['date'][:10]}, {machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB, "
        f"{machine['file_system']}, {about['python']}, {machine['system']}; commit {about['commit']}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(folder: Path) -> str:
    """Return the kind of file system that `folder` is on: what it costs to flush to disk depends on it."""
    holding = [disk for disk in psutil.disk_partitions(all=True) if folder.is_relative_to(disk.mountpoint)]
    return max(holding, key=lambda disk: len(disk.mountpoint)).fstype if holding else "unknown"


def _commit() -> str:
    described_commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return described_commit.stdout.strip() or "unknown"
