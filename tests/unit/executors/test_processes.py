from __future__ import annotations

import os

import pytest

from mlpipeline.executors.processes import ProcessId
from mlpipeline.project.clock import boot_id


def test_the_identity_survives_as_json():
    process = ProcessId.of_child(os.getpid())
    assert ProcessId.from_json(process.to_json()) == process
    assert process.boot == boot_id()
    assert str(process) == f"{process.pid}.{process.ticks:.0f}"


@pytest.mark.parametrize("value", [None, [], {}, {"pid": 1}, {"pid": "x", "boot": "", "ticks": 0}, {"revoked": True}])
def test_what_names_no_process_is_none(value):
    assert ProcessId.from_json(value) is None
