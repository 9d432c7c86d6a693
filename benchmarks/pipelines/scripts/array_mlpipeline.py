"""Make an array with mlpipeline, or find it: python array_mlpipeline.py SIZE_BYTES."""

import json
import sys
import time

import blake3  # noqa: F401
import numpy as np

from mlpipeline import Pipeline, stage


@stage
def big(size_bytes: int):
    """Return an array of that size."""
    return np.arange(size_bytes // 8, dtype="float64")


began = time.perf_counter()
array = Pipeline([big], parameters={"size_bytes": int(sys.argv[1])}, cache="cache").run("big")
run_s = time.perf_counter() - began
array.sum()
print(json.dumps({"run_s": run_s, "sum_s": time.perf_counter() - began - run_s}))
