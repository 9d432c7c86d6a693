"""Watching the folders whose files decide what runs: the project's, those with scripts, those with their modules."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from mlpipeline.project.paths import OUTPUTS_NAME
from mlpipeline.project.settings import Settings

#: Below models_dir, what changes in these decides nothing, and in outputs it never rests.
_NOT_SOURCES = (OUTPUTS_NAME, "__pycache__")
#: Our own reading opens and closes files, too.
_NO_CHANGES = ("opened", "closed_no_write")


class SourceWatch:
    """Wakes the daemon when a file changes directly in one of the folders; new folders are found by being told."""

    def __init__(self, settings: Settings, changed: Callable[[], None], log: Callable[[str], None]) -> None:
        """Call `changed`, from another thread, after every change; `log` what cannot be watched."""
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        watch = self
        changed = _Throttle(changed).call

        class _Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type not in _NO_CHANGES:
                    watch._has_new_folders |= event.is_directory
                    if event.is_directory and event.event_type == "deleted":
                        watch._deleted.append(os.fsdecode(event.src_path))
                    changed()

        self._settings = settings
        self._changed = changed
        self._log = log
        self._handler = _Handler()
        self._observer: Any = Observer()
        self._observer.daemon = True
        self._observer.start()
        self._has_new_folders = True
        #: Folder -> its inode and its watch.
        self._covered: dict[str, tuple[int, Any]] = {}
        #: Folders that went, and with them their watches: what is made anew in their place may have their inode.
        self._deleted: deque[str] = deque()
        #: Whether every folder is watched; the system allows only so many.
        self.is_complete = True

    def cover(self, module_folders: Iterable[str]) -> None:
        """Watch the project's folder, all with scripts, and `module_folders`, as far as that is not done yet."""
        while self._deleted:
            _, watch = self._covered.pop(self._deleted.popleft(), (None, None))
            self._unwatch(watch)
        if self._has_new_folders:
            self._has_new_folders = False
            for folder in _script_folders(self._settings):
                self._cover(folder)
        for folder in module_folders:
            self._cover(folder)

    def stop(self) -> None:
        """Watch nothing any more."""
        self._observer.stop()

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
            watch = self._observer.schedule(self._handler, folder)
        except OSError as error:
            watch = None
            if self.is_complete:
                self._log(f"{folder} cannot be watched ({error.strerror}): changes are looked for every second instead")
            self.is_complete = False
        self._covered[folder] = (inode, watch)
        # What changed before it was watched is looked for once more.
        self._changed()

    def _unwatch(self, watch: Any) -> None:
        if watch is not None:
            self._observer.unschedule(watch)


def _script_folders(settings: Settings) -> Iterator[str]:
    yield str(settings.root)
    for folder, subfolders, _ in os.walk(settings.models_dir):
        subfolders[:] = [name for name in subfolders if name not in _NOT_SOURCES and not name.startswith(".")]
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
