"""How files are saved, moved and replaced while `mlpipeline -r --watch` is idle: each save is taken up soon."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from needs import lacking
from support import wait_until

from mlpipeline.daemon.watching import SourceWatch
from mlpipeline.project.settings import Settings

SCRIPT = """
from mlpipeline import FunctionModel, Versions
from lib.deep import factor
def train(x):
    return {"y": x * factor}
versions = Versions()
versions.add_version("v", x=1)
MODEL = FunctionModel(train, versions)
"""
#: What wakes a daemon that would else look again after 30 s.
SOON_S = 20


class Saving:
    """A daemon that stays and has run `a:v`, and what it ran so far."""

    def __init__(self, project, daemon=None):
        self.project = project
        self.script = project.models_dir / "a.py"
        self.daemon = daemon or project.start("-r", "-u", "--watch")
        self.count = 0
        self.wait_ran("a:v")

    def ran(self):
        runs = {event["run"]: event for event in self.project.history() if event["event"] == "selected"}
        ended = [event for event in self.project.history() if event["event"] == "ended"]
        return [f"{runs[event['run']]['model']}:{runs[event['run']]['version']}" for event in ended]

    def wait_ran(self, key):
        """One more run has ended, of that version."""
        self.count += 1
        wait_until(lambda: len(self.ran()) >= self.count, SOON_S, lambda: f"{self.ran()}\n{self.project.log}")
        assert self.ran()[-1] == key
        assert len(self.ran()) == self.count


@pytest.fixture
def project(make_project, tmp_path):
    project = make_project(tmp_path, {"a.py": SCRIPT})
    (project.root / "lib").mkdir()
    (project.root / "lib" / "deep.py").write_text("factor = 1\n")
    return project


@pytest.fixture
def saving(project):
    return Saving(project)


def in_place(path, text):
    path.write_text(text)


def by_rename(path, text):
    aside = path.with_name(".a.py.aside-1234")
    aside.write_text(text)
    aside.rename(path)


def as_vim_does(path, text):
    """The calls of vim 9, with `backupcopy=no` and a swap file."""
    swap, probe, backup = path.with_name(f".{path.name}.swp"), path.with_name("4913"), Path(f"{path}~")
    swap.write_bytes(b"b0VIM 9.0")
    probe.touch()
    probe.unlink()
    path.rename(backup)
    path.write_text(text)
    backup.unlink()
    swap.unlink()


def by_sed(path, text):
    number = text.partition("x=")[2].partition(")")[0]
    subprocess.run(["sed", "-i", f"s/x=[0-9]*/x={number}/", str(path)], check=True)


def by_git(path, text):
    def git(*arguments):
        identity = ["-c", "user.name=me", "-c", "user.email=me@here"]
        subprocess.run(["git", *identity, *arguments], cwd=path.parent, check=True, capture_output=True)

    number = text.partition("x=")[2].partition(")")[0]
    git("init", "-b", "before")
    git("add", "a.py")
    git("commit", "-m", "before")
    git("checkout", "-b", f"x{number}")
    before = path.read_text()
    path.write_text(text)
    git("commit", "-am", "after")
    path.write_text(before)
    git("checkout", "-f", "before")
    git("checkout", f"x{number}")


def by_a_link(path, text):
    target = path.parent / "kept" / f"{len(text)}"
    target.parent.mkdir()
    target.write_text(text)
    link = path.with_name("link.aside")
    link.symlink_to(target)
    link.rename(path)


@pytest.mark.parametrize("save", [in_place, by_rename, as_vim_does, by_sed, by_a_link])
def test_however_a_script_is_saved_it_comes_up_again(saving, save):
    save(saving.script, SCRIPT.replace("x=1", "x=22"))
    saving.wait_ran("a:v")

    # What was put in its place is watched, too.
    saving.script.write_text(SCRIPT.replace("x=1", "x=3"))
    saving.wait_ran("a:v")


def test_a_checkout_of_another_branch_is_taken_up(saving):
    if shutil.which("git") is None:
        lacking("git")
    by_git(saving.script, SCRIPT.replace("x=1", "x=5"))
    wait_until(lambda: len(saving.ran()) > 1, SOON_S)
    saving.script.write_text(SCRIPT.replace("x=1", "x=6"))
    wait_until(lambda: "'x': 6" in str(saving.project.history()), SOON_S)


@pytest.mark.parametrize("options", ["backup backupcopy=no", "backup backupcopy=yes", "nowritebackup"])
def test_vim_itself(saving, options):
    if shutil.which("vim") is None:
        lacking("vim")
    screen, keyboard = pty.openpty()
    # It stays open, with its swap file, as one would leave it.
    types = [part for typed in (f"set {options}", "%s/x=1/x=2/", "write") for part in ("-c", typed)]
    command = ["vim", "-u", "NONE", "-N", *types, str(saving.script)]
    environment = {**os.environ, "TERM": "vt100"}
    vim = subprocess.Popen(command, stdin=keyboard, stdout=keyboard, stderr=keyboard, env=environment)
    try:
        saving.wait_ran("a:v")
        assert (saving.script.parent / ".a.py.swp").exists()
    finally:
        vim.kill()
        vim.wait()
        os.close(screen)
        os.close(keyboard)


def test_a_file_that_is_written_without_a_change_starts_nothing(saving):
    os.utime(saving.script)
    for save in (in_place, by_rename, as_vim_does):
        save(saving.script, SCRIPT)
    saving.project.write_script("b.py", SCRIPT)
    saving.project.write_queue(["a.py", "b.py"])
    saving.wait_ran("b:v")


def test_a_folder_of_modules_that_is_moved_away_and_back_or_replaced(saving):
    lib, away = saving.project.root / "lib", saving.project.root / "away"
    lib.rename(away)
    wait_until(lambda: "a.py: " in saving.project.log, SOON_S)  # What it imports is missing.
    away.rename(lib)
    (lib / "deep.py").write_text("factor = 2\n")
    saving.wait_ran("a:v")

    # By a link, which is switched at once, and switched again.
    for number in (3, 4):
        version = saving.project.root / f"lib-{number}"
        version.mkdir()
        (version / "deep.py").write_text(f"factor = {number}\n")
        link = saving.project.root / "aside"
        link.symlink_to(version.name)
        if number == 3:
            lib.rename(away)
        link.rename(lib)
        saving.wait_ran("a:v")
    (version / "deep.py").write_text("factor = 5\n")
    saving.wait_ran("a:v")


def test_a_models_dir_and_a_queue_that_are_links(project):
    elsewhere = project.root.parent / "elsewhere"
    project.models_dir.rename(elsewhere)
    project.models_dir.symlink_to(elsewhere)
    queue = elsewhere.with_name("queue.toml")
    (project.root / "models.toml").rename(queue)
    (project.root / "models.toml").symlink_to(queue)
    saving = Saving(project)

    (elsewhere / "a.py").write_text(SCRIPT.replace("x=1", "x=2"))
    saving.wait_ran("a:v")
    project.write_script("b.py", SCRIPT)
    queue.write_text('whitelisted_models = ["a.py", "b.py"]\n')
    saving.wait_ran("b:v")


def test_with_a_blacklist_a_script_is_taken_up_wherever_it_is_written(project):
    project.write_queue("use_blacklist = true\nblacklisted_models = []\n")
    saving = Saving(project)
    project.write_script("new/sub/b.py", SCRIPT)
    saving.wait_ran("new/sub/b:v")
    project.write_script("new/sub/c.py", SCRIPT)
    saving.wait_ran("new/sub/c:v")


def inotify_watches(pid):
    lines: list[str] = []
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            lines += path.read_text().splitlines()
    return sum(line.startswith("inotify wd:") for line in lines)


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="inotify is Linux's")
@pytest.mark.parametrize("use_blacklist", [False, True])
def test_folders_of_data_and_outputs_are_not_watched(project, use_blacklist):
    for number in range(50):
        project.write_script(f"data/class-{number}/picture.png", "")
    if use_blacklist:
        project.write_queue("use_blacklist = true\nblacklisted_models = []\n")
    saving = Saving(project)
    project.write_script("b.py", SCRIPT)
    project.write_queue("use_blacklist = true\n" if use_blacklist else ["a.py", "b.py"])
    saving.wait_ran("b:v")

    # The project's, models, lib, and those that lead there; with a blacklist, also data, which may yet hold a script.
    assert inotify_watches(saving.daemon.pid) <= 6


LIMITED = """
import os, sys
for name, limit in zip(("max_inotify_watches", "max_inotify_instances"), sys.argv[1:3]):
    with open(f"/proc/sys/user/{name}", "w") as file:
        file.write(limit)
os.execv(sys.executable, [sys.executable, "-m", "mlpipeline", *sys.argv[3:]])
"""


def may_limit():
    probe = ["unshare", "-Ur", "sh", "-c", "echo 3 > /proc/sys/user/max_inotify_watches"]
    return (
        shutil.which("unshare") is not None and not subprocess.run(probe, check=False, capture_output=True).returncode
    )


@pytest.mark.parametrize(("watches", "instances"), [("1", "10"), ("100", "0")])
def test_where_the_system_allows_no_more_watches_changes_are_looked_for(project, watches, instances, tmp_path):
    if not may_limit():
        lacking("user namespace with limits of its own")
    program = tmp_path / "limited.py"
    program.write_text(LIMITED)
    daemon = subprocess.Popen(
        ["unshare", "-Ur", sys.executable, str(program), watches, instances, "-r", "-u", "--watch"],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        saving = Saving(project, daemon)
        wait_until(lambda: "cannot be watched" in project.log)
        assert project.log.count("changes are looked for every 3 s instead") == 1
        saving.script.write_text(SCRIPT.replace("x=1", "x=2"))
        saving.wait_ran("a:v")
        (project.root / "lib" / "deep.py").write_text("factor = 2\n")
        saving.wait_ran("a:v")
    finally:
        daemon.send_signal(signal.SIGINT)
        daemon.wait(30)


class Heard:
    """A watch on files in the models folder of a project, and what it said since it began."""

    def __init__(self, project, files=("a.py",), mounts=""):
        self.calls, self.log = [], []
        settings = Settings(root=project.root, models_dir=project.models_dir)
        self.watch = SourceWatch(settings, lambda: self.calls.append(1), self.log.append, lambda: mounts)
        sources = {str(project.models_dir / name) for name in files}
        self.watch.cover(SimpleNamespace(generation=1, uses_blacklist=False, source_files=sources))
        # What changed before it was watched is looked for: one call at once, and one for those that followed.
        wait_until(lambda: len(self.calls) == 2)
        self.calls.clear()


def test_what_decides_nothing_wakes_nobody(project):
    heard, other = Heard(project, ["a.py"]), Heard(project, ["notes.txt"])
    try:
        for name in ("picture.png", "other.py", "notes.txt"):
            project.write_script(name, "")
        wait_until(lambda: other.calls)
        assert heard.calls == []
        in_place(project.models_dir / "a.py", SCRIPT)
        wait_until(lambda: heard.calls)
    finally:
        heard.watch.stop()
        other.watch.stop()


def test_where_changes_made_elsewhere_are_not_told_they_are_looked_for(project):
    nfs = Heard(project, mounts=f"40 27 0:50 / {project.root} rw - nfs4 server:/home rw\n")
    try:
        assert not nfs.watch.is_complete
        told = "lies on nfs4, which does not tell of changes made elsewhere: changes are looked for every 3 s instead"
        assert [line.partition(" ")[2] for line in nfs.log] == [told]
    finally:
        nfs.watch.stop()
    local = Heard(project, mounts=f"40 27 0:50 / {project.root} rw - ext4 /dev/sdb rw\n")
    try:
        assert local.watch.is_complete
        assert local.log == []
    finally:
        local.watch.stop()
