"""Values of all kinds that stages make, by the serializer that is to store them, and whether two are alike."""

from __future__ import annotations

import importlib
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from needs import lacking

Split = namedtuple("Split", "train test")


@dataclass
class Fitted:
    weights: Any
    epochs: int


def library(name: str) -> Any:
    """A library that an artifact is of; without it the test is skipped, or fails where all is to be there."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        lacking(name)


def plain_values(folder: Path) -> dict[str, list[Any]]:
    return {
        "text": ["", "text\r\nwith ends\n of lines", "ü 🙂 \0"],
        "bytes": [b"", b"\x00\xff\r\n"],
        "json": [
            *(None, True, 0, -1, 2**64, 1.5, -0.0, float("nan"), float("inf"), [], {}),
            {"b": [1, 2.0, None, {"": False}], "a": "ü\u2028"},
        ],
        "pickle": [
            *({1, 2}, frozenset("a"), 1j, range(3), bytearray(b"a"), "half a pair \udcff", ["\ud83d", "\ude00"]),
            *(2**20000, OrderedDict(a=1), Split(1, 2), Path("/dev/null"), [object], [{"a": {1}}]),
        ],
        "folder": [(), (1, 2), {1: "a"}, {True: 1, None: 2, (1, "a"): [3]}, [(), {}, b"bytes"]],
    }


def numpy_values(folder: Path) -> dict[str, list[Any]]:
    np = library("numpy")
    table = np.arange(12.0).reshape(3, 4)
    mixed = np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", ">f8"), ("c", "f4", (2,))][:2])
    return {
        "numpy": [
            *(table, np.asfortranarray(table), table[::2, ::3], np.array(3.0), np.zeros((0, 3)), table.astype(">f4")),
            *(mixed, np.zeros(2, dtype=[("c", "f4", (2, 2))]), np.array(["a", "bc"]), np.array([b"a"]), table > 3),
            *(np.array(["2020-01-01", "NaT"], "M8[D]"), table.astype(complex), np.array([np.nan, -0.0])),
            np.arange(400_000, dtype="i4"),
        ],
        "numpy-scalar": [
            *(np.float64(1.5), np.float32("nan"), np.int8(-3), np.bool_(True), np.datetime64("2020-01-01"), mixed[0]),
        ],
        "pickle": [
            *(np.array([None, "a", 1], dtype=object), np.ma.masked_array([1, 2], [False, True]), np.str_("a")),
            *(
                np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
                np.zeros(2, np.dtype("i4", metadata={"a": 1})),
            ),
            *(np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)), np.zeros(2, dtype=[("a", object)])),
        ],
        "folder": [(table, table[0]), {"X": table, "n": 3, "names": ["a"], "more": {"y": np.float32(1)}}],
        "pickle-folder": [[table, {1, 2}], Split(table, table), Fitted(weights=table, epochs=3)],
    }


def pandas_values(folder: Path) -> dict[str, list[Any]]:
    pd, np = library("pandas"), library("numpy")
    library("pyarrow")
    dates = pd.date_range("2020-01-01", periods=3)
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, np.nan, -0.0], "c": ["x", None, "ü"], "d": [True, False, True]})
    times = {unit: pd.Series(np.array(["2020", "NaT", "1900"], f"M8[{unit}]")) for unit in ("s", "ms", "us", "ns")}
    noted = frame.copy()
    noted.attrs = {"from": "here"}
    flagged = frame.set_flags(allows_duplicate_labels=False)
    return {
        "pandas": [
            *(frame, frame.iloc[:0], frame.iloc[1:], pd.DataFrame(), pd.DataFrame(index=[2, 1]), noted, frame["a"]),
            *(
                pd.DataFrame(np.zeros((2, 3))),
                pd.DataFrame({3: [1], 1: [2]}),
                pd.DataFrame({("a", 1): [1], ("b", 2): [2]}),
            ),
            *(
                frame.set_index("a"),
                frame.set_index(["a", "c"]),
                frame.set_axis(dates),
                frame.set_axis(["x", "y", "z"]),
            ),
            *(frame.set_axis(pd.RangeIndex(4, 10, 2, name="n")), frame.groupby(["a", "d"])["b"].agg(["mean", "sum"])),
            pd.DataFrame(times),
            pd.DataFrame(
                {"t": dates.tz_localize("Europe/Berlin"), "u": dates.tz_localize("UTC"), "d": dates - dates[0]}
            ),
            pd.DataFrame({"c": pd.Categorical(["b", "a", "b"], categories=["z", "b", "a"], ordered=True)}),
            pd.DataFrame({"c": pd.Categorical([2, None, 1], categories=[3, 2, 1])}),
            pd.DataFrame({"i": pd.array([1, None], "Int64"), "f": pd.array([0.5, None], "Float32")}),
            pd.DataFrame({"s": pd.array(["a", None], "string"), "b": pd.array([True, None], "boolean")}),
            pd.DataFrame({"i": pd.array([1, None], "int64[pyarrow]"), "s": pd.array(["a", None], "string[pyarrow]")}),
            pd.DataFrame({"text": pd.Series(["x", "y"], dtype=object), "p": pd.period_range("2020", periods=2)}),
            *(
                pd.Series([1.5], name="y", index=["a"]),
                pd.Series([1], name=5),
                pd.Series([1], name=0),
                pd.Series(["a", "b"], dtype="category"),
            ),
            *(pd.Series([], dtype="int8")),
        ],
        "pickle": [
            *(pd.DataFrame({"o": pd.Series(["x", 1, None], dtype=object)}), pd.DataFrame([[1, 2]], columns=["a", "a"])),
            *(pd.DataFrame({0: [1], "0": [2]}), pd.DataFrame({"c": [1j]}), flagged, dates, frame.index),
            frame.set_index(["a", "c"]).iloc[1:],
            pd.Series([1, 2], name=("a", 1)),
            pd.DataFrame({"n": pd.Series(["x", None], dtype=object)}),
        ],
        "folder": [(frame, frame["b"])],
    }


def arrow_values(folder: Path) -> dict[str, list[Any]]:
    pa = library("pyarrow")
    table = pa.table({"a": [1, None, 3], "b": ["x", None, "z"], "c": [[1], None, []], "d": [float("nan"), 1.0, None]})
    noted = table.replace_schema_metadata({"of": "mine"})
    batch = pa.record_batch({"a": [1, 2], "b": ["x", "y"]})
    return {
        "arrow": [
            *(table, noted, table.slice(1, 1), table.slice(0, 0), batch, batch.slice(0, 0)),
            pa.table(
                {
                    "d": pa.array(["a", "b", "a"]).dictionary_encode(),
                    "t": pa.array([1, 2, 3], pa.timestamp("us", "UTC")),
                }
            ),
        ],
        "pickle": [pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), pa.array([1, 2])],
    }


def torch_values(folder: Path) -> dict[str, list[Any]]:
    torch = library("torch")
    library("safetensors")
    base = torch.arange(12.0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    odd = torch.zeros(3)
    odd.note = "mine"
    return {
        "torch": [
            *(base, base.view(3, 4).t(), base[::2], torch.tensor(3.0), torch.zeros(0, 3), base.bfloat16(), base > 3),
            *(torch.zeros(2, requires_grad=True), torch.nn.Parameter(torch.ones(2)), torch.tensor([1 + 1j]).conj()),
            *(torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last), torch.zeros(1).expand(5)),
            *(model.state_dict(), dict(model.state_dict()), dict(model.named_parameters()), {"b": base, "a": base}),
            *({"all": base, "part": base[2:4], "shape": base.view(3, 4)}, {"left": base[:6], "right": base[6:]}),
        ],
        "pickle": [base.to_sparse(), odd, torch.zeros(2, device="meta")],
        "folder": [{"model": model.state_dict(), "step": 3}],
    }


def path_values(folder: Path) -> dict[str, list[Any]]:
    (folder / "in" / "deeper").mkdir(parents=True)
    (folder / "in" / "ü 🙂.csv").write_text("a,b\n")
    (folder / "in" / "deeper" / "empty").touch()
    (folder / "in" / "link").symlink_to("deeper")
    file, inside = folder / "in" / "ü 🙂.csv", folder / "in"
    return {"path": [file, inside], "folder": [[file, {"more": inside}]]}


ALL = [plain_values, numpy_values, pandas_values, arrow_values, torch_values, path_values]


def is_alike(one: Any, other: Any) -> bool:
    """Whether two values are alike in all that a stage could tell of them but where they lie."""
    kind = type(one)
    if kind is not type(other):
        return False
    if isinstance(one, Path):
        return _tree(one) == _tree(other) if one.exists() else one == other
    if isinstance(one, dict):
        return (
            list(map(repr, one)) == list(map(repr, other))
            and all(map(is_alike, one.values(), other.values()))
            and is_alike(getattr(one, "_metadata", None), getattr(other, "_metadata", None))
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_alike, one, other))
    if isinstance(one, Fitted):
        return is_alike(vars(one), vars(other))
    checker = {"numpy": _are_arrays_alike, "pandas": _are_tables_alike, "torch": _are_tensors_alike}.get(
        kind.__module__.partition(".")[0]
    )
    if checker is not None:
        return checker(one, other)
    if kind.__module__.startswith("pyarrow"):
        return (
            one.schema.equals(other.schema, check_metadata=True) and str(one.to_pydict()) == str(other.to_pydict())
            if hasattr(one, "schema")
            else one.equals(other)
        )
    return one == other or repr(one) == repr(other) == "nan"


def _are_arrays_alike(one: Any, other: Any) -> bool:
    np = library("numpy")
    is_same = (
        one.dtype == other.dtype and repr(one.dtype) == repr(other.dtype) and one.dtype.metadata == other.dtype.metadata
    )
    if isinstance(one, np.generic):
        return is_same and (one.tobytes() == other.tobytes())
    fortran = one.flags.f_contiguous and not one.flags.c_contiguous
    is_same = (
        is_same and one.shape == other.shape and fortran == (other.flags.f_contiguous and not other.flags.c_contiguous)
    )
    if isinstance(one, np.ma.MaskedArray):
        is_same = is_same and bool((one.mask == other.mask).all())
    return is_same and (one.tolist() == other.tolist() if one.dtype.hasobject else one.tobytes() == other.tobytes())


def _are_tables_alike(one: Any, other: Any) -> bool:
    testing = library("pandas").testing
    pd = library("pandas")
    if isinstance(one, pd.Index):
        testing.assert_index_equal(one, other, exact=True)
        return True
    check = testing.assert_frame_equal if isinstance(one, pd.DataFrame) else testing.assert_series_equal
    how = {"check_column_type": True} if isinstance(one, pd.DataFrame) else {}
    check(one, other, check_exact=True, check_freq=True, check_flags=True, check_index_type=True, **how)
    assert type(one.index) is type(other.index)
    names = (one.columns, other.columns) if isinstance(one, pd.DataFrame) else ([one.name], [other.name])
    assert list(map(repr, names[0])) == list(map(repr, names[1]))
    assert one.attrs == other.attrs
    return True


def _are_tensors_alike(one: Any, other: Any) -> bool:
    torch = library("torch")
    if one.dtype != other.dtype or one.shape != other.shape or one.device != other.device:
        return False
    is_same = one.requires_grad == other.requires_grad and vars(one) == vars(other) and one.layout == other.layout
    if one.layout is not torch.strided or one.device.type == "meta":
        return is_same
    # Of what has gaps, or is one number many times, only the order of the rest is kept.
    dense = torch.empty_like(one, device="meta").stride()
    return is_same and dense == other.stride() and torch.equal(one, other)


def _tree(path: Path) -> Any:
    inside = {entry.name: _tree(entry)[1] for entry in path.iterdir()} if path.is_dir() else path.read_bytes()
    return path.name, inside
