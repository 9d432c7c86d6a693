from __future__ import annotations

import json

from mlpipeline.authoring.modes import ExecutionModeKeys, ModeKeys


def test_modes_equal_the_strings_of_v1():
    assert [ExecutionModeKeys.TRAIN, ExecutionModeKeys.TEST] == ["Train", "Test"]
    assert [ModeKeys.TRAIN, ModeKeys.PREDICT, ModeKeys.EVALUATE] == ["Train", "Predict", "Evaluate"]
    assert ModeKeys.TRAIN == ExecutionModeKeys.TRAIN
    assert json.dumps(ExecutionModeKeys.TEST) == '"Test"'
    assert f"mode {ExecutionModeKeys.TEST}" == "mode Test"
