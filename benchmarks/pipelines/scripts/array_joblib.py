"""Make an array with joblib.Memory, or find it: python array_joblib.py SIZE_BYTES loaded|mapped."""

import json
import statistics
import sys
import time

import joblib
import numpy as np

memory = joblib.Memory("cache", verbose=0, mmap_mode="r" if sys.argv[2] == "mapped" else None)


@memory.cache
def big(size_bytes):
    """Return an array of that size."""
    return np.arange(size_bytes // 8, dtype="float64")


def seconds(work):
    """Return how long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run():
    """Have the array."""
    return big(int(sys.argv[1]))


run_s = seconds(run)
again_s = statistics.median(seconds(run) for _ in range(5))
array = run()
print(json.dumps({"run_s": run_s, "again_s": again_s, "sum_s": seconds(array.sum)}))
