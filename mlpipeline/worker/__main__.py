"""A worker process: it carries out a version, says what a script offers, or waits to be told what."""

from __future__ import annotations

import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Do what the daemon asks; return an exit status only where it asks for nothing that there is."""
    match arguments:
        case ["run", run_dir, number, how]:
            from mlpipeline.worker.attempt import carry_out_and_leave

            carry_out_and_leave(run_dir, int(number), how, preloaded=set(sys.modules))
        case ["wait", descriptor]:
            from mlpipeline.worker.waiting import wait_and_carry_out

            wait_and_carry_out(int(descriptor))
        case ["fork", descriptor]:
            from mlpipeline.worker.forking import serve

            serve(int(descriptor))
        case ["describe", request]:
            from mlpipeline.worker.describing import answer
            from mlpipeline.worker.leaving import leave

            # What the script started while it was imported keeps nobody waiting.
            leave(answer(Path(request)))
    sys.stderr.write(
        "usage: python -m mlpipeline.worker "
        "run RUN_DIR ATTEMPT HOW | wait DESCRIPTOR | describe REQUEST | fork DESCRIPTOR\n"
    )
    return 2


# Spawned children of multiprocessing import this module again, under another name.
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
