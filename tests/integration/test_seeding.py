"""Seeds, and libraries that are imported only after they are set."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_rich_draws_only_where_it_is_known_to():
    # In a process of its own: it must not have been imported before.
    code = """
import random
from mlpipeline.project.seeding import Seeding, drawing_apart
Seeding(1).apply()
state = random.getstate()
import rich.console, rich.progress, rich.table
assert random.getstate() == state
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_what_is_drawn_apart_from_a_library_that_is_imported_there_first_follows_from_its_seed_alone(library, tmp_path):
    # A torch that has what is asked of it here; it draws by chance unless it is seeded.
    (tmp_path / "torch.py").write_text(
        "import os, random as r, sys\n"
        "class default_generator: seed = staticmethod(lambda: manual_seed(os.urandom(4)))\n"
        "generator = r.Random()\n"
        "manual_seed = generator.seed\n"
        "get_rng_state, set_rng_state = generator.getstate, generator.setstate\n"
        "rand = generator.random\n"
        "class cuda: is_initialized = staticmethod(lambda: False)\n"
    )
    draw = "__import__('numpy').random.rand()" if library == "numpy" else "__import__('torch').rand()"
    script = (
        "from mlpipeline.project.seeding import drawing_apart\n"
        f"draw = lambda: {draw}\n"
        "print(drawing_apart(3, draw), draw(), drawing_apart(3, draw))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path, timeout=60
        ).stdout.split()
        for _ in range(2)
    ]
    (first, after, again), (first_2, after_2, _) = told
    assert first == again == first_2
    assert after != after_2  # by chance, as if it had been imported there
