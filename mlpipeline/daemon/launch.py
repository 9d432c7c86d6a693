"""Putting a daemon together for one launch of `mlpipeline -r`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mlpipeline.daemon.catalogue import Catalogue
from mlpipeline.daemon.choosing import Chooser
from mlpipeline.daemon.descriptions import Descriptions
from mlpipeline.daemon.disk_room import DiskRoom
from mlpipeline.daemon.gpus import Gpus
from mlpipeline.daemon.lease_files import LeaseFiles
from mlpipeline.daemon.leases import Leases
from mlpipeline.daemon.loop import Daemon
from mlpipeline.daemon.machine import Machine
from mlpipeline.daemon.options import LaunchOptions
from mlpipeline.daemon.parts import Parts
from mlpipeline.daemon.presence import Presence
from mlpipeline.daemon.records import Records
from mlpipeline.daemon.reporter import Reporter
from mlpipeline.daemon.starting import Starter
from mlpipeline.daemon.surroundings import Surroundings
from mlpipeline.daemon.test_gate import TestGate
from mlpipeline.daemon.test_starting import TestStarter
from mlpipeline.daemon.waker import Waker
from mlpipeline.daemon.watching import SourceWatch
from mlpipeline.errors import OutputsError
from mlpipeline.executors.executor import Executor
from mlpipeline.executors.kernel_log import KernelLog
from mlpipeline.executors.local import LocalExecutor
from mlpipeline.executors.oom_kills import OomKills
from mlpipeline.executors.warm import WarmExecutor
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.cache import cache_folder, user_folder
from mlpipeline.project.clock import timestamp
from mlpipeline.project.paths import OUTPUTS_NAME, QUEUE_NAME, Outputs
from mlpipeline.project.queue_file import QueueFile
from mlpipeline.project.settings import Settings


def launch(settings: Settings, host: str, options: LaunchOptions, reporter: Reporter) -> int:
    """Run the queue and return the exit status: 0 all well, 1 something failed, 128 + n when signal n ended it.

    Raises:
        QueueError: the queue file cannot be used.
        OutputsError: the outputs folder cannot be used, or another daemon of this host uses it, or there is nowhere to
            put temporary files.
        NotListed: `--only` asks for something that is not in the queue.
    """
    queue_file = QueueFile(settings.root / QUEUE_NAME, settings.models_dir)
    queue_file.read()
    _require_temporary_folder()
    outputs = Outputs(path=settings.models_dir / OUTPUTS_NAME, host=host)
    waker = Waker()
    since = timestamp()
    presence = Presence(outputs, options.command, since, is_recorded=options.is_recorded)
    with ExitStack() as stack:
        waker.install()
        presence.begin()
        stack.callback(presence.end)
        records = stack.enter_context(_records(outputs, options, since))
        descriptions = Descriptions(settings, presence.process, at_once=max(2, options.at_once))
        stack.callback(descriptions.close)
        executor = _executor(settings, outputs, records, waker)
        stack.callback(executor.close)
        kernel_log = KernelLog()
        stack.callback(kernel_log.close)
        oom_kills = OomKills(kernel_log)
        watch = SourceWatch(settings, waker.wake, records.log) if options.watch else None
        if watch is not None:
            stack.callback(watch.stop)
        surroundings = Surroundings(settings.root, outputs.path, settings.environment_variables)
        stack.callback(surroundings.close, 0)
        catalogue = Catalogue(queue_file, descriptions, options.only, settings.conditions, records.log)
        gpus = Gpus(os.environ.get("CUDA_VISIBLE_DEVICES"))
        leases = Leases(gpus, _lease_files(settings, presence), Machine(), records.log)
        gate = TestGate(
            options,
            outputs.host,
            records,
            executor,
            leases,
            TestStarter(settings, outputs.host, presence.process, executor, leases),
            forget=descriptions.forget,
        )
        stack.callback(gate.close)
        disk = DiskRoom(outputs.path, settings.min_free_disk_bytes, records.log)
        parts = Parts(
            settings=settings,
            options=options,
            outputs=outputs,
            records=records,
            catalogue=catalogue,
            executor=executor,
            leases=leases,
            chooser=Chooser(catalogue, leases, disk, host, records.log),
            starter=Starter(settings, outputs, records, descriptions, executor, leases, oom_kills),
            oom_kills=oom_kills,
            presence=presence,
            gate=gate,
            surroundings=surroundings,
            waker=waker,
            watch=watch,
            reporter=reporter,
        )
        return Daemon(parts).run()


def _executor(settings: Settings, outputs: Outputs, records: Records, waker: Waker) -> Executor:
    if not settings.is_warm:
        return LocalExecutor()
    return WarmExecutor(
        most_parents=settings.warm_parents,
        never=settings.never_warm,
        log=records.log,
        watch=waker.watch,
        unwatch=waker.unwatch,
        cache=_cache(outputs),
    )


def _cache(outputs: Outputs) -> Path | None:
    try:
        return cache_folder(outputs, os.environ)
    except RuntimeError:
        return None  # The user has no home.


def _lease_files(settings: Settings, presence: Presence) -> LeaseFiles | None:
    try:
        folder = user_folder(os.environ) / "gpus"
    except RuntimeError:
        return None  # As above.
    return LeaseFiles(folder, settings.root, presence.process)


def _require_temporary_folder() -> None:
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        told = "no folder for temporary files can be written. Make room, or name another one in the variable TMPDIR."
        raise OutputsError(told) from error


def _note_end(records: Records) -> None:
    # Of a launch that could not say so, its last event tells how long it was there at least.
    with suppress(OSError):
        records.note({"event": "launch_ended", "launch": records.launch}, to_disk=False)


@contextmanager
def _records(outputs: Outputs, options: LaunchOptions, since: str) -> Iterator[Records]:
    """The records of this launch; without recording they lie in a temporary folder."""
    launch_id = f"{outputs.host}-{os.getpid()}-{since}"
    with ExitStack() as stack:
        warnings: list[str] = []
        ledger = Ledger.read(outputs, os.environ, warn=warnings.append, is_private=not options.is_recorded)
        stack.callback(ledger.close)
        target = outputs
        if not options.is_recorded:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mlpipeline-"))
            target = Outputs(path=Path(folder), host=outputs.host)
        try:
            records = Records(target, ledger, launch_id, is_private=not options.is_recorded)
            stack.callback(records.close)
            stack.callback(ledger.settle)
            records.note(
                {
                    "event": "launch",
                    "launch": launch_id,
                    "host": outputs.host,
                    "pid": os.getpid(),
                    "command": options.command,
                }
            )
        except OSError as error:
            told = f"{outputs.path} cannot be written: {error.strerror}. Nothing was started."
            raise OutputsError(told) from error
        stack.callback(_note_end, records)
        for warning in warnings:
            records.log(warning)
        ledger.warn = records.log
        yield records
