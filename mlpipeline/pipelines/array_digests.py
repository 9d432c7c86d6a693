"""What of arrays, tables and tensors counts for the digest of a value, without copying them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Tell = Callable[..., None]
Update = Callable[[Any], object]
Take = Callable[[Any], None]

#: What lies apart in memory is copied in pieces of about this size.
_PIECE_BYTES = 2**22


def take(value: Any, tell: Tell, update: Update, take_other: Take) -> bool:
    """Tell a hasher what an array, a table or a tensor holds; return whether the value is one.

    Args:
        value: any.
        tell: gets words.
        update: gets the bytes of an array.
        take_other: gets the values inside that are none of these.
    """
    origin = type(value).__module__.partition(".")[0]
    taker = _TAKERS.get(origin)
    return taker is not None and taker(value, tell, update, take_other)


def _numpy(value: Any, tell: Tell, update: Update, take_other: Take) -> bool:
    import numpy as np

    if isinstance(value, np.dtype):
        tell("dtype", value.str, repr(value))
        return True
    if isinstance(value, np.generic) and type(value) is value.dtype.type:
        tell("scalar", type(value).__name__)
        value = np.asarray(value)
    elif type(value) not in (np.ndarray, np.memmap):
        return False
    _array(value, tell, update, take_other)
    return True


def _array(value: Any, tell: Tell, update: Update, take_other: Take) -> None:
    import numpy as np

    if value.dtype.names is not None:
        # Field by field: there may be gaps between them, with anything in it.
        tell("fields", value.shape, *value.dtype.names)
        for name in value.dtype.names:
            _array(value[name], tell, update, take_other)
        return
    is_fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    tell("array", value.dtype.str, repr(value.dtype), value.shape, is_fortran)
    if value.dtype.hasobject:
        for item in value.flat:
            take_other(item)
        return
    laid = value.T if is_fortran else value
    if laid.flags.c_contiguous:
        # As bytes: not every dtype can be looked at as it is.
        update(laid.reshape(-1).view(np.uint8).data)
    elif laid.ndim == 1 or not laid.size:
        rows = max(_PIECE_BYTES // max(laid.itemsize, 1), 1)
        for start in range(0, len(laid), rows):
            update(np.ascontiguousarray(laid[start : start + rows]).view(np.uint8).data)
    else:
        rows = max(_PIECE_BYTES * len(laid) // max(laid.nbytes, 1), 1)
        for start in range(0, len(laid), rows):
            update(np.ascontiguousarray(laid[start : start + rows]).reshape(-1).view(np.uint8).data)


def _pandas(value: Any, tell: Tell, _update: Update, take_other: Take) -> bool:
    import pandas as pd

    kind = type(value)
    if kind is pd.DataFrame:
        tell("DataFrame", value.shape)
        take_other([value.columns, value.index, value.attrs])
        for at in range(value.shape[1]):
            take_other(value.iloc[:, at].array)
    elif kind is pd.Series:
        tell("Series")
        take_other([value.name, value.index, value.attrs, value.array])
    elif kind is pd.MultiIndex:
        tell("MultiIndex")
        take_other([list(value.names), list(value.levels), list(value.codes)])
    elif kind is pd.RangeIndex:
        tell("RangeIndex", value.start, value.stop, value.step)
        take_other(value.name)
    elif isinstance(value, pd.Index):
        tell(kind.__name__, getattr(value, "freqstr", None))
        take_other([value.name, value.array])
    elif isinstance(value, pd.api.extensions.ExtensionArray):
        tell(kind.__name__, repr(value.dtype))
        take_other(_content(value))
    else:
        return False
    return True


def _content(value: Any) -> Any:
    """What an array of pandas holds, in types that others know."""
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.arrays.NumpyExtensionArray):
        return value.to_numpy()
    if isinstance(value, pd.Categorical):
        return [value.codes, value.categories, value.ordered]
    if isinstance(value, pd.arrays.DatetimeArray | pd.arrays.TimedeltaArray | pd.arrays.PeriodArray):
        return value.asi8
    if hasattr(value, "__arrow_array__") and "pyarrow" in sys.modules:
        return sys.modules["pyarrow"].array(value)
    return np.asarray(value, dtype=object)


def _pyarrow(value: Any, tell: Tell, update: Update, _take_other: Take) -> bool:
    import pyarrow as pa

    if isinstance(value, pa.Table | pa.RecordBatch):
        columns, schema = value.columns, value.schema
    elif isinstance(value, pa.Array | pa.ChunkedArray):
        columns, schema = [value], pa.schema([pa.field("", value.type)])
    else:
        return False
    tell(type(value).__name__, schema.serialize().to_pybytes())
    for column in columns:
        chunks = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        chunks = chunks.chunks if isinstance(chunks, pa.ChunkedArray) else [chunks]
        # As a stream it leaves out what is around a part of a larger array, and between the values.
        with pa.PythonFile(_Sink(update), mode="w") as sink:
            for chunk in chunks:
                batch = pa.RecordBatch.from_arrays([chunk], names=[""])
                with pa.ipc.new_stream(sink, batch.schema) as stream:
                    stream.write_batch(batch)
    return True


class _Sink:
    """A file whose content goes to a hasher."""

    closed = False

    def __init__(self, update: Update) -> None:
        self._update = update

    def write(self, data: bytes) -> int:
        """Take some of it."""
        self._update(data)
        return len(data)

    def flush(self) -> None:
        """Have nothing to do."""

    def close(self) -> None:
        """Have nothing to do."""


def _torch(value: Any, tell: Tell, update: Update, _take_other: Take) -> bool:
    import torch

    if isinstance(value, torch.dtype | torch.device | torch.memory_format):
        tell(type(value).__name__, value)
        return True
    is_strided = isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_quantized
    if type(value) not in (torch.Tensor, torch.nn.Parameter) or not is_strided or value.device.type == "meta":
        return False
    tell(type(value).__name__, value.dtype, tuple(value.shape), value.device, value.requires_grad)
    data = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
    update(data.reshape(-1).view(torch.uint8).numpy().data)
    return True


_TAKERS: dict[str, Callable[[Any, Tell, Update, Take], bool]] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "pyarrow": _pyarrow,
    "torch": _torch,
}
