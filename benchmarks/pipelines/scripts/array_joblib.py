"""Make an array with joblib.Memory, or find it: python array_joblib.py SIZE_BYTES loaded|mapped."""

import json
import sys

import joblib
import numpy as np
from stopwatch import median_s, timed

memory = joblib.Memory("cache", verbose=0, mmap_mode="r" if sys.argv[2] == "mapped" else None)


@memory.cache
def big(size_bytes):
    """Return an array of that size."""
    return np.arange(size_bytes // 8, dtype="float64")


def run():
    """Have the array."""
    return big(int(sys.argv[1]))


run_s = timed(run)[0]
again_s = median_s(run, 5)
array = run()
print(json.dumps({"run_s": run_s, "again_s": again_s, "sum_s": timed(array.sum)[0]}))
