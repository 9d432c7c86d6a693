"""Trains in a program of its own."""

import sys

from _versions import versions

from mlpipeline import CommandModel

# Without what Python finds and sets up for users of packages: it needs none, and begins sooner.
PROGRAM = [sys.executable, "-S", "-E", "models/_program.py", "{model_dir}", "{steps}"]

MODEL = CommandModel(PROGRAM, versions(), code="_training.py")
