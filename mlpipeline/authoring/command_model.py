"""A model that is a command line: a program in any language, or one that must stay as it is."""

from __future__ import annotations

import glob
import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.template import Template
from mlpipeline.authoring.version import Version, check_seed, listed
from mlpipeline.authoring.versions import Versions, checked_versions
from mlpipeline.domain.values import Json, as_json
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import NotJson, VersionsError

#: Placeholders that come from the run; `seed` may also be a version's parameter, and is then the run's.
_FROM_RUN = ("model_dir", "run_dir", "run_id", "seed", "name")


class CommandModel:
    """The short form of a model that is a program.

        MODEL = CommandModel("python train.py --lr {learning_rate} --out {model_dir}", versions)

    The command is split into words once; then the placeholders are filled word by word, so a value with
    spaces stays one word. A placeholder is a parameter of the version, its `name`, or `model_dir`,
    `run_dir`, `run_id` or `seed` of the run; `{{` and `}}` are braces. The exit status is the outcome;
    results and metrics are what the program writes to the file that `MLP_METRICS` names.

    Args:
        command: the command line, or its words.
        versions: what to train; every version is a run of its own.
        test_command: what test mode executes instead; without it, test mode executes nothing.
        shell: give the command to a shell, as one text with quoted values.
        code: files, folders and globs that are its code besides the project files the command names; relative
            to the project.

    Raises:
        VersionsError: a command is malformed, or `versions` is not a `Versions` object.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        versions: Versions,
        *,
        test_command: str | Sequence[str] | None = None,
        shell: bool = False,
        code: str | Path | Iterable[str | Path] = (),
    ) -> None:
        self.versions = checked_versions(versions, "CommandModel")
        self.command = command
        self.test_command = test_command
        self.shell = shell
        self.code = [code] if isinstance(code, str | Path) else list(code)
        self._template = Template(command, shell=shell, where="command")
        self._test_template = (
            None if test_command is None else Template(test_command, shell=shell, where="test_command")
        )

    def check_version(self, version: Version) -> None:
        """See that version and command fit.

        Raises:
            VersionsError: a placeholder is unknown; the command takes no notice of a parameter, so a typo
                would train with the default; a value cannot be written on a command line; or the seed is no
                whole number.
        """
        check_seed(version)
        where = f'version "{version.name}"'
        parameters = self._parameters(version)
        for key in _FROM_RUN:
            if key in parameters and key != "seed":
                raise VersionsError(f'{where}: "{key}" comes from the run: call the parameter otherwise.')
        known = [*parameters, *(key for key in _FROM_RUN if key not in parameters)]
        for word, template in (("command", self._template), ("test_command", self._test_template)):
            for placeholder in template.placeholders() if template else ():
                if placeholder not in known:
                    raise VersionsError(
                        f'{where}: {word} has the placeholder "{{{placeholder}}}", '
                        f"which is none of {listed(known)}.{did_you_mean(placeholder, known)}"
                    )
        taken = self._template.placeholders()
        for key in parameters:
            if key not in taken and key != "seed":
                raise VersionsError(
                    f'{where}: the command has no placeholder "{{{key}}}" for this parameter; '
                    f"it has {listed(taken)}.{did_you_mean(key, taken)}"
                )
        self._try_formats(where, {**dict.fromkeys(_FROM_RUN, ""), "seed": 0, **parameters})

    def words(
        self,
        version: Version,
        *,
        model_dir: Path,
        run_dir: Path,
        run_id: str,
        seed: int,
        mode: ExecutionModeKeys,
    ) -> list[str] | str:
        """What to execute for a version that was checked: words, or with `shell` a text for the shell.

        Raises:
            VersionsError: it is for test mode, and there is no `test_command`.
        """
        template = self._test_template if mode is ExecutionModeKeys.TEST else self._template
        if template is None:
            raise VersionsError("test mode has nothing to execute: the CommandModel has no test_command.")
        from_run: dict[str, Json] = {
            "model_dir": str(model_dir),
            "run_dir": str(run_dir),
            "run_id": run_id,
            "seed": seed,
            "name": version.name,
        }
        return template.filled({**self._parameters(version), **from_run})

    def files(self, models_dir: Path, project: Path) -> list[Path]:
        """The files whose content is this model's code: absolute, sorted, each once.

        Those are the project files that the command names (looked up in the project, where it is executed,
        then in models_dir; a module after `-m` too), and everything `code` names.

        Raises:
            VersionsError: something that `code` names does not exist.
        """
        folders = (project.absolute(), models_dir.absolute())
        found = set(_named_files(self._template.words, folders))
        for named in self.code:
            files = list(_code_files(str(named), folders))
            if not files:
                raise VersionsError(
                    f'code: "{named}" names no file in {folders[0]} or {folders[1]}. '
                    "Give files, folders or globs that exist."
                )
            found.update(files)
        return sorted(found)

    def _parameters(self, version: Version) -> dict[str, Json]:
        try:
            return {key: as_json(value, key) for key, value in version.own_parameters().items()}
        except NotJson as error:
            raise VersionsError(f'version "{version.name}": on a command line, {error}') from error

    def _try_formats(self, where: str, values: Mapping[str, Json]) -> None:
        for template in (self._template, self._test_template):
            try:
                if template is not None:
                    template.filled(values)
            except VersionsError as error:
                raise VersionsError(f"{where}: {error}") from error


def _named_files(words: Sequence[str], folders: Sequence[Path]) -> Iterator[Path]:
    """The files in `folders` that `words` name, each word in the first folder that has it."""
    for before, word in zip(["", *words], words, strict=False):
        names = [word, word.partition("=")[2]]
        if before == "-m":
            module = word.replace(".", "/")
            names += [f"{module}.py", f"{module}/__main__.py"]
        for name in filter(None, names):
            candidates = (_plain(folder / name) for folder in folders)
            yield from [path for path in candidates if _is_project_file(path, folders)][:1]


def _is_project_file(path: Path, folders: Sequence[Path]) -> bool:
    """Whether it is a file in one of the folders, but not in a virtual environment, as the interpreter is."""
    try:
        return (
            path.is_file()
            and any(path.is_relative_to(folder) for folder in folders)
            and not any((parent / "pyvenv.cfg").exists() for parent in path.parents)
        )
    except (OSError, ValueError):
        # A word of a command may be anything, such as a program of 5000 characters after `-c`.
        return False


def _code_files(named: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The files behind one entry of `code`, in the first folder that has any."""
    for folder in folders:
        exact = folder / named
        matches = [exact] if exact.exists() else _glob(named, folder)
        files = [file for match in matches for file in _files_of(_plain(match))]
        if files:
            yield from files
            return


def _glob(pattern: str, folder: Path) -> list[Path]:
    # Path.glob takes no absolute patterns.
    matches = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    return [folder / match for match in matches]


def _files_of(path: Path) -> list[Path]:
    """The file itself, or all files in the folder but hidden ones and compiled Python."""
    if path.is_file():
        return [path]
    inside = (file for file in path.rglob("*") if file.is_file())
    return [file for file in inside if not any(_is_left_out(part) for part in file.relative_to(path).parts)]


def _is_left_out(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__"


def _plain(path: Path) -> Path:
    """`path` without `..`; links stay, because the command sees them too."""
    return Path(os.path.normpath(path))
