"""A real `systemd --user` of a test's own, beside whatever the machine was started with."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from support import wait_until

_SYSTEMD = next(filter(os.path.exists, ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")), None)

#: It enters cgroups of its own, whose paths are its arguments. Where the machine was not started by systemd, which a
#: manager insists on, it looks as if it had been, to it alone.
_START = f"""
for cgroup in "$@"; do echo 0 > "$cgroup/cgroup.procs"; done
test -d /run/systemd/system || {{ mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system; }}
exec {_SYSTEMD} --user --log-target=console
"""


class UserManager:
    """What `systemctl --user` talks to; its units have `environment`, and its home is `home`."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        """Start it.

        Raises:
            OSError, subprocess.SubprocessError: that cannot be done here.
        """
        self.output = home / "manager"
        self._cgroups = _own_cgroups(f"mlpipeline-test-{os.getpid()}")
        # The path of a socket must be short.
        self._runtime = Path(tempfile.mkdtemp(prefix="mlp-user-"))
        self._environment = {
            **{name: value for name, value in environment.items() if not name.startswith(("XDG_", "DBUS_"))},
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(self._runtime),
            "XDG_CACHE_HOME": environment["XDG_CACHE_HOME"],
        }
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", _START, "sh", *map(str, self._cgroups)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Return whether it answers; wait for that.

        Raises:
            AssertionError: it neither answers nor ends.
        """
        wait_until(lambda: self._process.poll() is not None or self._answers(), message=self.output.read_text)
        return self._process.poll() is None

    def run(self, command: str, folder: Path | None = None, *, check: bool = True) -> str:
        """Return what a shell command of its user prints."""
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not check or done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}{self.output.read_text()}"
        return done.stdout.strip()

    def shown(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run(f"systemctl --user show --value --property={name} {unit}")

    def close(self) -> None:
        """End it, and take away what it needed."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=30)
        self._process.kill()
        self._process.wait()
        for cgroup in self._cgroups:
            _remove(cgroup)
        shutil.rmtree(self._runtime)

    def _answers(self) -> bool:
        asked = ["systemctl", "--user", "show-environment"]
        return subprocess.run(asked, env=self._environment, capture_output=True, check=False).returncode == 0


def _own_cgroups(name: str) -> list[Path]:
    """Make a cgroup in each hierarchy by which a manager tells its units from each other.

    Raises:
        OSError: there is none, or it cannot be changed.
    """
    if _SYSTEMD is None or os.geteuid() != 0:
        raise PermissionError("no systemd, or not root")
    mounts = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            mounts.append(mount.split(" ")[4])
    if not mounts:
        raise FileNotFoundError("no hierarchy of cgroups")
    made = [Path(mount) / name for mount in mounts]
    for cgroup in made:
        cgroup.mkdir()
    return made


def _remove(cgroup: Path) -> None:
    """Kill what is left in a cgroup and below it, and remove it."""
    deadline = time.monotonic() + 60
    while cgroup.exists():
        try:
            for folder, _, _ in os.walk(cgroup, topdown=False):
                for pid in Path(folder, "cgroup.procs").read_text().split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                Path(folder).rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
