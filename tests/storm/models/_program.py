"""The program of `command.py`: `python _program.py MODEL_DIR STEPS`."""

import sys
from pathlib import Path

from _training import Training

steps = int(sys.argv[2])
training = Training(Path(sys.argv[1]), steps=steps)
while (step := len(training.steps)) < steps:
    training.train(step)
training.end()
