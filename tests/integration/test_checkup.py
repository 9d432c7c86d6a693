"""Troubles that no machine can be brought into for a test: what the system answers is changed instead."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from mlpipeline.daemon.checkup import file_system, installation, machine, probe
from mlpipeline.daemon.checkup.case import Case
from mlpipeline.daemon.checkup.checks import check_project
from mlpipeline.daemon.checkup.journals import history
from mlpipeline.domain.findings import Health
from mlpipeline.project.paths import Outputs
from mlpipeline.project.settings import Settings


@pytest.fixture
def case(tmp_path):
    outputs = Outputs(path=tmp_path / "outputs", host="box1")
    outputs.path.mkdir()
    return Case(settings=Settings(root=tmp_path, models_dir=tmp_path), outputs=outputs, environ={"HOME": str(tmp_path)})


def findings(check, case):
    return [(finding.health, finding.told) for finding in check(case)]


def test_a_file_system_on_which_all_works_is_left_as_it_was(case):
    found = probe.probe(case.outputs.path)
    assert (found.lock_trouble, found.creation_trouble, found.link_trouble) == (None, None, None)
    assert found.skew_s is not None
    assert abs(found.skew_s) < 1
    assert list(case.outputs.path.iterdir()) == []


def test_locks_that_exclude_nobody(case, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda file, how: None)
    assert findings(file_system.exclusion, case)[0] == (
        Health.BAD,
        "do not work: two processes were given the same one",
    )


def test_a_file_system_without_locks_or_hard_links(case, monkeypatch):
    def refuse(*_arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(os, "link", refuse)
    assert findings(file_system.exclusion, case) == [
        (Health.BAD, "do not work: there are none: No locks available"),
        (Health.LOOK, "there are no hard links (No locks available): exclusive creation takes their place"),
    ]


@pytest.mark.parametrize(("offset_s", "told"), [(7200, "2 h 0 min behind"), (-90, "1 min 30 s ahead of")])
def test_a_file_server_with_a_clock_of_its_own(case, monkeypatch, offset_s, told):
    real = probe.time.time
    monkeypatch.setattr(probe.time, "time", lambda: real() + offset_s)
    ((health, said),) = findings(file_system.clock, case)
    assert health is Health.LOOK
    assert said.startswith(f"the file system's clock is {told} this host's")


@pytest.mark.parametrize(
    ("mount", "told"),
    [
        ("nfs4 server:/", (Health.OK, "nfs4, shared by machines: `--watch` looks for changes every 3 s")),
        (
            "fuse.sshfs me@box:",
            (Health.LOOK, "fuse.sshfs: locks may not reach other machines, nor may the latest changes"),
        ),
    ],
)
def test_file_systems_that_machines_share(case, monkeypatch, mount, told):
    monkeypatch.setattr(file_system, "mount_table", lambda: f"1 0 0:1 / / rw - {mount} rw\n")
    assert findings(file_system.kind, case) == [told]


def test_a_package_that_is_too_old_or_missing(monkeypatch):
    versions = {"click": "7.0", "filelock": "3.13.1"}

    def version(name):
        if name in versions:
            return versions[name]
        raise installation.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installation.metadata, "version", version)
    found = list(installation.packages({}))
    told = {finding.told: finding.advice for finding in found if finding.health is Health.BAD}
    assert told["click is 7.0; mlpipeline needs click>=8.1"].endswith(" -m pip install 'click>=8.1'")
    assert "psutil is not installed; mlpipeline needs psutil>=5.9" in told
    assert "filelock 3.13.1" in found[-1].told


@pytest.mark.parametrize(("error", "name"), [(errno.ENOSPC, "max_user_watches"), (errno.EMFILE, "max_user_instances")])
def test_a_system_that_allows_no_more_watches(case, monkeypatch, error, name):
    class Libc:
        def inotify_init1(self, _flags):
            return -1 if error == errno.EMFILE else os.open(os.devnull, os.O_RDONLY)

        def inotify_add_watch(self, *_arguments):
            return -1

    monkeypatch.setattr(machine.ctypes, "CDLL", lambda *_, **__: Libc())
    monkeypatch.setattr(machine.ctypes, "get_errno", lambda: error)
    (finding,) = machine.watches(case)
    assert finding.health is Health.LOOK
    assert finding.advice.startswith(f"sudo sysctl fs.inotify.{name}=")


def test_no_folder_for_temporary_files(monkeypatch):
    def refuse():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(machine.tempfile, "gettempdir", refuse)
    (finding,) = machine.temporary_files({})
    assert finding.health is Health.BAD


def test_a_check_that_breaks_leaves_the_others(case, monkeypatch):
    monkeypatch.setattr(Outputs, "heartbeats", lambda self: 1 / 0)
    found = list(check_project(case))
    assert ("other daemons", "could not be looked at: division by zero") in [(one.check, one.told) for one in found]
    assert found[-1].check == "warm workers"


def test_a_history_that_may_not_be_read(case, monkeypatch):
    path = case.outputs.history
    path.write_text('{"event": "launch"}\n')
    real_open = Path.open

    def denied(self, *arguments, **keywords):
        if self == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return real_open(self, *arguments, **keywords)

    # The tests may run as root, who may read everything.
    monkeypatch.setattr(Path, "open", denied)
    told = "history-box1.jsonl cannot be read: Permission denied. What its host ran is not known here"
    assert findings(history, case) == [(Health.BAD, told)]
