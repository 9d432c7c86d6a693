"""Trains step by step; how far it came, mlpipeline remembers."""

from _training import Training
from _versions import versions

from mlpipeline import FunctionModel


def train(steps, *, model_dir, run):
    training = Training(model_dir, steps=steps, should_stop=lambda: run.should_stop)
    for step in run.steps(steps):
        training.train(step)
    if not run.should_stop:
        training.end()
    return {"steps": len(training.steps)}


MODEL = FunctionModel(train, versions())
