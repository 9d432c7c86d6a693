"""What is installed: Python, mlpipeline, and what it needs."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from mlpipeline import __version__
from mlpipeline.daemon.checkup.case import Case
from mlpipeline.domain.findings import Finding, bad, look, ok
from mlpipeline.project.files import read_json

#: `click>=8.1`, as the metadata of a package say what it needs; what follows a semicolon is only needed at times.
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?[^;]*")
#: How many of the latest launches are looked at.
_LOOKED_AT = 20


def python(_environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the interpreter and at mlpipeline itself."""
    yield ok("python", f"{platform.python_version()}, {sys.executable}")
    yield ok("mlpipeline", f"{__version__}, {Path(__file__).parents[2]}")


def packages(_environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at what mlpipeline needs."""
    try:
        requirements = metadata.requires("mlpipeline") or []
    except metadata.PackageNotFoundError:
        told = "mlpipeline is not installed but only found on the path: what it needs is not known"
        yield look("packages", told, f"{shlex.quote(sys.executable)} -m pip install mlpipeline")
        return
    found = []
    for requirement in requirements:
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None:
            continue
        name, least = match[1], match[2]
        version = _installed(name)
        if version is not None and (least is None or _numbers(version) >= _numbers(least)):
            found.append(f"{name} {version}")
        else:
            told = f"{name} is not installed" if version is None else f"{name} is {version}"
            wanted = f"{name}>={least}" if least else name
            yield bad(
                "packages",
                f"{told}; mlpipeline needs {wanted}",
                f"{shlex.quote(sys.executable)} -m pip install {shlex.quote(wanted)}",
            )
    yield ok("packages", ", ".join(found))


def newer_files(case: Case) -> Iterator[Finding]:
    """Look whether a newer mlpipeline has written into the outputs."""
    environments = case.outputs.path.glob("environments/*.json")
    latest = sorted(environments, key=lambda path: -path.stat().st_mtime)[:_LOOKED_AT]
    written_by = {_written_by(path) for path in latest} - {""}
    newest = max(written_by, key=_numbers, default="")
    if _numbers(newest) > _numbers(__version__):
        told = f"the outputs were written by mlpipeline {newest}, which may write what {__version__} cannot read"
        yield look("versions", told, f"{shlex.quote(sys.executable)} -m pip install --upgrade mlpipeline")
    elif written_by:
        yield ok("versions", f"no newer mlpipeline than this one has written here: {', '.join(sorted(written_by))}")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _written_by(environment: Path) -> str:
    found = read_json(environment)
    packages = found.get("packages") if isinstance(found, dict) else None
    return str(packages.get("mlpipeline", "")) if isinstance(packages, dict) else ""


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
