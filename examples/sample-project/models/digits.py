"""Which digit is this? Networks of three sizes read 8×8 images of handwriting (they come with scikit-learn).

The class-based way: mlpipeline counts the steps and calls the methods below, in this order, for each version:
`clean_model_dir` (only when it starts clean), `pre_execution_hook`, `get_trained_step_count`, `train_model`,
and `evaluate_model` twice: on the training data, then on the test data.
"""

import pickle
import shutil
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from mlpipeline.helper import DataLoader, Model
from mlpipeline.utils import ExecutionModeKeys, Versions

matplotlib.use("Agg")  # draws into files: there is no screen

DIGITS = range(10)


class Part(NamedTuple):
    """Images of one part of the data, one row of 64 grey values in [0, 1] each, and the digit on each."""

    name: str
    images: np.ndarray
    labels: np.ndarray


class DigitsData(DataLoader):
    """1797 images: three quarters to learn from, one quarter to test on; the same split every time."""

    def __init__(self):
        super().__init__()
        images, labels = load_digits(return_X_y=True)
        train_images, test_images, train_labels, test_labels = train_test_split(
            images / 16, labels, test_size=0.25, stratify=labels, random_state=0
        )
        self.train = Part("train", train_images, train_labels)
        self.test = Part("test", test_images, test_labels)
        self.add_to_summary(f"{len(train_labels)} digits to learn from, {len(test_labels)} to test on")

    def get_train_input(self, mode=ExecutionModeKeys.TRAIN, **kw):
        return self.train

    def get_test_input(self, **kw):
        return self.test

    def get_train_sample_count(self):
        return len(self.train.labels)

    def get_test_sample_count(self):
        return len(self.test.labels)


class Digits(Model):
    def pre_execution_hook(self, version, model_dir, exec_mode=ExecutionModeKeys.TEST):
        """Get ready for one version: build its network, or take up the one that an earlier run left."""
        self.batch_size = version.batch_size
        self.model_dir = Path(model_dir)
        self.checkpoint = self.model_dir / "network.pickle"
        if self.checkpoint.exists():
            self.trained_steps, self.network = pickle.loads(self.checkpoint.read_bytes())
        else:
            self.trained_steps = 0
            self.network = MLPClassifier(
                hidden_layer_sizes=version.hidden_layers,
                learning_rate_init=version.learning_rate,
            )

    def get_trained_step_count(self):
        """What is done already is not done again: `train_model` is asked for the rest."""
        return self.trained_steps

    def train_model(self, input_fn, steps):
        for _ in range(steps):
            # Seeded: every run has a seed, and mlpipeline gave it to `random` and to NumPy.
            batch = np.random.choice(len(input_fn.labels), self.batch_size, replace=False)
            self.network.partial_fit(input_fn.images[batch], input_fn.labels[batch], classes=DIGITS)
            self.trained_steps += 1
            if self.trained_steps % 50 == 0:
                self.run.log_metrics({"loss": self.network.loss_}, step=self.trained_steps)
                self.save()
            if self.run.should_stop:  # somebody asked, or Ctrl-C: the next run goes on from here
                break
        self.save()

    def evaluate_model(self, input_fn, steps):
        """The share of digits that are read correctly: becomes `train.accuracy` and `test.accuracy`."""
        labels = input_fn.labels[:steps]
        answers = self.network.predict(input_fn.images[:steps])
        if input_fn.name == "test":
            self.draw_confusion_matrix(labels, answers)
        return {"accuracy": np.mean(answers == labels)}

    def clean_model_dir(self, model_dir):
        """Called before a version starts clean, because `allow_delete_model_dir` below says that we may."""
        shutil.rmtree(model_dir, ignore_errors=True)

    def save(self):
        """Write the checkpoint aside, then rename it: whatever dies meanwhile, a whole one is there."""
        aside = self.checkpoint.with_suffix(".new")
        aside.write_bytes(pickle.dumps((self.trained_steps, self.network)))
        aside.replace(self.checkpoint)

    def draw_confusion_matrix(self, labels, answers):
        """A picture of which digits are taken for which, beside the checkpoint."""
        display = ConfusionMatrixDisplay.from_predictions(labels, answers, labels=DIGITS, colorbar=False)
        display.figure_.savefig(self.model_dir / "confusion_matrix.png", dpi=120)


# What all versions share, then what is each one's own. Any keyword becomes a parameter: `hidden_layers`.
versions = Versions(learning_rate=0.003, dataloader=DigitsData(), batch_size=32, epoch_count=20, seed=1)
versions.add_version("linear", hidden_layers=[])
versions.add_version("wide", hidden_layers=[128])
versions.add_version("deep", hidden_layers=[64, 64, 64])

MODEL = Digits(versions, allow_delete_model_dir=True)
