"""`metrics.jsonl`, read for those who want to see curves: the whole of a small file, samples of a large one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mlpipeline.domain.curves import Row

#: A large file is read in so many pieces, from its beginning to its end.
_PIECES = 64

#: `json.loads` of bytes first looks which encoding they have.
_decode = json.JSONDecoder().decode


class Metrics(NamedTuple):
    """What a run logged."""

    #: In order.
    rows: list[Row]
    #: Whether only pieces of it were read.
    is_sampled: bool


def read_metrics(path: Path, most_bytes: int) -> Metrics:
    """Return what a run logged; what cannot be read is left out.

    Args:
        path: the file.
        most_bytes: how much of it is read at most; of more than that, pieces that are spread over the file evenly.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            is_sampled = size > most_bytes
            lines = _pieces(file, size, most_bytes) if is_sampled else file
            return Metrics([row for line in lines if (row := _row(line)) is not None], is_sampled)
    except OSError:
        return Metrics([], is_sampled=False)


def _pieces(file: BinaryIO, size: int, most_bytes: int) -> Iterator[bytes]:
    """Yield the lines that begin in each of the pieces: a long line is read to its end."""
    length, position = most_bytes // _PIECES, 0
    for number in range(_PIECES):
        begin = max(position, (size - length) * number // (_PIECES - 1))
        if begin > position:
            # With the byte before it: a line that begins right there is one of this piece.
            position = file.seek(begin - 1)
            position += len(file.readline())
        while position < begin + length and (line := file.readline()):
            position += len(line)
            yield line


def _row(line: bytes) -> Row | None:
    try:
        said = _decode(line.decode())
        step, at, metrics = said["step"], float(said["time"]), said["metrics"]
        if not math.isfinite(at):
            return None
        # As a float, of which all can be drawn: a step may have any number of digits.
        numbers = {name: float(value) for name, value in metrics.items()}
        return Row(None if step is None else float(step), at, numbers)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None  # Torn, or no metric.
