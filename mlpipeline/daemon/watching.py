"""Watching what decides what runs: the queue file, the listed scripts, and the modules that they import."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlpipeline.daemon.catalogue import Catalogue
from mlpipeline.daemon.mounts import mount_table, silent_file_system
from mlpipeline.daemon.places import Places
from mlpipeline.project.paths import OUTPUTS_NAME
from mlpipeline.project.settings import Settings

#: How often to look for changes where nothing tells of them, in seconds.
LOOK_INTERVAL_S = 3.0
#: Below models_dir, what changes in these decides nothing, and in outputs it never rests.
_NOT_SOURCES = (OUTPUTS_NAME, "__pycache__")
#: Our own reading opens and closes files, too.
_NO_CHANGES = ("opened", "closed_no_write")


class SourceWatch:
    """Wakes the daemon when a file changes that decides what runs, and says where it has to look by itself."""

    def __init__(
        self,
        settings: Settings,
        changed: Callable[[], None],
        log: Callable[[str], None],
        mounts: Callable[[], str] = mount_table,
    ) -> None:
        """Call `changed`, from another thread, after every change; `log` what cannot be watched.

        `mounts` says what is mounted where, as /proc/self/mountinfo does.
        """
        self._settings = settings
        self._changed = _Throttle(changed).call
        self._log = log
        self._mounts = mounts
        self._models_dir = str(settings.models_dir)
        #: What was watched is out of date: a file or folder came, went or changed.
        self._is_stale = True
        #: Of the queue and its scripts.
        self._generation = -1
        #: The names that count, whatever folder they are in, and whether all scripts do.
        self._names: frozenset[str] = frozenset()
        self._every_script = False
        #: Folder -> its inode and its watch.
        self._covered: dict[str, tuple[int, Any]] = {}
        #: Folders that went, and with them their watches: what is made anew in their place may have their inode.
        self._deleted: deque[str] = deque()
        #: Folders in which a change may come unheard.
        self._silent: set[str] = set()
        self._told: set[str] = set()
        self._handler = self._made_handler()
        self._observer = self._started_observer()

    @property
    def is_complete(self) -> bool:
        """Whether it hears of every change."""
        return not self._silent

    def cover(self, catalogue: Catalogue) -> None:
        """Watch where a change can decide what `catalogue` offers, as far as that is not done yet."""
        if not self._is_stale and catalogue.generation == self._generation:
            return
        self._is_stale = False
        self._generation = catalogue.generation
        self._every_script = catalogue.uses_blacklist
        while self._deleted:
            _, watch = self._covered.pop(self._deleted.popleft(), (0, None))
            self._unwatch(watch)
        places = Places([str(self._settings.root), self._models_dir])
        for path in catalogue.source_files:
            places.add(path)
        self._names = frozenset().union(*places.names.values())
        folders = {folder for folder in places.names if not self._is_output(folder)}
        folders.add(self._models_dir)
        if self._every_script:
            folders.update(self._script_folders())
        self._silent &= folders
        for folder in self._covered.keys() - folders:
            self._unwatch(self._covered.pop(folder)[1])
        for folder in sorted(folders):
            self._cover(folder)

    def stop(self) -> None:
        """Watch nothing any more."""
        if self._observer is not None:
            self._observer.stop()

    def _made_handler(self) -> Any:
        from watchdog.events import FileSystemEvent, FileSystemEventHandler

        watch = self

        class _Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type not in _NO_CHANGES:
                    paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
                    watch._heed(event.event_type, paths, is_directory=event.is_directory)

        return _Handler()

    def _started_observer(self) -> Any:
        from watchdog.observers import Observer

        try:
            observer = Observer()
            observer.daemon = True
            observer.start()
        except OSError:
            return None  # So many programs watch files that the system allows no more of them.
        return observer

    def _heed(self, kind: str, paths: list[str], *, is_directory: bool) -> None:
        """Wake the daemon, in the observer's thread, if what happened can decide anything."""
        if is_directory:
            if kind == "modified":
                return  # What changed in it is told by itself.
            if kind == "deleted":
                self._deleted.append(paths[0])
        elif not any(self._counts(os.path.basename(path)) for path in paths):
            return
        self._is_stale = True
        self._changed()

    def _counts(self, name: str) -> bool:
        return name in self._names or (self._every_script and name.endswith(".py"))

    def _cover(self, folder: str) -> None:
        try:
            inode = Path(folder).stat().st_ino
        except OSError:
            return
        known, watch = self._covered.get(folder, (None, None))
        if known == inode:
            return
        self._unwatch(watch)
        try:
            if self._observer is None:
                raise OSError(0, "the system allows no further program to watch files")
            watch = self._observer.schedule(self._handler, folder)
        except OSError as error:
            watch = None
            self._tell(folder, f"{folder} cannot be watched ({error.strerror})", "it")
        kind = silent_file_system(folder, self._mounts())
        if kind is not None:
            self._tell(folder, f"{folder} lies on {kind}, which does not tell of changes made elsewhere", kind)
        self._covered[folder] = (inode, watch)
        # What changed before it was watched is looked for once more.
        self._changed()

    def _unwatch(self, watch: Any) -> None:
        if watch is not None:
            self._observer.unschedule(watch)

    def _tell(self, folder: str, what: str, why: str) -> None:
        """Have the daemon look in a folder by itself; say so once for each reason."""
        self._silent.add(folder)
        if why not in self._told:
            self._told.add(why)
            self._log(f"{what}: changes are looked for every {LOOK_INTERVAL_S:g} s instead")

    def _is_output(self, folder: str) -> bool:
        outputs = os.path.join(self._models_dir, OUTPUTS_NAME)
        return folder == outputs or folder.startswith(f"{outputs}/")

    def _script_folders(self) -> Iterator[str]:
        """Yield the folders below models_dir that hold scripts or may come to: not those of data."""
        for folder, subfolders, files in os.walk(self._models_dir):
            if "pyvenv.cfg" in files:
                subfolders.clear()
                continue
            subfolders[:] = [name for name in subfolders if name not in _NOT_SOURCES and not name.startswith(".")]
            if not files or any(name.endswith(".py") for name in files):
                yield folder


class _Throttle:
    """Passes calls on at once, but those that follow within a moment as one: some files change all the time."""

    INTERVAL_S = 0.25

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._last = float("-inf")
        self._is_waiting = False

    def call(self) -> None:
        """Pass a call on, now or a moment later; from any thread."""
        with self._lock:
            if self._is_waiting:
                return
            wait_s = self._last + self.INTERVAL_S - time.monotonic()
            if wait_s > 0:
                self._is_waiting = True
                timer = threading.Timer(wait_s, self._pass_on)
                timer.daemon = True
                timer.start()
                return
            self._last = time.monotonic()
        self._call()

    def _pass_on(self) -> None:
        with self._lock:
            self._is_waiting = False
            self._last = time.monotonic()
        self._call()
