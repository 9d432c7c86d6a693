"""NumPy arrays and scalars."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

#: From here on an array is mapped, not read: below, that takes as long, and each that is mapped holds a file open.
MAPPED_FROM_BYTES = 2**20


class Arrays:
    """Stores arrays as `.npy`."""

    name, suffix, is_pickle = "numpy", ".npy", False

    def takes(self, value: Any) -> bool:
        """Whether it is an array, of no subclass, of anything but objects."""
        numpy = sys.modules.get("numpy")
        return numpy is not None and type(value) in (numpy.ndarray, numpy.memmap) and _is_kept(value.dtype)

    def save(self, value: Any, path: Path) -> None:
        """Write it in its own order, C's or Fortran's."""
        import numpy as np

        with path.open("wb") as file:
            np.save(file, value, allow_pickle=False)

    def load(self, path: Path) -> Any:
        """Read it, or map it copy-on-write: what its receiver writes into it stays his own."""
        import numpy as np

        if path.stat().st_size < MAPPED_FROM_BYTES:
            return np.load(path, allow_pickle=False)
        return np.load(path, mmap_mode="c", allow_pickle=False).view(np.ndarray)


class Scalars:
    """Stores NumPy's scalars as `.npy` without dimensions."""

    name, suffix, is_pickle = "numpy-scalar", ".npy", False

    def takes(self, value: Any) -> bool:
        """Whether it is one that an array holds as it is: text loses NULs at its end."""
        numpy = sys.modules.get("numpy")
        return (
            numpy is not None
            and isinstance(value, numpy.generic)
            and type(value) is value.dtype.type
            and value.dtype.kind not in "SU"
            and _is_kept(value.dtype)
        )

    def save(self, value: Any, path: Path) -> None:
        """Write it."""
        import numpy as np

        with path.open("wb") as file:
            np.save(file, np.asarray(value), allow_pickle=False)

    def load(self, path: Path) -> Any:
        """Read it."""
        import numpy as np

        return np.load(path, allow_pickle=False)[()]


def _is_kept(dtype: Any) -> bool:
    """Whether a dtype comes back from what `.npy` says of it: not objects, metadata or types of other packages."""
    if dtype.isbuiltin == 1:
        return not dtype.hasobject
    from numpy.lib import format as npy

    if dtype.hasobject or _has_metadata(dtype):
        return False
    try:
        return repr(npy.descr_to_dtype(npy.dtype_to_descr(dtype))) == repr(dtype)
    except (TypeError, ValueError):
        return False


def _has_metadata(dtype: Any) -> bool:
    inner = [field[0] for field in (dtype.fields or {}).values()]
    if dtype.subdtype is not None:
        inner.append(dtype.subdtype[0])
    return dtype.metadata is not None or any(map(_has_metadata, inner))
