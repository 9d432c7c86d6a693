"""Libraries that write the formats of others, and need not be installed."""

from __future__ import annotations

import logging
from functools import cache
from importlib.util import find_spec

_log = logging.getLogger("mlpipeline.pipelines")


@cache
def is_installed(library: str, stores: str) -> bool:
    """Whether a library is installed; where it is not, that is said once.

    Args:
        library: the name under which it is imported, and installed.
        stores: what it would store, for the hint: "tables as Parquet".
    """
    if find_spec(library) is not None:
        return True
    _log.warning(
        "%s is not installed, so that pickles are what becomes of what it would store: %s. Install it: "
        "pip install 'mlpipeline[artifacts]'",
        *(library, stores),
    )
    return False
