"""Anything else, as a pickle."""

from __future__ import annotations

import io
import pickle
from functools import cache
from pathlib import Path
from typing import Any

from mlpipeline.pipelines import uses

#: Up to here a pickle is read again at once, to see that it can be; that of a large one would take too much memory.
TRIED_BYTES = 2**26


class Pickles:
    """Stores whatever can be pickled; functions and classes of the script by their code, lambdas too."""

    name, suffix, is_pickle = "pickle", ".pkl", True

    def takes(self, value: Any) -> bool:  # noqa: ARG002 (it takes what no other one does)
        """Whether it is anything."""
        return True

    def save(self, value: Any, path: Path) -> None:
        """Write it, and see that it can be read."""
        with path.open("wb") as file:
            pickler_class()(file, protocol=5).dump(value)
        if path.stat().st_size <= TRIED_BYTES:
            self.load(path)

    def load(self, path: Path) -> Any:
        """Unpickle it, which executes what it says."""
        with path.open("rb") as file:
            return pickle.load(file)


@cache
def pickler_class() -> Any:
    """The class that pickles artifacts. It is made when it is needed: its base takes long to import."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle says no types
        """Pickles functions and classes of the script by their code."""

        def reducer_override(self, value: Any) -> Any:
            """Refuse files, of which cloudpickle would make texts in memory."""
            if isinstance(value, io.IOBase) and not isinstance(value, io.BytesIO | io.StringIO):
                raise TypeError("it is an open file")
            by_name = uses.referred(value)
            return super().reducer_override(value) if by_name is None else by_name

    return Pickler
