"""A first model script: fits a curve to noisy points, in plain Python. Change it, or write your own beside it.

All that mlpipeline asks of a script is `MODEL`, at the bottom: a function, and the versions to call it with. Each
version is trained in a process of its own.
"""

import json
import math
import random

from mlpipeline import FunctionModel, Versions


def points(count, seed):
    """Points (x, y) of a sine curve, with noise: the same for every version, so that these can be compared."""
    noise = random.Random(seed)
    return [(x, math.sin(3 * x) + noise.gauss(0, 0.1)) for x in (noise.uniform(-1, 1) for _ in range(count))]


def value_at(x, weights):
    return sum(weight * x**power for power, weight in enumerate(weights))


def mean_squared_error(data, weights):
    return sum((value_at(x, weights) - y) ** 2 for x, y in data) / len(data)


def train(degree, learning_rate, epochs, *, model_dir, run):
    """Train one version: its parameters come by name, `model_dir` and `run` from mlpipeline."""
    training, test = points(100, seed=1), points(100, seed=2)

    # What lies in model_dir is still there when a run that was cut short is resumed: load first, ...
    saved = model_dir / "weights.json"
    weights = json.loads(saved.read_text()) if saved.exists() else [0.0] * (degree + 1)

    # ... and save in the loop. run.steps gives the steps that are left: all at first, after Ctrl-C those that were not
    # done, and in test mode one.
    for epoch in run.steps(epochs):
        errors = [(x, value_at(x, weights) - y) for x, y in training]
        for power in range(len(weights)):
            gradient = sum(2 * error * x**power for x, error in errors) / len(training)
            weights[power] -= learning_rate * gradient
        saved.write_text(json.dumps(weights))

        # Metrics are recorded by step, for TensorBoard too; a log line is for your eyes.
        run.log_metrics({"loss": mean_squared_error(training, weights)}, step=epoch)
        if (epoch + 1) % 100 == 0:
            run.log(f"epoch {epoch + 1}: loss {mean_squared_error(training, weights):.4f}")

    # What is returned are the results: `mlpipeline runs` lists them.
    return {"train_error": mean_squared_error(training, weights), "test_error": mean_squared_error(test, weights)}


# Parameters that all versions share; each version may have its own value.
versions = Versions(epochs=300, learning_rate=0.5)
versions.add_version("line", degree=1)
versions.add_version("cubic", degree=3)

# A grid is a version for every combination, named by its values: here four.
versions.range_on_parameters(
    combining_parameters=["degree", "learning_rate"],
    parameters={"degree": [5, 7], "learning_rate": [0.1, 0.5]},
)

MODEL = FunctionModel(train, versions)
