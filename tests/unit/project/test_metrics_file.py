import json
from itertools import pairwise

from mlpipeline.project.metrics_file import read_metrics


def line(step, **metrics):
    return json.dumps({"step": step, "time": 100.0 + step, "metrics": metrics}).encode() + b"\n"


def test_what_is_torn_or_no_metric_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    odd = b'7\n{"step": 1}\n{"step":1,"time":NaN,"metrics":{}}\n{"step":1,"time":1,"metrics":{"a":"b"}}\n\n\xff\n'
    path.write_bytes(line(0, loss=1.5) + b'{"step":1,"time":1' + b"\n" + odd + line(2, loss=float("nan")) + b'{"step"')
    found = read_metrics(path, 10_000)
    assert [(row.step, row.at, list(row.metrics)) for row in found.rows] == [(0, 100, ["loss"]), (2, 102, ["loss"])]
    assert not found.is_sampled


def test_of_a_large_file_pieces_from_its_beginning_to_its_end_are_read(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(line(step, loss=step / 2) for step in range(40_000)))
    found = read_metrics(path, 200_000)
    steps = [row.step for row in found.rows]
    assert found.is_sampled
    assert 2_000 < len(steps) < 5_000
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, 39_999)
    assert max(after - before for before, after in pairwise(steps)) < 700


def test_where_there_is_no_file_there_are_no_metrics(tmp_path):
    assert read_metrics(tmp_path / "metrics.jsonl", 10).rows == []
