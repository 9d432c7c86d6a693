"""Numbers logged one by one, next to the same written by hand, in one process."""

import json
import os
import signal
import time


def by_hand(path, count):
    """Write `count` lines of JSON, flushed one by one; return how many a second."""
    with path.open("a") as file:
        began = time.perf_counter()
        for step in range(count):
            file.write(json.dumps({"step": step, "time": time.time(), "loss": 1 / (step + 1)}) + "\n")
            file.flush()
        return count / (time.perf_counter() - began)


def by_run(run, first, count):
    """Log `count` scalars; return how many a second."""
    began = time.perf_counter()
    for step in range(first, first + count):
        run.log_metrics({"loss": 1 / (step + 1)}, step=step)
    return count / (time.perf_counter() - began)


def train(count, rounds, is_killed, *, model_dir, run):
    """Alternate, and leave the pairs and the time of the last number behind, unless that number is the last thing."""
    by_hand(model_dir / "before.jsonl", count // 10)
    pairs = []
    for index in range(rounds):
        theirs = by_hand(model_dir / "by-hand.jsonl", count)
        pairs.append((by_run(run, index * count, count), theirs))
    if is_killed:
        os.kill(os.getpid(), signal.SIGKILL)
    (model_dir / "pairs.json").write_text(json.dumps({"pairs": pairs, "logged_at": time.time()}))
