"""What the daemon asks of NVML is there in the real package, and the NVML of the tests answers as that does."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import mlpipeline.daemon.gpus

TESTS = Path(__file__).parents[1]


def fake() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fake_pynvml", TESTS / "nvml" / "pynvml.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def used() -> set[str]:
    """What the daemon asks of the package, by name."""
    tree = ast.parse(Path(mlpipeline.daemon.gpus.__file__).read_text())
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("nvml", "pynvml")
    }


def test_all_that_is_asked_is_there_and_means_the_same():
    real = importlib.import_module("pynvml")  # A test dependency: where it lacks, that shows.
    assert {"nvmlInit", "nvmlDeviceGetUUID", "NVMLError"} <= used()
    for name in used():
        ours, theirs = getattr(fake(), name), getattr(real, name)
        if inspect.isfunction(ours):
            assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters), name
        elif isinstance(ours, int):
            assert ours == theirs, name


def test_the_errors_are_alike():
    real = importlib.import_module("pynvml")  # A test dependency: where it lacks, that shows.
    codes = [value for name, value in vars(fake()).items() if name.startswith("NVML_ERROR_")]
    assert len(codes) > 3
    for code in codes:
        assert real.NVMLError(code).value == fake().NVMLError(code).value == code
        assert isinstance(real.NVMLError(code), real.NVMLError)


def test_memory_and_processes_have_the_fields_that_are_read(monkeypatch: pytest.MonkeyPatch):
    real = importlib.import_module("pynvml")  # A test dependency: where it lacks, that shows.
    with_gpu = fake()
    with_gpu._ready.append(True)
    monkeypatch.setattr(with_gpu, "_state", lambda: {"gpus": [{"uuid": "GPU-a", "pids": [1]}]})
    memory = vars(with_gpu.nvmlDeviceGetMemoryInfo(0)).keys()
    (process,) = with_gpu.nvmlDeviceGetComputeRunningProcesses(0)
    assert memory <= {name for name, *_ in real.c_nvmlMemory_t._fields_}
    assert vars(process).keys() <= {name for name, *_ in real.c_nvmlProcessInfo_v3_t._fields_}
