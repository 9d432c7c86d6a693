"""The trivial training as a Sacred experiment."""

from pathlib import Path

from sacred import Experiment
from trivial import train

experiment = Experiment("trivial")
experiment.add_config(learning_rate=0.1, folder=".")


@experiment.automain
def main(learning_rate, folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    return train(learning_rate, Path(folder))["error"]
