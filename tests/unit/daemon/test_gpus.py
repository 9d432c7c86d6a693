import importlib.util
import json
import sys
import threading
from pathlib import Path

import pytest

from mlpipeline.daemon import gpus
from mlpipeline.daemon.gpus import Gpus, GpusUnreachable, visible_ones

FAKE = Path(__file__).parents[2] / "nvml" / "pynvml.py"

UUIDS = ["GPU-aa11", "GPU-aa22", "GPU-bb33"]


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        (None, {0, 1, 2}),
        ("", set()),
        ("0", {0}),
        ("2,0", {0, 2}),
        (" 1 , 2 ", {1, 2}),
        ("GPU-bb", {2}),
        ("GPU-aa11,GPU-bb33", {0, 2}),
        # As CUDA does: what follows an entry that names none, or more than one, is passed over.
        ("0,-1,1", {0}),
        ("0,3,1", {0}),
        ("2,GPU-aa,0", {2}),
        ("NoDevFiles", set()),
        ("MIG-1234,0", set()),
        ("²", set()),
    ],
)
def test_what_cuda_visible_devices_names(visible, indices):
    assert visible_ones(visible, UUIDS) == {UUIDS[index] for index in indices}


@pytest.fixture
def nvml(tmp_path, monkeypatch):
    """NVML as the tests have it, with two GPUs; see tests/nvml/pynvml.py."""
    spec = importlib.util.spec_from_file_location("pynvml", FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    state = tmp_path / "nvml.json"
    monkeypatch.setenv("FAKE_NVML", str(state))
    module.save = lambda *found, error=None: state.write_text(json.dumps({"gpus": found, "error": error}))
    module.save({"uuid": "GPU-aa"}, {"uuid": "GPU-bb"})
    return module


def seen(looked):
    return [(gpu.uuid, gpu.index, gpu.busy) for gpu in looked]


def test_a_look_sees_all_in_order_and_what_is_wrong_with_each(nvml):
    box = Gpus(None)
    assert seen(box.look()) == [("GPU-aa", 0, None), ("GPU-bb", 1, None)]
    nvml.save({"uuid": "GPU-aa", "pids": [7, 3]}, {"uuid": "GPU-bb", "total": 1000, "free": 899})
    assert seen(box.look()) == [
        ("GPU-aa", 0, "used by process 3, 7, which is of no run that leases it"),
        ("GPU-bb", 1, "short of memory: 89% of it is free"),
    ]


def test_one_that_fell_off_the_bus_is_still_one_of_the_machine(nvml):
    box = Gpus(None)
    box.look()
    nvml.save({"uuid": "GPU-bb"})
    assert seen(box.look()) == [("GPU-aa", 0, "silent"), ("GPU-bb", 0, None)]


def test_the_daemons_own_ones_are_settled_by_the_first_look(nvml):
    box = Gpus("1")
    assert seen(box.look()) == [("GPU-bb", 1, None)]
    nvml.save({"uuid": "GPU-cc"}, {"uuid": "GPU-aa"})
    assert seen(box.look()) == [("GPU-bb", 1, "silent")]


def test_an_nvml_that_hangs_costs_no_more_than_a_moment(nvml, monkeypatch):
    monkeypatch.setattr(gpus, "_PATIENCE_S", 0.01)
    answers = threading.Event()
    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", lambda: answers.wait(60) and 1)
    box = Gpus(None)
    for _ in range(3):
        with pytest.raises(GpusUnreachable, match="NVML does not answer"):
            box.look()
    hanging = box._look.thread
    answers.set()
    hanging.join(60)
    assert seen(box.look()) == [("GPU-aa", 0, None)]


def test_a_driver_that_was_there_before_is_being_replaced(nvml):
    box = Gpus(None)
    box.look()
    for code in (nvml.NVML_ERROR_UNKNOWN, nvml.NVML_ERROR_DRIVER_NOT_LOADED):
        nvml.save(error=code)
        with pytest.raises(GpusUnreachable, match=f"NVML error {code}"):
            box.look()
        with pytest.raises(GpusUnreachable):
            box.look()
    nvml.save({"uuid": "GPU-aa"})
    assert seen(box.look()) == [("GPU-aa", 0, None), ("GPU-bb", 1, "silent")]
    assert box.absence is None


def test_where_there_never_was_a_driver_there_are_no_gpus(nvml):
    nvml.save(error=nvml.NVML_ERROR_DRIVER_NOT_LOADED)
    box = Gpus(None)
    assert box.look() == ()
    assert box.absence == "NVML says: NVML error 9"
