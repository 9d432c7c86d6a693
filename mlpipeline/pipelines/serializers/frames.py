"""Tables of pandas."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlpipeline.pipelines.serializers.optional import is_installed
from mlpipeline.pipelines.serializers.plain import is_plain
from mlpipeline.pipelines.serializers.serializer import Unsuited

#: Under this key of a file's metadata is what neither Parquet nor pandas' own metadata have a place for.
_OWN_KEY = b"mlpipeline"
#: The kinds of dtypes of which Parquet keeps every value, with or without gaps: numbers, truth values and times.
_KEPT_KINDS = frozenset("biufmM")
#: Two rows have all of a frame's structure.
_HEAD = 2


class Frames:
    """Stores data frames and series as Parquet, if they come back exactly."""

    name, suffix, is_pickle = "pandas", ".parquet", False

    def takes(self, value: Any) -> bool:
        """Whether it is a DataFrame or a Series, of no subclass."""
        pandas = sys.modules.get("pandas")
        return (
            pandas is not None
            and type(value) in (pandas.DataFrame, pandas.Series)
            and is_installed("pyarrow", "tables as Parquet")
        )

    def save(self, value: Any, path: Path) -> None:
        """Write it, and read again what Parquet might have changed: the structure, the index and odder columns."""
        frame = _as_frame(value)
        head = _head(frame)
        own = _own_metadata(value, frame)
        try:
            if not _is_same(_read(_written(head, own, io.BytesIO())), _head(value)):
                raise Unsuited
            _written(frame, own, path)
            odd = [at for at, dtype in enumerate(frame.dtypes) if getattr(dtype, "kind", "O") not in _KEPT_KINDS]
            back = _read(path, only=odd)
        except OSError:
            raise
        except Exception as error:  # Arrow has many, as have the types of columns that others define.
            raise Unsuited from error
        if not _is_same_index(back.index, frame.index) or not all(
            _is_same_column(back.iloc[:, at], frame.iloc[:, odd[at]]) for at in range(len(odd))
        ):
            raise Unsuited

    def load(self, path: Path) -> Any:
        """Read it."""
        return _read(path)


def _as_frame(value: Any) -> Any:
    import pandas as pd

    if not is_plain(value.attrs) or not value.flags.allows_duplicate_labels:
        raise Unsuited
    frame = value
    if type(value) is pd.Series:
        if type(value.name) not in (str, int, type(None)):
            raise Unsuited
        frame = value.to_frame(0 if value.name is None else value.name)
    labels = frame.columns
    if not isinstance(labels, pd.MultiIndex) and _is_of_objects(labels.dtype) and not set(map(type, labels)) <= {str}:
        raise Unsuited
    for at, dtype in enumerate(frame.dtypes):
        # An array of objects may hold anything; text is what most hold, and Parquet knows.
        if _is_of_objects(dtype) and not set(map(type, frame.iloc[:, at])) <= {str}:
            raise Unsuited
    return frame


def _is_of_objects(dtype: Any) -> bool:
    return bool(dtype == "object")


def _head(value: Any) -> Any:
    import pandas as pd

    head = value.iloc[:_HEAD]
    if isinstance(head.index, pd.MultiIndex):
        # Of the levels of other rows, the file of these knows nothing.
        levels = [head.index.get_level_values(number) for number in range(head.index.nlevels)]
        head.index = pd.MultiIndex.from_arrays(levels, names=head.index.names)
    return head


def _own_metadata(value: Any, frame: Any) -> dict[str, Any]:
    """Return what `_read` is to mend, as JSON."""
    import pandas as pd

    labels, freq = frame.columns, getattr(frame.index, "freqstr", None)
    is_range = type(labels) is pd.RangeIndex
    return {
        # Of a label of numbers it comes back as NumPy has them.
        "name": [value.name] if frame is not value else None,
        "labels": [labels.start, labels.stop, labels.step, labels.name] if is_range else None,
        "freq": freq if isinstance(frame.index, pd.DatetimeIndex | pd.TimedeltaIndex) else None,
        "dtypes": [_dtype_json(dtype) for dtype in frame.dtypes],
    }


def _dtype_json(dtype: Any) -> dict[str, Any] | None:
    """Return what is to become of a column after it was read; None where it is right then."""
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories
        if getattr(categories.dtype, "kind", "O") in "iuf" and type(categories) is pd.Index:
            kinds = {"values": categories.tolist(), "dtype": str(categories.dtype), "name": categories.name}
            return {"categories": kinds, "ordered": bool(dtype.ordered)}
        return None
    if isinstance(dtype, pd.ArrowDtype):
        return {"arrow": True}
    if _is_of_objects(dtype) or (getattr(dtype, "kind", "O") in "mM" and "[s" in str(dtype)):
        return {"dtype": str(dtype)}
    return None


def _written(frame: Any, own: dict[str, Any], target: Any) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pandas(frame)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _OWN_KEY: json.dumps(own)})
    parquet.write_table(table, target)
    return target


def _read(source: Any, only: Sequence[int] | None = None) -> Any:
    """Return the frame or series in a file; with `only` a frame of these columns, by position."""
    import pandas as pd
    from pyarrow import parquet

    with parquet.ParquetFile(source) as file:
        schema = file.schema_arrow
        own = json.loads(schema.metadata[_OWN_KEY])
        # The columns of the index come after the others.
        at = range(len(own["dtypes"])) if only is None else only
        columns = None if only is None else [schema.names[index] for index in only]
        table = file.read(columns=columns, use_pandas_metadata=True)
    frame = table.to_pandas()
    mended = {
        place: _as_dtype(frame.iloc[:, place], dtype, table.schema.field(place).type)
        for place, index in enumerate(at)
        if (dtype := own["dtypes"][index]) is not None
    }
    for place, column in mended.items():
        frame.isetitem(place, column)
    if own["freq"] is not None:
        frame.index.freq = own["freq"]
    if only is not None:
        return frame
    if own["labels"] is not None:
        *range_, name = own["labels"]
        frame.columns = pd.RangeIndex(*range_, name=name)
    if own["name"] is None:
        return frame
    series = frame.iloc[:, 0]
    (series.name,) = own["name"]
    return series


def _as_dtype(column: Any, dtype: dict[str, Any], arrow_type: Any) -> Any:
    import pandas as pd

    if "categories" in dtype:
        said = dtype["categories"]
        categories = pd.Index(said["values"], dtype=said["dtype"], name=said["name"])
        return column.astype(pd.CategoricalDtype(categories, ordered=dtype["ordered"]))
    return column.astype(pd.ArrowDtype(arrow_type) if "arrow" in dtype else dtype["dtype"])


def _is_same(one: Any, other: Any) -> bool:
    """Whether two frames or series are alike in all that can be told of them."""
    import pandas as pd

    if type(one) is not type(other) or one.attrs != other.attrs or not _is_same_index(one.index, other.index):
        return False
    if isinstance(one, pd.Series):
        return type(one.name) is type(other.name) and one.name == other.name and _is_same_column(one, other)
    return _is_same_index(one.columns, other.columns) and all(
        _is_same_column(one.iloc[:, at], other.iloc[:, at]) for at in range(len(one.columns))
    )


def _is_same_column(one: Any, other: Any) -> bool:
    return _is_same_dtype(one.dtype, other.dtype) and bool(
        one.reset_index(drop=True).equals(other.reset_index(drop=True))
    )


def _is_same_index(one: Any, other: Any) -> bool:
    import pandas as pd

    if type(one) is not type(other) or not _is_same_names(one.names, other.names):
        return False
    if isinstance(one, pd.MultiIndex):
        return bool(one.equals(other)) and all(map(_is_same_index, one.levels, other.levels))
    is_alike = _is_same_dtype(one.dtype, other.dtype) and getattr(one, "freq", None) == getattr(other, "freq", None)
    # Of objects only the types tell 1 from True.
    return is_alike and bool(one.equals(other)) and (not _is_of_objects(one.dtype) or _is_same_names(one, other))


def _is_same_names(one: Any, other: Any) -> bool:
    return [(type(name), name) for name in one] == [(type(name), name) for name in other]


def _is_same_dtype(one: Any, other: Any) -> bool:
    import pandas as pd

    if isinstance(one, pd.CategoricalDtype) and isinstance(other, pd.CategoricalDtype):
        return one.ordered == other.ordered and _is_same_index(one.categories, other.categories)
    return type(one) is type(other) and repr(one) == repr(other)
