"""Where what can be found out again is kept, in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from mlpipeline.project.paths import Outputs


def cache_folder(outputs: Outputs, environ: Mapping[str, str]) -> Path:
    """Return the folder of an outputs folder for this host: each host has its own, as a home may be shared.

    Raises:
        RuntimeError: the user has no home.
    """
    cache = environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    name = hashlib.sha256(os.fsencode(outputs.path.resolve())).hexdigest()[:16]
    return Path(cache) / "mlpipeline" / f"{name}-{outputs.host}"
