"""Where the cache of a script's pipeline is."""

from __future__ import annotations

from pathlib import Path

from mlpipeline.errors import SettingsError
from mlpipeline.project.paths import OUTPUTS_NAME
from mlpipeline.project.settings import find_project, load_settings

_CACHE_NAME = "cache"
_LONE_CACHE_NAME = ".mlp-cache"


def project_cache_folder(models_dir: Path) -> Path:
    """The cache that all model scripts of a project share."""
    return models_dir / OUTPUTS_NAME / _CACHE_NAME


def default_cache_folder(script: str | None) -> Path:
    """The cache of the project that a script lies in, else `.mlp-cache` beside it; of no script, here."""
    return cache_folder_of(Path.cwd() if script is None else Path(script).absolute().parent)


def cache_folder_of(folder: Path) -> Path:
    """The cache of the project that a folder lies in, else `.mlp-cache` in it."""
    try:
        return project_cache_folder(load_settings(find_project(folder)).models_dir)
    except SettingsError:
        return folder.absolute() / _LONE_CACHE_NAME
