"""Digests of values, in several processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def test_digests_are_the_same_in_every_process_and_for_a_script_and_its_import(tmp_path):
    (tmp_path / "net.py").write_text(
        textwrap.dedent("""
            from dataclasses import dataclass
            from enum import Enum
            from mlpipeline.pipelines.value_digests import value_digest

            class Kind(Enum):
                A = 1

            @dataclass
            class Config:
                kinds: object

            class Model:
                pass

            def twice(x):
                "It says so."
                return 2 * x

            model = Model()
            model.names = {"one", "two", "three", b"four", 5}
            model.loss, model.inner = lambda x: x in {"a", "b", "c"}, twice
            print(value_digest([Config({Kind.A, "b", "c", "d"}), model, Model, twice]))
        """)
    )
    digests = [
        subprocess.run(
            [sys.executable, *how],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
        for seed, how in [("1", ["net.py"]), ("2", ["net.py"]), ("3", ["-c", "import net"])]
    ]
    assert len(set(digests)) == 1, digests
