"""Where what can be found out again is kept, in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from mlpipeline.project.paths import Outputs


def user_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of all that is kept for a user, on whatever host and for whatever project.

    Raises:
        RuntimeError: the user has no home.
    """
    return Path(environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "mlpipeline"


def cache_folder(outputs: Outputs, environ: Mapping[str, str]) -> Path:
    """Return the folder of an outputs folder for this host: each host has its own, as a home may be shared.

    Raises:
        RuntimeError: the user has no home.
    """
    name = hashlib.sha256(os.fsencode(outputs.path.resolve())).hexdigest()[:16]
    return user_folder(environ) / f"{name}-{outputs.host}"
