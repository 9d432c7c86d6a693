"""Trains step by step; how far it came, its checkpoint says."""

from _training import Training
from _versions import versions

from mlpipeline import FunctionModel


def train(steps, *, model_dir, run):
    training = Training(model_dir, steps=steps, should_stop=lambda: run.should_stop)
    for step in run.steps(steps, done=len(training.steps)):
        training.train(step)
    if len(training.steps) == steps:
        training.end()
    return {"steps": len(training.steps)}


MODEL = FunctionModel(train, versions())
