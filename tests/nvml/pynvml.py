"""NVML without a GPU: what the daemons of a test see on their path instead of the real package.

`FAKE_NVML` names a JSON file, which is read anew for every call and may change at any time:

    {"error": null | a code, "gpus": [{"uuid": "GPU-a", "total": 100, "free": 100, "pids": [], "mig": false,
                                       "error": null | a code}]}
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NVML_DEVICE_MIG_ENABLE = 1
NVML_ERROR_UNINITIALIZED = 1
NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_DRIVER_NOT_LOADED = 9
NVML_ERROR_LIBRARY_NOT_FOUND = 12
NVML_ERROR_GPU_IS_LOST = 15
NVML_ERROR_UNKNOWN = 999

#: Holds something between `nvmlInit` and `nvmlShutdown`.
_ready: list[bool] = []


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"NVML error {self.value}"


def nvmlInit() -> None:
    _state()
    _ready.append(True)


def nvmlShutdown() -> None:
    _ready.clear()


def nvmlDeviceGetCount() -> int:
    return len(_gpus())


def nvmlDeviceGetHandleByIndex(index: int) -> int:
    _gpu(index)
    return index


def nvmlDeviceGetUUID(handle: int) -> str:
    return str(_gpu(handle)["uuid"])


def nvmlDeviceGetMemoryInfo(handle: int, version: object = None) -> SimpleNamespace:
    gpu = _gpu(handle)
    return SimpleNamespace(total=gpu.get("total", 100), free=gpu.get("free", 100))


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(pid=pid) for pid in _gpu(handle).get("pids", ())]


def nvmlDeviceGetMigMode(device: int) -> list[int]:
    if "mig" not in _gpu(device):
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED)
    mode = int(_gpu(device)["mig"])
    return [mode, mode]


def _state() -> dict[str, Any]:
    state = json.loads(Path(os.environ["FAKE_NVML"]).read_text())
    if state.get("error") is not None:
        raise NVMLError(state["error"])
    return state


def _gpus() -> list[dict[str, Any]]:
    if not _ready:
        raise NVMLError(NVML_ERROR_UNINITIALIZED)
    try:
        return _state()["gpus"]
    except NVMLError:
        # A driver that was replaced is another one: whoever knew the old one begins anew.
        _ready.clear()
        raise


def _gpu(index: int) -> dict[str, Any]:
    gpu = _gpus()[index]
    if gpu.get("error") is not None:
        raise NVMLError(gpu["error"])
    return gpu
