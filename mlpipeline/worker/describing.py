"""Saying what a script offers, in a process of its own."""

from __future__ import annotations

import faulthandler
import hashlib
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlpipeline.authoring.versions import Version
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.description import ABSENT, Description, VersionDescription
from mlpipeline.domain.identity import code_identity
from mlpipeline.domain.values import is_opaque
from mlpipeline.errors import MlpipelineError, ScriptError, VersionsError
from mlpipeline.project.files import read_json, to_json, write_whole
from mlpipeline.project.project_code import loaded_modules, reachable
from mlpipeline.worker.failures import user_traceback
from mlpipeline.worker.importing import StoredCode, hides, prepare_path
from mlpipeline.worker.models import kind_of, load_model
from mlpipeline.worker.parameters import further_parameters, parameters_of, recorded

#: A file that a command names counts as its code up to this size; above, it is data.
_CODE_LIMIT_BYTES = 10_000_000


def answer(request_path: Path) -> int:
    """Describe the script that the request names, and write the answer where it says.

    The request is `{"script", "models_dir", "project", "answer"}`, absolute paths. The answer is a description, or
    `{"error", "traceback", "files"}`. Before the script is imported, which may end the process, an answer is left
    that holds `files` alone. Returns 0 when there is an answer, 130 when Ctrl-C came first.
    """
    request = read_json(request_path)
    script, models_dir, project = (Path(request[name]) for name in ("script", "models_dir", "project"))
    answer_path = Path(request["answer"])
    faulthandler.enable()
    # A script that is killed would leave its core file in the user's project.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    sys.argv[:] = [str(script)]
    prepare_path(models_dir, project, script)
    files = _contents({script, *reachable(script, [Path(entry) for entry in sys.path])})
    write_whole(answer_path, to_json({"files": _hashes(files)}), to_disk=False)
    absent: dict[str, str] = {}
    try:
        found = describe(script, models_dir, project, files).to_json()
    except ScriptError as error:
        found = {"error": error.message, "traceback": error.traceback}
        absent = dict.fromkeys(_missed(error.__cause__), ABSENT)
    except MlpipelineError as error:
        found = {"error": str(error), "traceback": None}
    except KeyboardInterrupt as error:
        sys.stderr.write(user_traceback(error))
        return 130
    write_whole(answer_path, to_json({"files": {**absent, **_hashes(files)}, **found}), to_disk=False)
    return 0


def describe(script: Path, models_dir: Path, project: Path, files: dict[Path, bytes]) -> Description:
    """Import a script and return its versions, in order, each with its identity, and the files it depends on.

    Args:
        script: to describe; `sys.path` is already as it should be.
        models_dir: where the model scripts are.
        project: the project's folder.
        files: the project code that the script can be seen to import, with itself; what turns out to be imported
            as well is added, also when the script cannot be used.

    Raises:
        ScriptError: the script cannot be used.
        VersionsError: its versions cannot.
    """
    store = StoredCode(files)
    try:
        model = load_model(script, models_dir, store)
    finally:
        files.update(_contents(set(loaded_modules().values()) - set(files)))
    if kind_of(model) == "Pipeline":
        model = model.settled()
    versions = _checked(model)
    extra, too_large = _command_files(model, models_dir, project)
    code = code_identity(
        _text(files[script]),
        {_name(path, project): _text(data) for path, data in files.items() if path != script},
        opaque=_opaque_parameters(versions),
        extra_files={_name(path, project): _sha256(data) for path, data in extra.items() if path not in files},
    )
    return Description(
        versions=tuple(_described(model, version, code.of(version.name)) for version in versions),
        files=_hashes({**extra, **files}),
        warnings=(*_warnings(script), *too_large),
    )


def _checked(model: Any) -> list[Version]:
    if getattr(model, "versions", None) is None:
        raise VersionsError("MODEL has no versions. Call super().__init__(versions) in its __init__.")
    model.versions.check()
    versions: list[Version] = model.versions.in_order()
    for version in versions:
        model.check_version(version)
    return versions


def _described(model: Any, version: Version, code: str) -> VersionDescription:
    conditions: Conditions = model.versions.conditions(version.name)
    return VersionDescription.of(
        version.name,
        suffix=version.suffix,
        parameters=parameters_of(version),
        code=code,
        conditions=conditions.to_json(),
        further=recorded(further_parameters(model, version)),
    )


def _opaque_parameters(versions: Iterable[Version]) -> set[str]:
    return {name for version in versions for name, value in version.own_parameters().items() if is_opaque(value)}


def _command_files(model: Any, models_dir: Path, project: Path) -> tuple[dict[Path, bytes], list[str]]:
    """Return the contents of the files that are a command's code, and a warning for each that is too large for code."""
    if kind_of(model) != "CommandModel":
        return {}, []
    small, warnings = [], []
    for path in model.files(models_dir, project):
        size_bytes = path.stat().st_size
        if size_bytes <= _CODE_LIMIT_BYTES:
            small.append(path)
        else:
            told = f"{_name(path, project)} is named by the command, but too large for code ({size_bytes / 1e6:.0f} MB)"
            warnings.append(f"{told}: it is not stored, and a change to it makes nothing run again.")
    return _contents(small), warnings


def _contents(paths: Iterable[Path]) -> dict[Path, bytes]:
    contents = {}
    for path in sorted(paths):
        try:
            contents[path] = path.read_bytes()
        except OSError:
            continue  # Deleted since: what needs it says so when it runs.
    return contents


def _hashes(files: Mapping[Path, bytes]) -> dict[str, str]:
    return {str(path): _sha256(data) for path, data in files.items()}


def _name(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)


def _missed(cause: BaseException | None) -> Iterator[str]:
    """Yield what was missed while a script was imported: once that is there, it is worth another look.

    Folders end in `/`.
    """
    match cause:
        case ModuleNotFoundError(name=str() as name):
            for folder in sys.path:
                base = Path(folder, *name.split(".")).absolute()
                yield from (f"{base}.py", str(base / "__init__.py"))
                if not base.exists():
                    yield f"{base}/"  # a package may do without __init__.py
        case FileNotFoundError(filename=str() as name):
            yield str(Path(name).absolute())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _warnings(script: Path) -> tuple[str, ...]:
    hidden = hides(script.stem)
    if hidden is None:
        return ()
    return (f"hides {hidden}: `import {script.stem}` in a model script finds this file. Rename it.",)
