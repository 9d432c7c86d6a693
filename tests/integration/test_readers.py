"""A history that is read while it is written; the long form is `benchmarks/readers.py` itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_two_commands_and_a_ledger_never_see_a_history_wrong_that_is_being_written(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.readers", "--minutes", "0.1", "--events", "3000"],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=120,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "3,000 events written" in done.stdout
    reads = re.findall(r"^(ledger|runs --json) +([\d,]+) reads", done.stdout, re.MULTILINE)
    assert [name for name, _ in reads] == ["runs --json", "runs --json", "ledger"]
