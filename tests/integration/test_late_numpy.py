"""NumPy is seeded whenever and however it is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own, where NumPy is not there yet.
LATE = """
import random, sys
before = list(sys.meta_path)
from mlpipeline.project.seeding import Seeding
assert "numpy" not in sys.modules
seeding = Seeding(42)
seeding.apply()
seeding.apply()
{late}
print(sys.modules["numpy"].random.rand())
assert sys.meta_path[1:] == before, sys.meta_path
"""


@pytest.mark.parametrize(
    "late", ["import numpy", "from numpy.random import rand", "import matplotlib.colors", "import numpy.random._pickle"]
)
def test_numpy_that_comes_late_is_seeded_when_it_comes(late):
    done = subprocess.run([sys.executable, "-c", LATE.format(late=late)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("0.3745401188473625\n", "")
