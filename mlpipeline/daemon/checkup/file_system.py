"""What the outputs lie on: whether there is room, and whether what mlpipeline relies on works there."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from mlpipeline.daemon.checkup.case import Case
from mlpipeline.daemon.mounts import file_system, mount_table, silent_file_system
from mlpipeline.domain.findings import Finding, bad, look, ok
from mlpipeline.domain.quantities import duration_in_words, size_in_words

#: A run leaves about ten files. With fewer than the first nothing can run for long; fewer than the second is few.
_LEAST_FILES, _FEW_FILES = 100, 10_000
#: By how much clocks may differ: file systems round times by up to two seconds.
_SKEW_S = 3.0
#: What programs that synchronise folders call theirs, and what they leave in them.
_SYNCED = (
    "dropbox",
    "onedrive",
    "google drive",
    "googledrive",
    "nextcloud",
    "owncloud",
    "icloud",
    "mobile documents",
    "syncthing",
)
_SYNC_MARKS = (".dropbox.cache", ".stfolder", ".sync_", ".owncloudsync.log", ".nextcloudsync.log")


def writing(case: Case) -> Iterator[Finding]:
    """Look whether the outputs can be written."""
    probe = case.probe
    if probe.refusal is None:
        told = "can be written" if case.outputs.path.is_dir() else "are not there yet; the first launch makes them"
        yield ok("outputs", f"{case.outputs.path} {told}")
        return
    why = probe.refusal.strerror
    folder = shlex.quote(str(probe.folder))
    advice = {
        errno.EROFS: "work on another host, or mount it so that it can be written",
        errno.ENOSPC: f"df -h {folder}; df -i {folder}",
        errno.EDQUOT: "quota -s",
    }.get(probe.refusal.errno or 0, f"ls -ld {folder}; id")
    yield bad("outputs", f"{probe.folder} cannot be written: {why}. `status` and `runs` work, `-r` does not", advice)


def room(case: Case) -> Iterator[Finding]:
    """Look how much room there is on the disk, in bytes and in files."""
    disk = os.statvfs(case.probe.folder)
    free, least = disk.f_bavail * disk.f_frsize, case.settings.min_free_disk_bytes
    folder = shlex.quote(str(case.probe.folder))
    wanted = f"min_free_disk is {size_in_words(least)}" if least else "min_free_disk is off"
    told = f"{size_in_words(free)} free; {wanted}"
    if free < least:
        yield bad("disk", f"{told}: nothing new starts", f"df -h {folder}; mlpipeline gc --dry-run")
    elif free < 2 * least:
        yield look("disk", f"{told}: nothing new starts below that", f"df -h {folder}; mlpipeline gc --dry-run")
    else:
        yield ok("disk", told)
    # File systems that make room for files as they come say that there are none.
    if disk.f_files and disk.f_favail < _FEW_FILES:
        told = f"there is room for {disk.f_favail} more files; a run leaves about ten"
        judged = bad if disk.f_favail < _LEAST_FILES else look
        yield judged("disk", told, f"df -i {folder}; mlpipeline gc --dry-run")


def clock(case: Case) -> Iterator[Finding]:
    """Look whether the file system's clock is this host's."""
    skew_s = case.probe.skew_s
    if skew_s is None:
        return
    if abs(skew_s) <= _SKEW_S:
        yield ok("clock", "this host and the file system agree")
        return
    how = "ahead of" if skew_s > 0 else "behind"
    told = f"the file system's clock is {duration_in_words(abs(skew_s))} {how} this host's"
    yield look(
        "clock",
        f"{told}: when hosts were last heard of is shown wrong",
        "timedatectl  # here and on the file server: both should follow NTP",
    )


def exclusion(case: Case) -> Iterator[Finding]:
    """Look whether what keeps two writers apart works."""
    probe = case.probe
    if probe.refusal is not None:
        return
    elsewhere = "move the project to a file system that has them (a local disk, NFS 4), or run one daemon only"
    if probe.lock_trouble is None:
        yield ok("locks", "work between processes of this host")
    else:
        yield bad("locks", f"do not work: {probe.lock_trouble}", elsewhere)
    if probe.creation_trouble is not None:
        yield bad("creation", f"is not exclusive: {probe.creation_trouble}", elsewhere)
    elif probe.link_trouble is not None:
        yield look(
            "creation", f"there are no hard links ({probe.link_trouble}): exclusive creation takes their place", None
        )
    else:
        yield ok("creation", "exclusive creation and hard links work")


def kind(case: Case) -> Iterator[Finding]:
    """Look what kind of file system it is, and whether something synchronises the folder."""
    folder = case.probe.folder
    mounts = mount_table()
    name = file_system(str(folder), mounts)
    shared = silent_file_system(str(folder), mounts)
    if shared and shared.startswith("fuse"):
        told = f"{shared}: locks may not reach other machines, nor may the latest changes"
        yield look("file system", told, "run the queue on one host only, unless you know that it keeps them apart")
    elif shared:
        yield ok("file system", f"{shared}, shared by machines: `--watch` looks for changes every 3 s")
    elif name:
        yield ok("file system", name)
    sync = _synchroniser(folder)
    if sync is not None:
        told = f"{sync}: a synced folder. Other hosts can read it, but two of them cannot be kept from one model dir"
        yield look("file system", told, "run the queue on one host only")


def _synchroniser(folder: Path) -> str | None:
    """Return what shows that a program synchronises a folder, or None."""
    for place in (folder, *folder.parents):
        name = place.name.lower()
        if any(name == sync or name.startswith((f"{sync} ", f"{sync}-", f"{sync}(")) for sync in _SYNCED):
            return str(place)
        for mark in _SYNC_MARKS:
            if (place / mark).exists():
                return str(place / mark)
    return None
