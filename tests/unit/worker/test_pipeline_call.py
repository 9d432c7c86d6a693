"""What a run of a pipeline tells of its stages."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.worker.pipeline_call import _Reporter


class Heard:
    """A run that notes what it is told."""

    def __init__(self, mode):
        self.mode, self.lines = mode, []

    def log(self, message, log_to_file=True):
        self.lines.append(message)

    def note_stages(self, done, total): ...


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        (ExecutionModeKeys.TEST, ["net:v stage train ran in 0.2 s"]),
        (ExecutionModeKeys.TRAIN, ["net:v stage train begins", "net:v stage train ran in 0.2 s"]),
    ],
)
def test_each_line_of_a_stage_names_the_version_and_in_test_mode_there_is_one(mode, lines):
    run = Heard(mode)
    reporter = _Reporter(SimpleNamespace(run=run, spec=SimpleNamespace(model="net", version="v")))
    call = SimpleNamespace(name="train")
    reporter.begins(call)
    reporter.ran(call, 0.2, None)
    assert run.lines == lines
