"""Make an array with mlpipeline, or find it: python array_mlpipeline.py SIZE_BYTES."""

import json
import statistics
import sys
import time

import blake3  # noqa: F401
import numpy as np

from mlpipeline import Pipeline, stage


@stage
def big(size_bytes: int):
    """Return an array of that size."""
    return np.arange(size_bytes // 8, dtype="float64")


def seconds(work):
    """Return how long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run():
    """Have the array."""
    return Pipeline([big], parameters={"size_bytes": int(sys.argv[1])}, cache="cache").run("big")


run_s = seconds(run)
again_s = statistics.median(seconds(run) for _ in range(5))
array = run()
print(json.dumps({"run_s": run_s, "again_s": again_s, "sum_s": seconds(array.sum)}))
