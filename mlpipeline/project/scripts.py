"""Model scripts as files: which of them a queue means, and whether one can be used at all."""

from __future__ import annotations

import io
import os
import stat
import symtable
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from mlpipeline.domain.complaints import shown
from mlpipeline.domain.queue import Entry, Queue
from mlpipeline.domain.words import did_you_mean, is_fit, nearest
from mlpipeline.errors import QueueError, ScriptError
from mlpipeline.project.paths import OUTPUTS_NAME

# What the compiler raises besides SyntaxError: null characters, and code nested too deeply for its stack.
_COMPILER_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, kw_only=True)
class PassedOver:
    """A file or folder (ending in `/`) below models_dir that a blacklist queue does not run, and why."""

    script: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The scripts that a queue means."""

    #: In the order in which they run.
    entries: tuple[Entry, ...]
    #: In name order; the caller logs it in one line.
    passed_over: tuple[PassedOver, ...] = ()


def listed_scripts(queue: Queue, models_dir: Path) -> Listing:
    """Return the scripts that `queue` means: those on its list or, with `use_blacklist`, all others.

    Those on a list are returned as they are, checked or not. Of the others, only those that set `MODEL` are;
    a script that the compiler refuses is returned too, so that describing it tells what is wrong with it.

    Raises:
        QueueError: with `use_blacklist`, models_dir cannot be read.
    """
    if not queue.use_blacklist:
        return Listing(entries=queue.entries)
    scripts, passed_over = _scan(models_dir)
    blacklisted = {entry.script for entry in queue.entries}
    entries = []
    for script in scripts:
        if script in blacklisted:
            continue
        if _may_set_model(models_dir / script):
            entries.append(Entry(script=script))
        else:
            passed_over.append(PassedOver(script=script, why="sets no MODEL"))
    for script in blacklisted.difference(scripts, [one.script for one in passed_over]):
        why = f"is on the blacklist but is no script here.{did_you_mean(script, scripts)}"
        passed_over.append(PassedOver(script=script, why=why))
    return Listing(entries=tuple(entries), passed_over=tuple(sorted(passed_over, key=lambda one: one.script)))


def is_there(models_dir: Path, script: str) -> bool:
    """Whether a script is in the models folder, listed or not."""
    return (models_dir / script).is_file()


def _scan(models_dir: Path) -> tuple[list[str], list[PassedOver]]:
    """Return the scripts below models_dir in name order, and what else was met; enters no folder twice."""
    top = models_dir.resolve()
    scripts: list[str] = []
    passed_over: list[PassedOver] = []
    entered = {top, (top / OUTPUTS_NAME).resolve()}
    waiting = [PurePosixPath()]
    while waiting:
        folder = waiting.pop()
        try:
            names = sorted(path.name for path in (models_dir / folder).iterdir())
        except OSError as error:
            if folder == PurePosixPath():
                message = f"the scripts cannot be listed: {error.strerror}. Check models_dir."
                raise QueueError(models_dir, message) from error
            passed_over.append(PassedOver(script=f"{folder}/", why=f"cannot be read: {error.strerror}"))
            continue
        for name in names:
            script, path = folder / name, models_dir / folder / name
            if name == "__pycache__" or script == PurePosixPath(OUTPUTS_NAME):
                continue
            mode = _mode(path)
            if stat.S_ISDIR(mode):
                why = _why_not_enter(script, path, top, entered)
                if why is None:
                    waiting.append(script)
                    entered.add(path.resolve())
                else:
                    passed_over.append(PassedOver(script=f"{_printable(script)}/", why=why))
            elif name.endswith(".py"):
                why = _why_no_script(name, mode)
                if why is None:
                    scripts.append(str(script))
                else:
                    passed_over.append(PassedOver(script=_printable(script), why=why))
    return sorted(scripts), passed_over


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:  # a link that leads nowhere or in a circle; a folder that may not be searched
        return 0


def _why_not_enter(script: PurePosixPath, path: Path, top: Path, entered: set[Path]) -> str | None:
    if os.path.lexists(path / "pyvenv.cfg"):
        return "a virtual environment"
    real = path.resolve()
    inward = path.is_symlink() and (real.is_relative_to(top) or top.is_relative_to(real))
    if inward or real in entered:
        return "the same folder as another, or one that holds models_dir"
    return _why_not_by_name(script.name)


def _why_no_script(name: str, mode: int) -> str | None:
    if name.startswith("_"):
        return "its name begins with _"
    if not stat.S_ISREG(mode):
        return "not a file that can be read"
    return _why_not_by_name(name)


def _why_not_by_name(name: str) -> str | None:
    if name.startswith("."):
        return "hidden"
    return None if all(map(is_fit, name)) else "its name is not UTF-8 or holds a control character"


def _printable(path: PurePosixPath) -> str:
    return "".join(c if is_fit(c) else ascii(c)[1:-1] for c in str(path))


def _may_set_model(path: Path) -> bool:
    try:
        return sets_model(_decoded(path.read_bytes()))
    except (OSError, SyntaxError, ValueError, LookupError):
        return True


@lru_cache(maxsize=1024)  # a blacklist queue asks about every script before every run
def sets_model(source: str) -> bool:
    """Whether a script's top level binds `MODEL` in any way: assigned, imported, in an `if`, `try` or `with`.

    It is not run. True for what the compiler refuses, whose error describing it will tell.
    """
    try:
        with _silent_compiler():
            symbol = symtable.symtable(source, "<script>", "exec").lookup("MODEL")
    except KeyError:
        return False
    except _COMPILER_ERRORS:
        return True
    return symbol.is_assigned() or symbol.is_imported()


def check_script(script: str, models_dir: Path) -> Path:
    """Return the path of a listed script, which the compiler accepts; it is not run.

    Raises:
        ScriptError: it is missing, a folder, outside models_dir, not Python, not text, empty, or has a syntax
            error.
    """
    if is_outside(script):
        raise ScriptError(script, f"is outside models_dir ({models_dir}). Move it there, or a link to it.")
    path = models_dir / script
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ScriptError(script, "is a folder; expected a Python file.")
        if not script.endswith(".py"):
            raise ScriptError(script, 'is not a Python file; expected a name that ends in ".py".')
        if not stat.S_ISREG(mode):
            raise ScriptError(script, "is a device or a pipe; expected a Python file.")  # reading it might never end
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        meant = _nearest_script(script, models_dir)
        hint = "" if meant is None else f' Did you mean "{meant}"?'
        what = "is a link that leads nowhere" if path.is_symlink() else "does not exist"
        raise ScriptError(script, f"{what} in models_dir ({models_dir}).{hint}") from error
    except OSError as error:
        raise ScriptError(script, f"cannot be read: {error.strerror}.") from error
    _check_source(script, content)
    return path


def is_outside(script: str) -> bool:
    """Whether a script, named by its path from models_dir, lies outside that."""
    return script.startswith("/") or PurePosixPath(script).parts[:1] == ("..",)


def _nearest_script(script: str, models_dir: Path) -> str | None:
    try:
        scripts, _ = _scan(models_dir)
    except QueueError:
        return None
    return f"{script}.py" if f"{script}.py" in scripts else nearest(script, scripts)


def _check_source(script: str, content: bytes) -> None:
    try:
        source = _decoded(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScriptError(
            script,
            f"line {line} is not {error.encoding.upper()} (byte 0x{error.object[error.start]:02x}). Save the "
            "file as UTF-8, or name its encoding in the first line: # coding: latin-1",
        ) from error
    except (SyntaxError, ValueError, LookupError) as error:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ScriptError(script, f"its encoding is not known: {message}. Save the file as UTF-8.") from error
    if not source.strip():
        raise ScriptError(script, "is empty; expected a script that sets MODEL.")
    try:
        with _silent_compiler():
            compile(source, script, "exec", dont_inherit=True)
    except SyntaxError as error:
        # The later passes of the compiler know the number of the line, not its text.
        lines = ["", *io.StringIO(source, newline=None)]
        text = (error.text or lines[min(error.lineno or 0, len(lines) - 1)]).strip()
        reads = f" The line reads {shown(text)}." if text else ""
        place = f"line {error.lineno}: " if error.lineno else ""
        raise ScriptError(script, f"{place}syntax error: {error.msg}.{reads}") from error
    except _COMPILER_ERRORS as error:
        reason = str(error) or "it is nested too deeply"
        raise ScriptError(script, f"cannot be compiled: {reason}.") from error


def _decoded(content: bytes) -> str:
    """Return the text of a script as Python reads it: UTF-8, or what its first two lines name (PEP 263).

    Raises:
        SyntaxError, LookupError: the named encoding is none, or not one of text.
        UnicodeDecodeError: its bytes are of another encoding.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError:
        content.decode()  # where the first two lines are not UTF-8, this error knows the place
        raise
    return content.decode(encoding)


@contextmanager
def _silent_compiler() -> Iterator[None]:
    # What the compiler warns of, the run's own log will show; on the terminal of the daemon it helps nobody.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
