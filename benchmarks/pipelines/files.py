"""A big file: how fast it is hashed, and how long it takes to be taken into a cache by link."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.pipelines.measurements import Case, Contender, Measurement, Place
from benchmarks.pipelines.processes import beyond, called, timed, told
from benchmarks.pipelines.requirements import DVC, JOBLIB
from benchmarks.workbench import Workbench

_SIZE_MIB, _QUICK_SIZE_MIB = 1024, 16
_NAME = "big.bin"

SPEED = Measurement(
    name="hashing", what="Hashing {size} from the page cache", unit="GB/s, more is better", limit=4.0, is_least=True
)
LINK = Measurement(
    name="link",
    what="Taking a file of {size} into the cache, beyond the process's start",
    unit="s",
    limit=1.0,
    is_difference=True,
)
START = Measurement(name="link start", what="The whole process for one byte, imports with it", unit="s")


def _big_file(bench: Workbench, folder: Path) -> None:
    block = os.urandom(1 << 20)
    with (folder / _NAME).open("wb") as file:
        for _ in range(bench.size(_SIZE_MIB, _QUICK_SIZE_MIB)):
            file.write(block)


def _size(is_quick: bool) -> str:
    return f"{_QUICK_SIZE_MIB} MiB" if is_quick else "1 GiB"


def _hashed(method: str) -> Any:
    def measure(place: Place, python: Path) -> Mapping[str, float]:
        return {SPEED.name: told(place, python, "hashing.py", method, str(place.shared / _NAME))["gb_per_s"]}

    return measure


def hashing(*, is_quick: bool) -> Case:
    """Return the hashing of one file by every tool."""
    return Case(
        name="hashing",
        size=_size(is_quick),
        is_quick=is_quick,
        measurements=(SPEED,),
        prepare=_big_file,
        contenders=(
            Contender(
                name="mlpipeline, its own files",
                usage="content.file_digest: BLAKE3, mapped",
                measure=_hashed("file_digest"),
            ),
            Contender(
                name="mlpipeline, others' files",
                usage="content.path_digest: BLAKE3, read, as they may be cut short",
                measure=_hashed("path_digest"),
            ),
            Contender(name="SHA-256", usage="hashlib.file_digest", measure=_hashed("sha256")),
            Contender(
                name="joblib.hash", usage="of the same bytes in memory, by MD5", needs=JOBLIB, measure=_hashed("joblib")
            ),
            Contender(name="DVC's MD5", usage="dvc_data's file_md5", needs=DVC, measure=_hashed("dvc")),
        ),
    )


def _own_link(place: Place, python: Path) -> Mapping[str, float]:
    (place.folder / "one.bin").write_bytes(b"1")
    _, start_s = timed(place, python, "link_mlpipeline.py", "one.bin")
    shutil.copyfile(place.shared / _NAME, place.folder / _NAME)
    _, took_s = timed(place, python, "link_mlpipeline.py", _NAME)
    return {LINK.name: beyond(took_s, start_s), START.name: start_s}


def _dvc_link(kind: str | None) -> Any:
    def measure(place: Place, python: Path) -> Mapping[str, float]:
        called(place, python, "dvc", "init", "--no-scm", "--quiet")
        if kind is not None:
            called(place, python, "dvc", "config", "cache.type", kind)
        (place.folder / "one.bin").write_bytes(b"1")
        _, start_s = called(place, python, "dvc", "add", "--quiet", "one.bin")
        shutil.copyfile(place.shared / _NAME, place.folder / _NAME)
        _, took_s = called(place, python, "dvc", "add", "--quiet", _NAME)
        return {LINK.name: beyond(took_s, start_s), START.name: start_s}

    return measure


def taking_in(*, is_quick: bool) -> Case:
    """Return the taking in of one file by every tool."""
    return Case(
        name="link",
        size=_size(is_quick),
        is_quick=is_quick,
        measurements=(LINK, START),
        prepare=_big_file,
        contenders=(
            Contender(name="mlpipeline", usage="a stage returns the path; less what one byte takes", measure=_own_link),
            *(
                Contender(
                    name=f"DVC, {kind or 'as it comes'}",
                    usage=f"dvc add{f', cache.type {kind}' if kind else ''}; less what one byte takes",
                    needs=DVC,
                    measure=_dvc_link(kind),
                )
                for kind in (None, "hardlink", "symlink")
            ),
        ),
    )
