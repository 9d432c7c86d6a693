"""Run the chain of stages.py with joblib.Memory: python chain_joblib.py COUNT [warm]."""

import json
import sys
import time

_began = time.perf_counter()
import joblib  # noqa: F401
import numpy  # noqa: F401  (joblib imports it to hash anything)

_import_s = time.perf_counter() - _began

import stages
from stopwatch import median_s, timed

count, is_warm = int(sys.argv[1]), sys.argv[2:] == ["warm"]
functions = [getattr(stages, f"s{index}") for index in range(count)]


def run():
    """Call the stages one after the other."""
    first, *others = functions
    value = first()
    for function in others:
        value = function(value)
    return value


run_s, value = timed(run)
told = {"import_s": _import_s, "run_s": run_s, "value": value}
if is_warm:
    # It loads every value, asked for or not.
    told["hits_s"] = told["loads_s"] = median_s(run, 7)
print(json.dumps(told))
