"""Trains with a data loader: a forked child, replaced when it dies. It and a program are left behind in the end."""

import os
import subprocess
import time

from _training import Training
from _versions import versions

from mlpipeline import FunctionModel

#: After so long nobody can want more data, in seconds.
_LOADER_TIME_S = 300


class Loader:
    """A child that hands its parent one item after the other."""

    def __init__(self):
        self._items, write = os.pipe()
        # Not closed in the child: it is to stay when its parent dies.
        if os.fork() == 0:
            _load(write)
        os.close(write)

    def next(self):
        """Return the next item, or nothing when the child is dead."""
        return os.read(self._items, 1)


def _load(write):
    deadline = time.monotonic() + _LOADER_TIME_S
    while time.monotonic() < deadline:
        os.write(write, b"x")
        time.sleep(0.01)
    os._exit(0)


def train(steps, *, model_dir, run):
    training = Training(model_dir, steps=steps, should_stop=lambda: run.should_stop)
    subprocess.Popen(["sleep", str(_LOADER_TIME_S)], start_new_session=True)
    loader = Loader()
    for step in run.steps(steps, done=len(training.steps)):
        while not loader.next():
            loader = Loader()
        training.train(step)
    if len(training.steps) == steps:
        training.end()
    return {"steps": len(training.steps)}


MODEL = FunctionModel(train, versions())
