"""What many runs share, stored once by its content: project code, and what a launch found around it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlpipeline.errors import MlpipelineError
from mlpipeline.project.files import read_json, to_json, write_whole
from mlpipeline.project.paths import Outputs

_HASH_LENGTH = 16


class CodeChanged(MlpipelineError):
    """A file is not what it was when its script was described."""


def store_code(outputs: Outputs, files: Mapping[str, str], project: Path) -> str:
    """Store files as they were described and return the name of the folder below `code/`.

    The files lie in it as in the project, for people to read; `manifest.json` maps their absolute paths.

    Args:
        outputs: where to.
        files: absolute path -> SHA-256 of the content that is meant.
        project: files below it are stored under their path in it.

    Raises:
        CodeChanged: the content of a file is another by now.
        OSError: the store could not be written.
    """
    name = code_name(files)
    folder = outputs.code(name)
    if folder.is_dir() and _is_kept(folder):
        return name
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=folder.parent))
    try:
        manifest = {}
        for path, sha256 in files.items():
            stored = _stored_path(Path(path), project)
            manifest[path] = stored.as_posix()
            _store(Path(path), aside / stored, sha256)
        write_whole(aside / "manifest.json", to_json({"files": manifest}))
        aside.chmod(0o755)
        try:
            aside.rename(folder)
        except OSError:
            # Another daemon was faster; what it stored is the same.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return name


def stored_code(outputs: Outputs, name: str) -> dict[str, str] | None:
    """Return the files of a folder below `code/`, as they are called in the project; None when it cannot be read."""
    manifest = read_json(outputs.code(name) / "manifest.json")
    try:
        paths = sorted(manifest["files"].values())
        texts = [(outputs.code(name) / path).read_bytes().decode("utf-8", "replace") for path in paths]
        return {_path_in_words(path): text for path, text in zip(paths, texts, strict=True)}
    except (OSError, KeyError, TypeError, AttributeError):
        return None


def store_environment(outputs: Outputs, environment: Mapping[str, Any]) -> str:
    """Store what a launch found around it and return its name below `environments/`.

    Raises:
        OSError: the store could not be written.
    """
    data = json.dumps(environment, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "backslashreplace")
    name = hashlib.sha256(data).hexdigest()[:_HASH_LENGTH]
    path = outputs.environment(name)
    if not _is_kept(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data + b"\n")
    return name


def code_name(files: Mapping[str, str]) -> str:
    """Return what the folder of these files is called below `code/`; see `store_code`."""
    return hashlib.sha256(to_json(sorted(files.items()))).hexdigest()[:_HASH_LENGTH]


def _is_kept(path: Path) -> bool:
    """Return whether something is stored, and from now on counts as new: `gc` leaves that alone, until it is named."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        return path.exists()  # Somebody else stored it.
    return True


def _stored_path(path: Path, project: Path) -> Path:
    if path.is_relative_to(project):
        return Path("project", path.relative_to(project))
    return Path("elsewhere", *path.parts[1:])


def _path_in_words(stored: str) -> str:
    return stored.removeprefix("project/") if stored.startswith("project/") else stored.removeprefix("elsewhere")


def _store(path: Path, target: Path, sha256: str) -> None:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CodeChanged(f"{path} cannot be read any more: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CodeChanged(f"{path} has changed")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
