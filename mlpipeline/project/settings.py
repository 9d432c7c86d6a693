"""`mlp.toml`: finding a project and reading its settings."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.domain.complaints import shown
from mlpipeline.domain.conditions import KEYS as CONDITIONS
from mlpipeline.domain.conditions import UNLIMITED, Conditions
from mlpipeline.domain.words import did_you_mean, is_fit
from mlpipeline.errors import SettingsError
from mlpipeline.project.legacy import legacy_advice
from mlpipeline.project.paths import SETTINGS_NAME
from mlpipeline.project.tables import Table, parse, read_text

#: The keys of every table; "" is the top of the file.
KNOWN_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("models_dir",),
    "queue": ("hold_after", "retry_delay", "test_first", "test_timeout", "min_free_disk"),
    "versions": CONDITIONS,
    "worker": ("import_timeout", "stop_grace", "warm", "warm_parents", "never_warm"),
    "record": ("tensorboard", "environment_variables"),
    "notify": ("command", "timeout"),
}
_TABLES = tuple(name for name in KNOWN_KEYS if name)

HOST_BYTES = 64

_NOTIFY_EXAMPLE = '["notify-send", "mlpipeline"]'

# A name that holds one of these anywhere, or one of the words between its underscores, names a secret.
_SECRET_PARTS = ("TOKEN", "SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL", "KEY")
_SECRET_WORDS = {"AUTH", "DSN", "PASS", "PAT", "PWD"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What `mlp.toml` says; its defaults are here."""

    #: The folder that holds `mlp.toml`.
    root: Path
    #: Where the model scripts are; absolute, links resolved.
    models_dir: Path
    #: How many versions of a script must fail in the same way, one after the other, for the rest to be held; 0: never.
    hold_after: int = 3
    #: How long after a failure the next attempt begins, in seconds; twice as long after each further one.
    retry_delay_s: float = 30.0
    #: Whether every launch tests what has not passed its test before anything runs (`--test-first`).
    is_test_first: bool = False
    #: How long such a test may take, in seconds; 0 for any time.
    test_timeout_s: float = 600.0
    #: How much must be free on the disk of the outputs for a run to start, in bytes; 0: any.
    min_free_disk_bytes: int = 10**9
    #: On what conditions every version runs that says nothing else.
    conditions: Conditions = UNLIMITED
    #: How long a script may take to be imported, in seconds.
    import_timeout_s: float = 600.0
    #: How long a run may take to end once it was asked to (SIGTERM), in seconds.
    stop_grace_s: float = 30.0
    #: Whether runs are forked from a process that has imported what their script imports, where that is safe.
    is_warm: bool = True
    #: How many such processes are kept.
    warm_parents: int = 3
    #: Packages that do not survive a fork, besides the built-in ones.
    never_warm: tuple[str, ...] = ()
    #: Whether metrics also go to TensorBoard event files.
    tensorboard: bool = True
    #: Names of environment variables recorded with each launch, besides the built-in ones.
    environment_variables: tuple[str, ...] = ()
    #: What is started when somebody is to be told of the queue: a text for the shell, or a program and its arguments;
    #: where there is none, nobody is told.
    notify_command: str | tuple[str, ...] = ()
    #: How long that may take, in seconds.
    notify_timeout_s: float = 60.0


def find_project(start: Path) -> Path:
    """Return the nearest folder that holds `mlp.toml`: `start`, else one above it, links resolved.

    Raises:
        SettingsError: there is none, `start` is no folder, or the nearest project is still one of v1.
    """
    try:
        first = start.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:  # missing; a loop of links; a null character
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"{shown(str(start))} cannot be used as the project folder: {reason}.") from error
    if not first.is_dir():
        raise SettingsError(f"{first} is a file; expected the project folder or one below it.")
    for folder in (first, *first.parents):
        if os.path.lexists(folder / SETTINGS_NAME):
            return folder
        # A project of v1 is a project: going on upward could run the queue of another one.
        advice = legacy_advice(folder)
        if advice is not None:
            raise SettingsError(f"{SETTINGS_NAME}: there is none in {folder}.\n{advice}")
    raise SettingsError(
        f"{SETTINGS_NAME}: there is none in {first} or in a folder above it. Go to your project, "
        "say where it is with -C DIR, or begin one: mlpipeline init DIR"
    )


def load_settings(root: Path) -> Settings:
    """Return the settings of the project at `root`.

    Raises:
        SettingsError: `mlp.toml` cannot be read or has a wrong value, or models_dir is no folder.
    """

    def complain(message: str) -> SettingsError:
        return SettingsError(f"{SETTINGS_NAME}: {message}")

    top = parse(read_text(root / SETTINGS_NAME, complain), complain)
    places = {key: _place(table) for table, keys in KNOWN_KEYS.items() for key in keys}
    top.refuse_unknown((*KNOWN_KEYS[""], *_TABLES), places)
    tables = {name: top.table(name) for name in _TABLES}
    for name, table in tables.items():
        table.refuse_unknown(KNOWN_KEYS[name], places)
    queue, versions, worker, record = tables["queue"], tables["versions"], tables["worker"], tables["record"]
    notify = tables["notify"]
    return Settings(
        root=root,
        models_dir=_models_dir(top, root),
        hold_after=queue.count("hold_after", Settings.hold_after, least=0),
        retry_delay_s=queue.seconds("retry_delay", Settings.retry_delay_s, least=0),
        is_test_first=queue.flag("test_first", Settings.is_test_first),
        test_timeout_s=queue.seconds("test_timeout", Settings.test_timeout_s, least=0),
        min_free_disk_bytes=queue.size_bytes("min_free_disk", Settings.min_free_disk_bytes),
        conditions=Conditions.parse(versions.values, versions.prefix, complain).over(UNLIMITED),
        import_timeout_s=worker.seconds("import_timeout", Settings.import_timeout_s, least=0.1),
        stop_grace_s=worker.seconds("stop_grace", Settings.stop_grace_s, least=0),
        is_warm=worker.flag("warm", Settings.is_warm),
        warm_parents=worker.count("warm_parents", Settings.warm_parents, least=1),
        never_warm=worker.texts("never_warm", '["jax"]'),
        tensorboard=record.flag("tensorboard", Settings.tensorboard),
        environment_variables=_environment_variables(record),
        notify_command=_notify_command(notify),
        notify_timeout_s=notify.seconds("timeout", Settings.notify_timeout_s, least=1),
    )


def _place(table: str) -> str:
    return f"below the line [{table}]" if table else "at the top of the file, above the first [table]"


def _models_dir(top: Table, root: Path) -> Path:
    text = top.text("models_dir", "models")
    setting = f"models_dir = {shown(text)}"
    try:
        path = (root / Path(text).expanduser()).resolve()
        if path.is_dir():
            return path
        exists = path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # ~nobody; a loop of links; a null character
        raise top.complain(f"{setting} cannot be used: {error}. Name the folder of your model scripts.") from error
    if exists:
        raise top.complain(f"{setting} is a file ({path}); expected the folder of your model scripts.")
    beside = [folder.name for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    raise top.complain(
        f"{setting}: there is no folder {path}. Make it, or name the folder of your model scripts."
        f"{did_you_mean(text, beside)}"
    )


def _notify_command(notify: Table) -> str | tuple[str, ...]:
    command = notify.values.get("command", [])
    if isinstance(command, list):
        return notify.texts("command", _NOTIFY_EXAMPLE)
    if not isinstance(command, str) or not command.strip():
        raise notify.wrong("command", f"a text that the shell runs, or a list such as {_NOTIFY_EXAMPLE}")
    return command


def _environment_variables(record: Table) -> tuple[str, ...]:
    names = record.texts("environment_variables", '["SLURM_JOB_ID"]')
    for index, name in enumerate(names):
        where = f"{record.prefix}environment_variables[{index}] = {shown(name)}"
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise record.complain(
                f"{where} is no name of an environment variable; expected letters, digits and underscores, "
                "without $ and without a value."
            )
        if looks_secret(name):
            raise record.complain(
                f"{where} looks like a secret. The variables named here are stored with every launch for "
                "anyone who can read outputs/, so secrets are refused. Take it off the list."
            )
    return names


def looks_secret(name: str) -> bool:
    """Whether the environment variable `name` may hold a token, a password or a key."""
    upper = name.upper()
    if upper in {"PWD", "OLDPWD"}:  # where the shell is
        return False
    return any(part in upper for part in _SECRET_PARTS) or not _SECRET_WORDS.isdisjoint(upper.split("_"))


def host_name(environ: Mapping[str, str], machine: str) -> str:
    """Return this host's name as it stands in file names: `MLP_HOST`, else the machine's name.

    It is never empty, has no separator, control character or leading dot, and at most 64 bytes: a longer one
    is cut and ends in a hash of the whole, so that two long names stay two hosts.
    """
    given = environ.get("MLP_HOST", "").strip() or machine.strip() or "localhost"
    name = "".join(c if is_fit(c) and c not in "/\\" else "-" for c in given)
    undotted = name.lstrip(".")
    name = "-" * (len(name) - len(undotted)) + undotted
    encoded = name.encode()
    if len(encoded) <= HOST_BYTES:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return f"{encoded[: HOST_BYTES - 9].decode(errors='ignore')}-{digest}"
