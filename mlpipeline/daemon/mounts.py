"""Which file systems tell of no change that another machine made: inotify hears of this machine's alone."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path, PurePosixPath

#: Those that several machines, or a machine and its virtual guests, share. Every program behind FUSE is one of its own:
#: sshfs, rclone, gcsfuse.
_SHARED = re.compile(
    r"9p|acfs|afs|beegfs|ceph|cifs|coda|davfs|drvfs|fuse(\..*)?|gfs2|glusterfs|gpfs|lustre|mmfs|ncpfs|nfs|nfs4|ocfs2|"
    r"orangefs|panfs|prl_fs|pvfs2|smb2|smb3|smbfs|vboxsf|virtiofs|vmhgfs|wekafs"
)


def mount_table() -> str:
    """Return what this process sees mounted, as Linux tells it; nothing on other systems."""
    with suppress(OSError):
        return Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    return ""


def silent_file_system(folder: str, mounts: str) -> str | None:
    """Return the type of the file system of a folder, links resolved, where it is one that may change in silence."""
    found = file_system(folder, mounts)
    return found if _SHARED.fullmatch(found) else None


def file_system(folder: str, mounts: str) -> str:
    """Return the type of the file system of a folder, links resolved; empty where that is not known.

    Source: the fields of `mounts` are in proc_pid_mountinfo(5).
    """
    place = PurePosixPath(folder)
    found, depth = "", -1
    for line in mounts.splitlines():
        mount, separator, source = line.partition(" - ")
        fields = mount.split(" ")
        if not separator or len(fields) < 5:
            continue
        # Spaces and the like stand there as octal numbers.
        point = PurePosixPath(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4]))
        # Of two in one place, the later one lies above.
        if len(point.parts) >= depth and place.is_relative_to(point):
            found, depth = source.split(" ")[0], len(point.parts)
    return found
