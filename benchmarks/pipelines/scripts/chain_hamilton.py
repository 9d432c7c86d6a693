"""Run the chain of stages.py with Hamilton: python chain_hamilton.py COUNT [warm]."""

import json
import logging
import sys
import time

_began = time.perf_counter()
from hamilton import driver

_import_s = time.perf_counter() - _began

import stages
from stopwatch import median_s, timed

logging.disable(logging.WARNING)
count, is_warm = int(sys.argv[1]), sys.argv[2:] == ["warm"]
last = f"s{count - 1}"


def built():
    """Return the driver."""
    return driver.Builder().with_modules(stages).with_cache(path="cache").build()


run_s, value = timed(lambda: built().execute([last])[last])
told = {"import_s": _import_s, "run_s": run_s, "value": value}
if is_warm:
    made = built()
    names = [f"s{index}" for index in range(count)]
    told["hits_s"] = median_s(lambda: made.execute([last]), 7)
    told["loads_s"] = median_s(lambda: made.execute(names), 7)
print(json.dumps(told))
