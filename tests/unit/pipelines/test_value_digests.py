"""The digests of values in memory."""

from __future__ import annotations

import copy
import datetime
import functools
import importlib
import io
import math
import re
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from artifact_values import library

from mlpipeline.errors import CodeUnknown, NoDigest
from mlpipeline.pipelines.value_digests import value_digest

Pair = namedtuple("Pair", "left right")


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Config:
    rate: float
    layers: Any = None


@dataclass
class Table(dict):
    name: str = "table"

    def filled(self, key):
        self[key] = 1
        return self


class Slotted:
    __slots__ = ("held",)


@dataclass
class SlottedConfig(Slotted):
    rate: float = 1.0


def holding(held):
    config = SlottedConfig()
    config.held = held
    return config


class Model:
    def __init__(self, **attributes):
        vars(self).update(attributes)


def add(left, right=1):
    return left + right


def ring():
    model = Model(name="ring")
    model.me = [model]
    return model


TABLE = np.arange(12.0).reshape(3, 4)
FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])})

#: Makers of values of which no two are the same value, but each makes the same one twice.
DIFFERENT = [
    *(
        lambda: 1,
        lambda: 1.0,
        lambda: True,
        lambda: "1",
        lambda: b"1",
        lambda: bytearray(b"1"),
        lambda: None,
        lambda: ...,
    ),
    *(
        lambda: 1j,
        lambda: Decimal(1),
        lambda: np.float64(1),
        lambda: np.float32(1),
        lambda: np.int64(1),
        lambda: np.array(1),
    ),
    *(lambda: math.nan, lambda: math.inf, lambda: 0.0, lambda: -0.0, lambda: 10**5000, lambda: -1, lambda: ""),
    *(
        lambda: [],
        lambda: (),
        lambda: {},
        set,
        frozenset,
        lambda: [[]],
        lambda: ["ab"],
        lambda: ["a", "b"],
    ),
    *(
        lambda: {"a": 1, "b": 2},
        lambda: {"b": 2, "a": 1},
        lambda: OrderedDict(a=1, b=2),
        lambda: defaultdict(int, a=1, b=2),
    ),
    *(
        lambda: {"x", "y", "z"},
        lambda: {"x", "y"},
        lambda: Counter("xy"),
        lambda: deque("xy"),
        lambda: Pair(1, 2),
        lambda: (1, 2),
    ),
    *(lambda: Colour.RED, lambda: Colour.BLUE, lambda: Config(1.0), lambda: Config(1.0, [2]), lambda: Model(a=1), ring),
    *(lambda: datetime.date(2020, 1, 1), lambda: datetime.datetime(2020, 1, 1), lambda: datetime.timedelta(1)),
    *(
        lambda: datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        lambda: datetime.time(1),
        lambda: range(3),
        lambda: slice(3),
    ),
    *(
        lambda: add,
        lambda: functools.partial(add, 1),
        lambda: Model,
        lambda: len,
        lambda: math,
        lambda: re.compile("a"),
    ),
    *(lambda: lambda x: x + 1, lambda: lambda x: x + 2, lambda: Path("not here"), lambda: PurePath("not here")),
    *(TABLE.copy, lambda: np.asfortranarray(TABLE), lambda: TABLE.astype("f4"), lambda: TABLE.reshape(4, 3)),
    *(
        lambda: TABLE[:, :2],
        lambda: TABLE.astype(">f8"),
        lambda: np.zeros((0, 3)),
        lambda: np.zeros((3, 0)),
        lambda: TABLE[::2, 0],
    ),
    *(lambda: np.array(["a", None], dtype=object), lambda: np.array([(1, 2.0)], dtype=[("a", "i1"), ("b", "f8")])),
    *(lambda: np.array(["2020"], "M8[D]"), lambda: np.ma.masked_array([1, 2], [0, 1]), lambda: np.dtype("f4")),
    *(
        FRAME.copy,
        lambda: FRAME.set_index("a"),
        lambda: FRAME[["a"]],
        lambda: FRAME["a"],
        lambda: FRAME.columns,
    ),
    *(lambda: FRAME.rename(columns={"a": "z"}), lambda: FRAME.astype({"a": "Int64"}), lambda: FRAME.astype({"c": str})),
    *(
        lambda: pd.date_range("2020", periods=2),
        lambda: pd.Series([1, None], dtype="Int64"),
        lambda: pd.Timestamp("2020"),
    ),
]


def test_equal_values_have_one_digest_and_others_have_others():
    digests = [[value_digest(make()) for _ in range(2)] for make in DIFFERENT]
    assert [first for first, second in digests if first != second] == []
    assert [number for number, count in Counter(first for first, _ in digests).items() if count > 1] == []


def test_nan_is_like_itself_and_sets_have_no_order():
    assert value_digest(math.nan) == value_digest(-math.inf + math.inf)
    assert value_digest({3, "a", None}) == value_digest({None, "a", 3})


def test_a_dataclass_counts_by_all_that_its_bases_hold():
    assert value_digest(Table().filled("a")) == value_digest(Table().filled("a")) != value_digest(Table().filled("b"))
    assert value_digest(holding(1)) == value_digest(holding(1)) != value_digest(holding(2))


def test_what_lies_apart_in_memory_is_the_same_as_its_copy():
    large = np.arange(3_000_000.0).reshape(3000, 1000)
    assert value_digest(large[::2, ::2]) == value_digest(large[::2, ::2].copy())
    assert value_digest(large.reshape(-1)[::3]) == value_digest(large.reshape(-1)[::3].copy())
    padded = np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
    other = padded.copy()
    other.view("u1")[1:8] = 7  # Between the fields.
    assert value_digest(padded) == value_digest(other)


def test_tables_of_arrow_count_by_their_values_and_types():
    pa = library("pyarrow")
    table = pa.table({"a": ["x", "y", None, "z"], "b": [1, 2, 3, 4]})
    halves = pa.concat_tables([table.slice(0, 2), table.slice(2)])
    different = [table, table.slice(1), table.select(["a"]), table.replace_schema_metadata({"a": "b"}), table["a"]]
    assert value_digest(halves) == value_digest(table) == value_digest(pa.table(table.to_pydict()))
    assert value_digest(table.slice(1)) == value_digest(pa.table(table.slice(1).to_pydict()))
    assert len({value_digest(value) for value in different}) == len(different)


def test_tensors_count_by_their_values_and_what_they_are():
    torch = library("torch")
    base = torch.arange(6.0)
    different = [
        *(
            base,
            base.view(2, 3),
            base.double(),
            base.bfloat16(),
            base.clone().requires_grad_(),
            torch.nn.Parameter(base),
        ),
        *(base[:0], base.to_sparse(), torch.nn.Linear(2, 2, bias=False), torch.float32, torch.device("cpu")),
    ]
    assert len({value_digest(value) for value in different}) == len(different)
    assert value_digest(base[::2]) == value_digest(base[::2].clone())


def test_fitted_estimators_count_by_what_they_learned():
    ensemble, datasets = library("sklearn.ensemble"), library("sklearn.datasets")
    X, y = datasets.load_iris(return_X_y=True)

    def fitted(seed):
        return ensemble.RandomForestClassifier(n_estimators=2, random_state=seed).fit(X, y)

    assert value_digest(fitted(0)) == value_digest(fitted(0)) != value_digest(fitted(1))


def test_paths_count_by_what_lies_there_and_by_their_names(tmp_path):
    one, moved, renamed = tmp_path / "a.csv", tmp_path / "below" / "a.csv", tmp_path / "b.csv"
    moved.parent.mkdir()
    for path in (one, moved, renamed):
        path.write_text("1,2\n")
    before = value_digest([one])
    assert value_digest([moved]) == before
    assert value_digest([renamed]) != before
    one.write_text("1,3\n")
    assert value_digest([one]) != before


WRITTEN = [
    ("def f(y): return ['a' for x in y]", "def f(y): return ['b' for x in y]"),
    ("def f(y): return all('a' in x for x in y)", "def f(y): return all('b' in x for x in y)"),
    ("f = lambda y: {'a': x for x in y}", "f = lambda y: {'b': x for x in y}"),
    ("def g(x): return x + 1\nf = lambda x: g(x)", "def g(x): return x + 2\nf = lambda x: g(x)"),
    ("N = 1\nf = lambda x: x + N", "N = 2\nf = lambda x: x + N"),
    ("def m(n):\n    return lambda x: x + n\nf = m(1)", "def m(n):\n    return lambda x: x + n\nf = m(2)"),
    (
        "def m():\n    class K:\n        a = 1\n    return K\nf = m()",
        "def m():\n    class K:\n        a = 2\n    return K\nf = m()",
    ),
    (
        "import functools\n@functools.lru_cache\ndef f(x): return 1",
        "import functools\n@functools.lru_cache\ndef f(x): return 2",
    ),
    ("f = [lambda: 1, lambda: 2]\nf = [f[0], f[1], f[0]]", "f = [lambda: 1, lambda: 2]\nf = [f[0], f[1], f[1]]"),
]


@pytest.mark.parametrize("is_file", [True, False], ids=["in a file", "by exec"])
@pytest.mark.parametrize("texts", WRITTEN, ids=range(len(WRITTEN)))
def test_functions_and_local_classes_count_by_their_code_and_what_they_reach(tmp_path, monkeypatch, texts, is_file):
    if not is_file and "class K" in texts[0]:
        pytest.skip("nobody can tell the code of such a class")
    digests = []
    for number, text in enumerate([*texts, f"{texts[0]}\n# the end\n"]):
        name = "of_exec"
        file = tmp_path / str(number) / "written.py"
        file.parent.mkdir()
        file.write_text(text)
        module = ModuleType(name)
        if is_file:
            module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(text, str(file) if is_file else "<string>", "exec", dont_inherit=True), vars(module))
        digests.append(value_digest({"f": module.f}))
    assert digests[0] == digests[2] != digests[1]


def test_what_a_closure_holds_counts_by_its_content_wherever_it_lies(tmp_path):
    def reading(path, table):
        return lambda: (path, table)

    digests = []
    for folder, text, number in [("a", "1", 1), ("b", "1", 1), ("c", "2", 1), ("d", "1", 2)]:
        file = tmp_path / folder / "data.csv"
        file.parent.mkdir()
        file.write_text(text)
        digests.append(value_digest(reading(file, pd.DataFrame({"a": [number]}))))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_code_that_cannot_be_told_has_no_digest():
    class Importing:
        def backend(self, name):
            return importlib.import_module(name)

    for value in (Importing(), [Importing], lambda name: importlib.import_module(f"{name}.backend")):
        with pytest.raises(CodeUnknown, match="worked out only when it runs"):
            value_digest(value)


def test_what_is_in_a_value_often_is_told_once_and_counts_like_copies_of_it():
    deep: list = [[1], {"a": (2, [3])}]
    for _ in range(60):
        deep = [deep, Model(both=(deep, deep))]
    assert len(value_digest(deep)) == 64
    inner = Model(items=list(range(20)))
    inner.me = inner
    outer = [inner, {"a": inner}, [inner, inner]]
    apart = [copy.deepcopy(inner), {"a": copy.deepcopy(inner)}, [copy.deepcopy(inner), copy.deepcopy(inner)]]
    assert value_digest(outer) == value_digest(apart)
    left, right = Model(name="left"), Model(name="right")
    left.other, right.other = right, left
    assert value_digest([left, right]) == value_digest(copy.deepcopy([left, right]))
    assert value_digest([left, right]) != value_digest([right, left])


def test_what_has_no_value_is_an_error_that_says_what():
    for value, kind in [
        ((number for number in []), "generator"),
        (threading.Lock(), "lock"),
        (Model(inside=[{"lock": threading.Lock()}]), "lock"),
        (io.TextIOWrapper(io.BytesIO()), "TextIOWrapper"),
    ]:
        with pytest.raises(NoDigest, match=f"^a value of the type {kind} has no value"):
            value_digest(value)
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NoDigest, match=r"^a value of the type list is nested too deeply$"):
        value_digest(deep)
