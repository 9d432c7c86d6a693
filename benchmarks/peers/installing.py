"""Getting the other tools, each into a folder of its own that is kept for the next time."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: The Debian package of task-spooler.
TASK_SPOOLER = "task-spooler=1.0.1+dfsg1-1"
_STAMP = "packages.txt"


class NotInstalled(Exception):
    """A tool cannot be had on this machine."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """Where a tool is."""

    #: The folder of its commands, `python` among them.
    commands: Path
    #: What was installed: name and version of each package.
    packages: tuple[str, ...]


def install(name: str, requirements: Sequence[str], cache: Path) -> Installed:
    """Return a virtual environment that holds `requirements`, made now or earlier.

    Raises:
        NotInstalled: it cannot be made.
    """
    wanted = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:8]
    folder = cache / f"{name}-{wanted}"
    stamp, python = folder / _STAMP, folder / "bin" / "python"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _call([sys.executable, "-m", "venv", str(folder)])
        _call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
        stamp.write_text(_call([str(python), "-m", "pip", "freeze", "--disable-pip-version-check"]), "utf-8")
    return Installed(commands=python.parent, packages=tuple(stamp.read_text("utf-8").split("\n")[:-1]))


def install_task_spooler(cache: Path) -> Installed:
    """Return where `tsp` is: as installed, else unpacked from Debian's package without installing it.

    Raises:
        NotInstalled: it is not there, and there is no such package.
    """
    if found := shutil.which("tsp"):
        version = _call([found, "-V"]).strip()
        return Installed(commands=Path(found).parent, packages=(f"task-spooler {version}",))
    if shutil.which("apt-get") is None:
        raise NotInstalled("tsp is not installed, and this is no Debian to get it from")
    folder = cache / "task-spooler"
    commands = folder / "usr" / "bin"
    if not (commands / "tsp").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _call(["apt-get", "download", TASK_SPOOLER], folder)
        (package,) = folder.glob("*.deb")
        _call(["dpkg", "-x", str(package), str(folder)])
    return Installed(commands=commands, packages=(TASK_SPOOLER,))


def _call(command: Sequence[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise NotInstalled(f"{' '.join(command[-3:])}: {lines[-1] if lines else done.returncode}")
    return done.stdout
