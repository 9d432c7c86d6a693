"""Where the cache of a script's pipeline is, where nobody says."""

from __future__ import annotations

from pathlib import Path

from mlpipeline.errors import SettingsError
from mlpipeline.project.paths import OUTPUTS_NAME
from mlpipeline.project.settings import find_project, load_settings

_CACHE_NAME = "cache"
_LONE_CACHE_NAME = ".mlp-cache"


def default_cache_folder(script: str | None) -> Path:
    """The cache of the project that a script lies in, else `.mlp-cache` beside it; of no script, here."""
    return cache_folder_of(Path.cwd() if script is None else Path(script).absolute().parent)


def cache_folder_of(folder: Path) -> Path:
    """The cache of the project that a folder lies in, else `.mlp-cache` in it."""
    try:
        # All scripts of a project share one.
        return load_settings(find_project(folder)).models_dir / OUTPUTS_NAME / _CACHE_NAME
    except SettingsError:
        return folder.absolute() / _LONE_CACHE_NAME
