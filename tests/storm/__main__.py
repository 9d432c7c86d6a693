"""`python -m storm`: a queue of 100 versions under 200 kills, then one kind of trouble after the other."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

from storm.figures import table
from storm.scenes import SCENES, Report, kills


def main(arguments: Sequence[str]) -> int:
    """Play all scenes, print the figures, and return 1 when anything was not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m storm", description=__doc__)
    parser.add_argument("--seed", type=int, help="of whom to kill, how and when; drawn when it is not given")
    parser.add_argument("--kills", type=int, default=200, help="how many (200)")
    parser.add_argument("--versions", type=int, default=100, help="how many those meet (100)")
    parser.add_argument("--only", action="append", default=[], help="a scene's name, or its beginning; may be repeated")
    asked = parser.parse_args(arguments)
    seed = SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="mlpipeline-storm-"))
    began = time.monotonic()
    reports: list[Report] = []
    for number, scene in enumerate((kills(asked.kills, asked.versions), *SCENES)):
        if asked.only and not scene.name.startswith(tuple(asked.only)):
            continue
        if scene.lacks:
            print(f"{scene.name}: left out, as {scene.lacks}", flush=True)
            continue
        # Each has a randomness of its own, so that it can be repeated alone.
        reports.append(scene.play(folder / str(number), Random(f"{seed} {scene.name}")))
        print(f"{scene.name}: {'; '.join(reports[-1].wrongs) or 'all well'}", flush=True)
    print(f"\n{table(reports)}\n\nseed {seed}, {(time.monotonic() - began) / 60:.1f} minutes")
    if any(report.wrongs for report in reports):
        print(f"what it left is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
