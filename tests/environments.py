"""Virtual environments of chosen packages, made without a network: links to those that the tests run with."""

from __future__ import annotations

import subprocess
import sysconfig
import venv
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

import mlpipeline


class Environment:
    """A virtual environment in `folder`, with mlpipeline as it is here, what that needs, and `packages`.

    Args:
        folder: where it is made.
        packages: distributions that are installed here; what they need is to be named, too.
        own: packages for `make`: name -> version.
    """

    def __init__(self, folder: Path, packages: list[str], own: Mapping[str, str] | None = None) -> None:
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        self._site = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
        (self._site / "mlpipeline.pth").write_text(str(Path(mlpipeline.__file__).parents[1]))
        for package in ["blake3", "cloudpickle", "filelock", "tomlkit", *packages]:
            self.install(package)
        for name, version in (own or {}).items():
            self.make(name, version)

    def install(self, package: str) -> None:
        """Link a package that is installed here, without what it needs."""
        found = distribution(package)
        tops = {Path(str(file)).parts[0] for file in found.files or ()} - {".."}
        for top in tops:
            source, target = Path(str(found.locate_file(top))), self._site / top
            if source.exists() and not target.exists():
                target.symlink_to(source)

    def make(self, name: str, version: str) -> None:
        """Install a package of one module, with nothing in it but its version."""
        (self._site / f"{name}.py").write_text(f"VERSION = {version!r}\n")
        info = self._site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "top_level.txt").write_text(name)

    def run(self, script: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a script there, with nothing of the environment that the tests run in."""
        return subprocess.run(
            [self.python, "-E", "-s", script, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
            cwd=cwd,
        )
