"""Anything else, as a pickle."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

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
        import cloudpickle

        with path.open("wb") as file:
            cloudpickle.dump(value, file, protocol=5)
        if path.stat().st_size <= TRIED_BYTES:
            self.load(path)

    def load(self, path: Path) -> Any:
        """Unpickle it, which executes what it says."""
        with path.open("rb") as file:
            return pickle.load(file)
