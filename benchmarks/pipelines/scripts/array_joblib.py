"""Make an array with joblib.Memory, or find it: python array_joblib.py SIZE_BYTES loaded|mapped."""

import json
import sys
import time

import joblib
import numpy as np

memory = joblib.Memory("cache", verbose=0, mmap_mode="r" if sys.argv[2] == "mapped" else None)


@memory.cache
def big(size_bytes):
    """Return an array of that size."""
    return np.arange(size_bytes // 8, dtype="float64")


began = time.perf_counter()
array = big(int(sys.argv[1]))
run_s = time.perf_counter() - began
array.sum()
print(json.dumps({"run_s": run_s, "sum_s": time.perf_counter() - began - run_s}))
