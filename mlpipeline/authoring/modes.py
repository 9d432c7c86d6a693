"""The modes a script is told about; they compare equal to the plain strings of v1.1."""

from __future__ import annotations

from enum import StrEnum


class ExecutionModeKeys(StrEnum):
    """What a version is carried out for."""

    #: Execution mode: trained for all its steps, and recorded.
    TRAIN = "Train"
    #: Test mode: one step, in a temporary model dir, nothing recorded.
    TEST = "Test"


class ModeKeys(StrEnum):
    """What a data loader's input is for."""

    #: The input of `train_model`.
    TRAIN = "Train"
    #: Input without labels, to predict from.
    PREDICT = "Predict"
    #: The input of `evaluate_model`.
    EVALUATE = "Evaluate"
