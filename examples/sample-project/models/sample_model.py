"""Code or comment? Tells the two apart by their letters; the lines come from Python's own library.

Written the way mlpipeline 1.1 had it, and needs nothing but mlpipeline: such scripts run as they are.
"""

import argparse
import inspect
import json
import random
import shutil
import tokenize
from io import StringIO
from math import exp, log
from pathlib import Path

from mlpipeline.helper import DataLoader, Model
from mlpipeline.utils import ExecutionModeKeys, MetricContainer, Versions, version_parameters


def labelled_lines(module):
    """Yield (line, 1 if it is a comment else 0) for the lines of a module's source."""
    for token in tokenize.generate_tokens(StringIO(inspect.getsource(module)).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("# "), 1
        elif token.type == tokenize.NEWLINE and "#" not in token.line and '"""' not in token.line:
            yield token.line.strip(), 0


def letter_shares(line):
    """How often each of the 96 printable letters occurs in a line: {letter: share}."""
    return {letter: line.count(letter) / len(line) for letter in set(line) if " " <= letter <= "\x7f"}


class LinesDataLoader(DataLoader):
    """Comments and as many lines of code: four fifths to learn from, one fifth to test on."""

    def __init__(self, **kw):
        super().__init__(**kw)
        lines = [pair for module in (argparse, inspect, shutil, tokenize) for pair in labelled_lines(module)]
        comments = [(letter_shares(line), label) for line, label in lines if line and label == 1]
        code = [(letter_shares(line), label) for line, label in lines if line and label == 0]
        shuffled = random.Random(0).sample(comments, len(comments))
        shuffled += random.Random(0).sample(code, len(comments))
        random.Random(0).shuffle(shuffled)
        split = len(shuffled) * 4 // 5
        self.train_lines, self.test_lines = shuffled[:split], shuffled[split:]
        self.add_to_summery(f"{split} lines to learn from, {len(shuffled) - split} to test on")

    def get_train_input(self, mode=ExecutionModeKeys.TRAIN, **kw):
        return self.train_lines

    def get_test_input(self, **kw):
        return self.test_lines

    def get_train_sample_count(self):
        return len(self.train_lines)

    def get_test_sample_count(self):
        return len(self.test_lines)


class CodeOrComment(Model):
    """Logistic regression on the shares of the letters."""

    def pre_execution_hook(self, version, model_dir, exec_mode=ExecutionModeKeys.TEST):
        self.learning_rate = version[version_parameters.LEARNING_RATE]
        self.batch_size = version[version_parameters.BATCH_SIZE]
        self.checkpoint = Path(model_dir) / "weights.json"
        self.steps, self.weights = 0, {}
        if self.checkpoint.exists():
            self.steps, self.weights = json.loads(self.checkpoint.read_text())
        random.seed(self.steps)

    def get_trained_step_count(self):
        return self.steps

    def train_model(self, input_fn, steps):
        metrics = MetricContainer(metrics=["loss"])
        for _ in range(steps):
            for line, label in random.sample(input_fn, self.batch_size):
                guess = self.predict(line)
                metrics.loss.update(-log(guess if label else 1 - guess))
                for letter, share in line.items():
                    change = self.learning_rate * (label - guess) * share
                    self.weights[letter] = self.weights.get(letter, 0) + change
            self.steps += 1
            if self.steps % 20 == 0:
                metrics.log_metrics(log_to_file=False)
                metrics.reset()
        self.checkpoint.write_text(json.dumps([self.steps, self.weights]))

    def evaluate_model(self, input_fn, steps):
        right = sum((self.predict(line) > 0.5) == label for line, label in input_fn[:steps])
        return {"accuracy": right / steps}

    def clean_model_dir(self, model_dir):
        shutil.rmtree(model_dir, ignore_errors=True)

    def predict(self, line):
        """The probability that a line is a comment."""
        score = sum(self.weights.get(letter, 0) * share for letter, share in line.items())
        return min(max(1 / (1 + exp(-score)), 1e-9), 1 - 1e-9)


VERSIONS = Versions(learning_rate=1.0, dataloader=LinesDataLoader(), batch_size=16, epoc_count=2)
VERSIONS.addV("patient", epoc_count=6)
# A grid: every combination of these values is one more version.
VERSIONS.rangeOnParameters(
    combining_parameters=[version_parameters.LEARNING_RATE, version_parameters.BATCH_SIZE],
    parameters={version_parameters.LEARNING_RATE: [0.3, 3.0], version_parameters.BATCH_SIZE: [16, 64]},
)

MODEL = CodeOrComment(VERSIONS, allow_delete_model_dir=True)
