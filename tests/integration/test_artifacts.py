"""What stages make, stored and had again: by other programs, in one's own way, by plugins, or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from artifact_values import library

SCIENCE = """
    from pathlib import Path
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from mlpipeline import Pipeline, stage

    @stage(outputs=["X", "y", "table", "halves"])
    def load():
        print("runs load")
        data = load_breast_cancer(as_frame=True)
        X, y = data.data, data.target
        half = len(X) // 2
        return {"X": X, "y": y, "table": pa.Table.from_pandas(X), "halves": (X.to_numpy()[:half], X.to_numpy()[half:])}

    @stage
    def listing(X):
        print("runs listing")
        Path("listing.csv").write_text(X.describe().to_csv())
        return Path("listing.csv")

    @stage
    def model(X, y):
        print("runs model")
        return LogisticRegression(max_iter=5000).fit(X / X.max(), y)

    @stage
    def report(model, X, y, table, halves, listing):
        X["mean area"] = 0.0  # Its own copy.
        halves[0][:] = 0.0
        assert table.num_rows == len(halves[0]) + len(halves[1]) == len(X)
        return {"columns": list(X.columns)[:2], "lines": len(listing.read_text().splitlines()), "name": listing.name,
                "accuracy": model.score(X / X.max().clip(1), y)}

    @stage
    def after(report, X, halves):
        return {**report, "area": float(X["mean area"].max()), "first": float(halves[0].max())}

    print(Pipeline(cache="cache").run("after"))
"""

OWN = """
    import sys
    from mlpipeline import Artifact, Pipeline, artifact, stage

    @artifact("weights")
    class Weights(Artifact):
        @staticmethod
        def save(value, folder):
            (folder / "weights.txt").write_text(",".join(map(str, value["w"])))

        @staticmethod
        def load(folder):
            return {"w": [float(one) for one in (folder / "weights.txt").read_text().split(",")]}

    @stage
    class Train:
        def run(self):
            print("runs train")
            return {MARKED: {"w": [1, 2]}}

    @stage
    def total(weights TAKEN):
        print("runs total")
        return sum(weights["w"])

    print(Pipeline(cache="cache").run("total"))
"""


def said(folder: Path, *arguments: str, expected: int = 0, **environment: str) -> tuple[list[str], str]:
    """Run `net.py` there; return the lines that it printed, and what it said on stderr."""
    done = subprocess.run(
        [sys.executable, *(arguments or ("net.py",))],
        cwd=folder,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == expected, done.stderr
    return done.stdout.splitlines(), done.stderr


def write(folder: Path, script: str) -> None:
    (folder / "net.py").write_text(textwrap.dedent(script))


def stored(folder: Path, stage: str) -> dict[str, tuple[str, Path]]:
    """What a stage made last: artifact -> its serializer, and where it is."""
    records = sorted((folder / "cache" / "1" / "made" / stage).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    found = {}
    for artifact in json.loads(records[-1].read_bytes())["artifacts"]:
        (path,) = (folder / "cache" / "1" / "artifacts").glob(f"{artifact['digest']}*")
        found[artifact["name"]] = artifact["serializer"], path
    return found


def test_what_stages_make_is_read_by_other_programs_and_is_the_same_in_a_second_run(tmp_path):
    parquet, np = library("pyarrow.parquet"), library("numpy")
    write(tmp_path, SCIENCE)
    *runs, first = said(tmp_path)[0]
    assert sorted(runs) == ["runs listing", "runs load", "runs model"]
    loaded = stored(tmp_path, "load")
    assert {name: serializer for name, (serializer, _) in loaded.items()} == {
        "X": "pandas",
        "y": "pandas",
        "table": "arrow",
        "halves": "folder",
    }
    assert parquet.read_table(loaded["X"][1]).column_names[:1] == ["mean radius"]
    assert np.load(loaded["halves"][1] / "0.npy").shape == (284, 30)
    serializer, path = stored(tmp_path, "listing")["listing"]
    assert (serializer, [entry.name for entry in path.iterdir()]) == ("path", ["listing.csv"])
    assert stored(tmp_path, "model")["model"][0] == "pickle"
    # The stage wrote it where it runs: what becomes of that is nobody's business any more.
    (tmp_path / "listing.csv").write_text("changed")
    assert said(tmp_path)[0] == [first]


@pytest.mark.parametrize(
    ("marked", "taken"), [("Weights", ""), ('"weights"', ": Weights"), ("Weights", ": 'Weights | None'")]
)
def test_a_marker_class_stores_an_artifact_wherever_stages_name_it(tmp_path, marked, taken):
    script = OWN.replace("MARKED", marked).replace(" TAKEN", taken)
    write(tmp_path, script)
    assert said(tmp_path)[0] == ["runs train", "runs total", "3.0"]
    serializer, path = stored(tmp_path, "train")["weights"]
    assert serializer.startswith("own:")
    assert (path / "weights.txt").read_text() == "1,2"
    assert said(tmp_path)[0] == ["3.0"]
    # Its code is part of the format: the same file may be read as something else.
    write(tmp_path, script.replace("[float(one)", "[10 * float(one)"))
    assert said(tmp_path)[0] == ["runs train", "runs total", "30.0"]


def test_a_marker_class_that_fails_costs_the_cache_only(tmp_path):
    script = OWN.replace("MARKED", "Weights").replace(" TAKEN", "")
    write(tmp_path, script.replace('",".join(map(str, value["w"]))', 'value["v"]'))
    lines, warnings = said(tmp_path)
    assert lines == ["runs train", "runs total", "3"]
    assert 'not kept in the cache, only in memory, and neither is what is made of it: "weights": KeyError: ' in warnings
    write(tmp_path, script.replace("def load(folder)", "def read(folder)"))
    assert "has `save` and no `load`" in said(tmp_path, expected=1)[1]


def test_what_cannot_be_stored_is_handed_on_in_memory_with_one_warning(tmp_path):
    write(
        tmp_path,
        """
        import threading
        from mlpipeline import Pipeline, stage

        class Net:
            def __init__(self):
                self.lock, self.weights = threading.Lock(), [1, 2]

        @stage
        def net():
            print("runs net")
            return Net()

        @stage
        def total(net):
            with net.lock:
                return sum(net.weights)

        @stage
        def guarded(lock=threading.Lock()):
            return lambda: 3

        pipeline = Pipeline(cache="cache", parameters={"lock": threading.Lock()})
        print(pipeline.run("total"), pipeline.run("guarded")())
        """,
    )
    for _ in range(2):
        lines, warnings = said(tmp_path)
        assert lines == ["runs net", "3 3"]
        (net,) = [line for line in warnings.splitlines() if line.startswith("stage net")]
        assert '"net": a __main__.Net with lock, a _thread.lock, which cannot be pickled: TypeError' in net
        (guarded,) = [line for line in warnings.splitlines() if line.startswith("stage guarded")]
        assert 'its parameter "lock"' in guarded
        assert "a value of the type lock has no value that could be compared" in guarded
        assert "Traceback" not in warnings


PLUGIN = '''
class Roman:
    """Stores numbers of the type `Roman` as text."""

    name, suffix, is_pickle = "roman", ".roman", False

    def takes(self, value):
        return type(value).__name__ == "Number"

    def save(self, value, path):
        path.write_text("I" * value.of)

    def load(self, path):
        from numbers_ import Number

        return Number(len(path.read_text()))


class Failing:
    name, suffix, is_pickle = "failing", "", False

    def takes(self, value):
        raise RuntimeError("it is Monday")

    def save(self, value, path):
        raise AssertionError

    load = save


class Breaking(Failing):
    name = "breaking"

    def takes(self, value):
        return type(value) is str

    def save(self, value, path):
        path.write_text("half")
        raise RuntimeError("it broke")


class Nameless:
    name, suffix, is_pickle = "another", "", False
    takes = save = load = None
'''


def test_serializers_of_other_packages_are_asked_first_and_those_that_fail_are_passed_over(tmp_path):
    site = tmp_path / "site"
    info = site / "roman-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "roman.py").write_text(PLUGIN)
    (site / "numbers_.py").write_text("class Number:\n    def __init__(self, of):\n        self.of = of\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: roman\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mlpipeline.serializers]\nroman = roman:Roman\nfailing = roman:Failing\nabsent = not_there:It\n"
        "numpy = roman:Roman\nbreaking = roman:Breaking\nnameless = roman:Nameless\n"
    )
    write(
        tmp_path,
        """
        from numbers_ import Number
        from mlpipeline import Pipeline, stage

        @stage
        def three():
            print("runs three")
            return [Number(3)]

        @stage
        def text(three):
            print("runs text")
            return str(three[0].of)

        print(Pipeline(cache="cache").run("text"))
        """,
    )
    lines, warnings = said(tmp_path, PYTHONPATH=str(site))
    assert lines == ["runs three", "runs text", "3"]
    serializer, path = stored(tmp_path, "three")["three"]
    assert (serializer, (path / "0.roman").read_text()) == ("folder", "III")
    for said_once in [
        'the serializer "failing" is passed over: RuntimeError: it is Monday',
        "the serializer \"absent\" is passed over: ModuleNotFoundError: No module named 'not_there'",
        'the serializer "nameless" is passed over: TypeError: it has no method takes',
        'roman:Roman of the group mlpipeline.serializers is not used: "numpy" is another\'s name',
    ]:
        assert warnings.count(said_once) == 1, warnings
    assert 'is not stored by the serializer "breaking", as that raised RuntimeError: it broke' in warnings
    assert said(tmp_path, PYTHONPATH=str(site)) == (["3"], "")
    # Without it, what it stored cannot be read: it counts as not there.
    write(tmp_path, (tmp_path / "net.py").read_text().replace("str(three[0].of)", "str(three[0].of + 1)"))
    (info / "entry_points.txt").unlink()
    lines, warnings = said(tmp_path, PYTHONPATH=str(site))
    assert lines[-1] == "4"
    assert 'the serializer "roman" is not installed here' in warnings
