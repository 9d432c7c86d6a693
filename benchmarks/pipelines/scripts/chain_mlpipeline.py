"""Run the chain of stages.py with mlpipeline: python chain_mlpipeline.py COUNT [warm]."""

import json
import sys
import time

_began = time.perf_counter()
import blake3  # noqa: F401

from mlpipeline import Pipeline, stage  # noqa: F401

_import_s = time.perf_counter() - _began

import stages
from stopwatch import median_s, timed

count, is_warm = int(sys.argv[1]), sys.argv[2:] == ["warm"]
last = f"s{count - 1}"


def run():
    """Make the pipeline, and run it to its end."""
    return Pipeline([getattr(stages, f"s{index}") for index in range(count)], cache="cache").run(last)


run_s, value = timed(run)
told = {"import_s": _import_s, "run_s": run_s, "value": value}
if is_warm:
    pipeline = Pipeline([getattr(stages, f"s{index}") for index in range(count)], cache="cache")
    names = [f"s{index}" for index in range(count)]
    told["hits_s"] = median_s(lambda: pipeline.run(last), 7)
    told["loads_s"] = median_s(lambda: pipeline.run(names), 7)
print(json.dumps(told))
