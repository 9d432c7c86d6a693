"""A project for a newcomer: one that runs at once, and teaches by its comments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mlpipeline.errors import SettingsError
from mlpipeline.project.legacy import legacy_advice
from mlpipeline.project.paths import QUEUE_NAME, SETTINGS_NAME, TEST_QUEUE_NAME

_TEMPLATE = Path(__file__).parent / "template"
_IGNORED = ".gitignore"
#: What is written, by its path in the project, and how it is called in the template: a .gitignore there would be ours.
_FILES: Mapping[str, str] = {
    SETTINGS_NAME: SETTINGS_NAME,
    QUEUE_NAME: QUEUE_NAME,
    TEST_QUEUE_NAME: TEST_QUEUE_NAME,
    "models/curve.py": "models/curve.py",
    _IGNORED: "gitignore",
}


def write_new_project(folder: Path) -> list[str]:
    """Write a project into a folder, which is made where there is none; return what was written.

    A `.gitignore` that is there is left as it is.

    Raises:
        SettingsError: one of the files is there, the folder has a project of v1, or it cannot be written; nothing was
            written.
    """
    try:
        names = _names_for(folder)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be used as the folder of a project: {error.strerror}.") from error
    written: list[Path] = []
    try:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # Exclusively: nobody's file is overwritten, not even one that came a moment ago.
            with path.open("xb") as file:
                written.append(path)
                file.write((_TEMPLATE / _FILES[name]).read_bytes())
    except OSError as error:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise SettingsError(f"{error.filename or folder} cannot be written: {error.strerror}.") from error
    return names


def _names_for(folder: Path) -> list[str]:
    """Return what is to be written into a folder.

    Raises:
        SettingsError: something stands in its way.
        OSError: the folder cannot be looked into.
    """
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder} is a file; expected a folder, or the name of one that is to be made.")
    advice = legacy_advice(folder)
    if advice is not None:
        raise SettingsError(advice)
    present = [name for name in _FILES if os.path.lexists(folder / name)]
    in_the_way = [name for name in present if name != _IGNORED]
    if in_the_way:
        raise SettingsError(
            f"{folder} already has {' and '.join(in_the_way)}, and nothing is overwritten. Choose another folder: "
            "mlpipeline init DIR"
        )
    return [name for name in _FILES if name not in present]
