"""Starting one test run that nobody is at the terminal of."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import SystemRandom

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.catalogue import Offer
from mlpipeline.daemon.leases import Leases
from mlpipeline.daemon.leftovers import marked, temporary_folder
from mlpipeline.daemon.limits import Limits
from mlpipeline.daemon.test_runs import TestRun, run_dir_in, spec_of_test, written_attempt
from mlpipeline.domain.names import run_id
from mlpipeline.domain.spec import Spec
from mlpipeline.executors.executor import Attempt, Executor
from mlpipeline.executors.processes import ProcessId
from mlpipeline.history.stores import store_code
from mlpipeline.project.paths import Outputs
from mlpipeline.project.settings import Settings

#: What the stages of all tests made, beside the folders of these.
_CACHE_NAME = "cache"


class TestStarter:
    """Starts tests, each in a folder of its own."""

    def __init__(self, settings: Settings, host: str, daemon: ProcessId, executor: Executor, leases: Leases) -> None:
        """Start them for `daemon`, on `host`."""
        self._settings = settings
        self._host = host
        self._daemon = daemon
        self._executor = executor
        self._leases = leases
        #: Where the folders of tests are; made for the first.
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self, offer: Offer) -> TestRun | None:
        """Begin the test of a version; return None when its GPUs are not free.

        Raises:
            CodeChanged: its code is not what it was when it was described.
            OSError, StartRefused: it could not be started; it may be tried again.
        """
        folder = self._new_folder()
        spec = self._spec(offer, folder)
        lease = self._leases.take(spec.run, offer.conditions.resources, run_dir_in(folder).attempt(1).worker)
        if lease is None:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        try:
            attempt = self._attempt(offer, folder, replace(spec, gpus=lease.gpus))
            return self._launched(offer, folder, attempt)
        except BaseException:
            self._leases.free(spec.run)
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def forget_artifacts(self) -> None:
        """Delete what the stages of tests made: nothing is left to be tested."""
        if self._folder is not None:
            shutil.rmtree(Path(self._folder.name, _CACHE_NAME), ignore_errors=True)

    def close(self) -> None:
        """Leave nothing."""
        if self._folder is not None:
            self._folder.cleanup()

    def _new_folder(self) -> Path:
        # A daemon may stay for weeks, and a machine clear its temporary files away.
        if self._folder is None or not Path(self._folder.name).is_dir():
            self._folder = temporary_folder(self._daemon, "test")
        return Path(tempfile.mkdtemp(dir=self._folder.name))

    def _spec(self, offer: Offer, folder: Path) -> Spec:
        return spec_of_test(
            self._settings,
            self._host,
            folder,
            id=run_id(SystemRandom()),
            script=offer.script,
            version=offer.version,
            seed=offer.seed,
            base=offer.base,
            changes=offer.changes,
            cache=folder.with_name(_CACHE_NAME),
        )

    def _attempt(self, offer: Offer, folder: Path, spec: Spec) -> Attempt:
        # As it was described: it is that which passes, whatever is saved meanwhile.
        stores = Outputs(path=folder, host=self._host)
        code = stores.code(store_code(stores, offer.files, self._settings.root))
        spec = replace(spec, parameters=offer.parameters, identity=offer.identity, code=str(code))
        attempt = written_attempt(spec, folder)
        return replace(attempt, environment={**marked(self._daemon), **attempt.environment})

    def _launched(self, offer: Offer, folder: Path, attempt: Attempt) -> TestRun:
        conditions = offer.conditions.within(self._settings.test_timeout_s)
        name = "its timeout" if conditions is offer.conditions else "test_timeout in mlp.toml"
        began_at = time.monotonic()
        active = Active(
            run_id=attempt.run_id,
            attempt=attempt.dir,
            handle=self._executor.start(attempt),
            conditions=conditions,
            limits=Limits(conditions, attempt.run_dir, attempt.number, timeout_name=name),
            began_at=began_at,
        )
        return TestRun(offer=offer, active=active, began_at=began_at, folder=folder)
