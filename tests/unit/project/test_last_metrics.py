from __future__ import annotations

import json

from mlpipeline.project.last_metrics import last_steps


def line(step: int | None, at: float, text: str = "") -> str:
    return json.dumps({"step": step, "time": at, "metrics": {"loss": 0.5, "text": text}}) + "\n"


def test_the_last_steps_are_read_without_what_is_torn_or_has_none(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert last_steps(path) == []
    path.write_text(line(1, 10.0) + line(None, 11.0) + '{"step": 2, "ti\n' + "[]\n" + line(3, 12.5) + '{"step": 4,')
    assert last_steps(path) == [(1, 10.0), (3, 12.5)]


def test_of_a_long_file_the_end_alone_is_read(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(line(step, float(step), "x" * 1000) for step in range(100)))
    steps = [step for step, _ in last_steps(path)]
    assert steps == list(range(steps[0], 100))
    assert 10 < len(steps) < 20
