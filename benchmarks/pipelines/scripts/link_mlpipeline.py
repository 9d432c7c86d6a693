"""Have mlpipeline take in the file that a stage made: python link_mlpipeline.py FILE."""

import json
import sys
import time
from pathlib import Path

import blake3  # noqa: F401

from mlpipeline import Pipeline, stage


@stage
def taken(name: str):
    """Return where the file is."""
    return Path(name).absolute()


began = time.perf_counter()
Pipeline([taken], parameters={"name": sys.argv[1]}, cache="cache").run("taken")
ended = time.perf_counter()
print(json.dumps({"run_s": ended - began}))
