"""Make an array with mlpipeline, or find it: python array_mlpipeline.py SIZE_BYTES."""

import json
import sys

import blake3  # noqa: F401
import numpy as np
from stopwatch import median_s, timed

from mlpipeline import Pipeline, stage


@stage
def big(size_bytes: int):
    """Return an array of that size."""
    return np.arange(size_bytes // 8, dtype="float64")


def run():
    """Have the array."""
    return Pipeline([big], parameters={"size_bytes": int(sys.argv[1])}, cache="cache").run("big")


run_s = timed(run)[0]
again_s = median_s(run, 5)
array = run()
print(json.dumps({"run_s": run_s, "again_s": again_s, "sum_s": timed(array.sum)[0]}))
