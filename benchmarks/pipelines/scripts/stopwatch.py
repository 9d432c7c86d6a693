"""How the scripts beside this take times: it is put beside each of them."""

import statistics
import time


def timed(work):
    """Return how long the work took, in seconds, and what it returned."""
    began = time.perf_counter()
    value = work()
    return time.perf_counter() - began, value


def median_s(work, times):
    """Return how long the work takes, in seconds."""
    return statistics.median(timed(work)[0] for _ in range(times))
