"""The trivial training as an array of submitit jobs."""

import sys
from pathlib import Path

import submitit
from trivial import train

if __name__ == "__main__":
    rates = [float(rate) for rate in sys.argv[1:]]
    folders = [Path.cwd() / "out" / rate for rate in sys.argv[1:]]
    for folder in folders:
        folder.mkdir(parents=True)
    executor = submitit.AutoExecutor(folder="logs/%j", cluster="local")
    executor.update_parameters(timeout_min=10)
    for job in executor.map_array(train, rates, folders):
        job.result()
