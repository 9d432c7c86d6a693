"""A machine with GPUs to try the command on, where there are none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from support import GATE_SOURCE, Gate, Project, wait_until

_FAKE = Path(__file__).parent / "nvml"


class Box:
    """A machine with GPUs called `GPU-0…`, and models that wait at a gate each, called as their version."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.gpus: list[dict[str, Any]] = [{"uuid": f"GPU-{index}-of-the-box"} for index in range(count)]
        self._file = folder / "nvml.json"
        self.save()

    def save(self, error: int | None = None) -> None:
        """Have NVML say what `gpus` holds now, or answer every call with `error`."""
        aside = self._file.with_suffix(".aside")
        aside.write_text(json.dumps({"error": error, "gpus": self.gpus}))
        aside.replace(self._file)

    @property
    def env(self) -> dict[str, str]:
        """What a daemon has in its environment on this machine."""
        path = os.pathsep.join(filter(None, (str(_FAKE), os.environ.get("PYTHONPATH"))))
        return {"PYTHONPATH": path, "FAKE_NVML": str(self._file)}

    def gate(self, version: str) -> Gate:
        """Where the run of a version waits."""
        return Gate(self.folder / f"gate-{version}")

    def leased(self, version: str) -> str | None:
        """`CUDA_VISIBLE_DEVICES` as the run of a version saw it, once it is there."""
        wait_until((self.folder / f"seen-{version}").exists, message=f"no run of {version}")
        value: str | None = json.loads((self.folder / f"seen-{version}").read_text())
        return value

    def open_gates(self, *versions: str) -> None:
        """Let the runs of these versions end."""
        for version in versions:
            self.gate(version).open()

    def has_begun(self, version: str) -> bool:
        """Whether a run of a version has begun."""
        return (self.folder / f"seen-{version}").exists()

    def script(self, versions: Mapping[str, Mapping[str, Any] | None]) -> str:
        """A model script with these versions and what each asks for; None says nothing."""
        added = "".join(
            f"versions.add_version({name!r}, who={name!r}{'' if asked is None else f', resources={dict(asked)!r}'})\n"
            for name, asked in versions.items()
        )
        return f"""
import json, os, pathlib
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
AT_IMPORT = os.environ.get("CUDA_VISIBLE_DEVICES")
def train(who):
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == AT_IMPORT
    aside = pathlib.Path({str(self.folder)!r}, f"aside-{{who}}")
    aside.write_text(json.dumps(AT_IMPORT))
    aside.rename(pathlib.Path({str(self.folder)!r}, f"seen-{{who}}"))
    wait_for({str(self.folder)!r} + f"/gate-{{who}}", timeout_s=300)
    return {{"who": who}}
versions = Versions()
{added}
MODEL = FunctionModel(train, versions)
"""

    def project(
        self,
        make_project: Callable[..., Project],
        versions: Mapping[str, Mapping[str, Any] | None],
        *,
        name: str = "one",
        settings: str = "",
    ) -> Project:
        """A project on this machine with one script, `net.py`, of these versions."""
        scripts = {"_gate.py": GATE_SOURCE, "net.py": self.script(versions)}
        (self.folder / name).mkdir()
        return make_project(self.folder / name, scripts, settings=settings)
