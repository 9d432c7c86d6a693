"""Fails on purpose, to show what a failure looks like. To see it, list it in models.toml.

A failing version costs only itself: `fine` still succeeds.
"""

import os
import signal

from mlpipeline import FunctionModel, Versions


def train(batches, killed, *, run):
    for step in run.steps(len(batches)):
        batch = batches[step]
        run.log_metrics({"mean": sum(batch) / len(batch)}, step=step)
        if killed:  # what Linux does to the process that takes the last of the memory
            os.kill(os.getpid(), signal.SIGKILL)
    return {"batches": len(batches)}


versions = Versions(batches=[[3, 4], [5], [6, 7, 8]], killed=False)
versions.add_version("empty_batch", batches=[[3, 4], [], [6, 7, 8]])  # an exception: the mean of nothing
versions.add_version("killed", killed=True)  # no exception, no last word: the process is just gone
versions.add_version("fine")

MODEL = FunctionModel(train, versions)
