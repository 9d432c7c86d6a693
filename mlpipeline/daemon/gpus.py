"""The GPUs of this machine, as NVML shows them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from mlpipeline.errors import MlpipelineError

#: How much of its memory must be free. In a container, processes of others are not listed, but what they use shows.
_LEAST_FREE = 0.9
#: How long a look may keep the daemon waiting, in seconds: while a driver is in trouble, NVML may not return at all.
_PATIENCE_S = 5.0
#: How a GPU is that fell off the bus.
_SILENT = "silent"


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU that runs may lease."""

    uuid: str
    #: Where it stands in NVML's order, which is that of the PCI bus.
    index: int
    #: Why it must not be leased now, whoever has it; None when it may.
    busy: str | None = None


class GpusUnreachable(MlpipelineError):
    """What the GPUs do cannot be found out now: the driver is being updated, or in trouble."""


class Gpus:
    """Looks at the GPUs that may be leased: those that the daemon itself may use, whole ones only.

    A GPU that is divided by MIG is none of them: its parts would have to be leased one by one, and a process can use
    only one of them.
    """

    def __init__(self, visible: str | None) -> None:
        """Look at those that `visible` names, the daemon's `CUDA_VISIBLE_DEVICES`; at all where it is not set."""
        self._visible = visible
        self._nvml: Any = None
        #: Which of them the daemon may use; None before the first look.
        self._allowed: frozenset[str] | None = None
        #: UUID -> how it was seen last: one that fell off the bus is still a GPU of this machine.
        self._known: dict[str, Gpu] = {}
        self._look: _Look | None = None
        #: Why there are none here; None where there are some, or that is not known yet.
        self.absence: str | None = None

    def look(self) -> Sequence[Gpu]:
        """Return them in NVML's order; none when there are none to be leased here (see `absence`).

        Raises:
            GpusUnreachable: it may be tried again.
        """
        if self.absence is not None:
            return ()
        # One that hangs is waited for once; the others see whether it came back.
        patience_s = 0.0 if self._look is not None else _PATIENCE_S
        self._look = self._look or _Look(self)
        self._look.thread.join(patience_s)
        if self._look.thread.is_alive():
            raise GpusUnreachable("NVML does not answer")
        look, self._look = self._look, None
        if look.trouble is not None:
            raise GpusUnreachable(look.trouble)
        return look.found

    def find(self) -> Sequence[Gpu]:
        """Ask NVML; in a thread of its own."""
        try:
            nvml = self._loaded()
            if nvml is None:
                return ()
            seen = list(_seen(nvml))
        except Exception:
            self._leave()
            raise
        if self._allowed is None:
            self._allowed = visible_ones(self._visible, [gpu.uuid for gpu, _ in seen])
            if not self._allowed:
                self.absence = "CUDA_VISIBLE_DEVICES leaves none" if seen else "NVML shows none"
                return ()
        mine = {gpu.uuid: gpu for gpu, is_divided in seen if gpu.uuid in self._allowed and not is_divided}
        lost = {
            uuid: replace(gpu, busy=_SILENT)
            for uuid, gpu in self._known.items()
            if uuid not in {gpu.uuid for gpu, _ in seen}
        }
        self._known = {**lost, **mine}
        return sorted(self._known.values(), key=lambda gpu: gpu.index)

    def _loaded(self) -> Any:
        if self._nvml is None:
            try:
                import pynvml
            except ImportError:
                self.absence = "the package nvidia-ml-py is not installed; pip install 'mlpipeline[gpu]'"
                return None
            try:
                pynvml.nvmlInit()
            except pynvml.NVMLError as error:
                # Where there were some before, the driver is being replaced.
                if error.value in (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED) and (
                    self._allowed is None
                ):
                    self.absence = f"NVML says: {error}"
                    return None
                raise
            self._nvml = pynvml
        return self._nvml

    def _leave(self) -> None:
        """Begin anew next time: after an update of the driver, nothing else helps."""
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            with suppress(Exception):
                nvml.nvmlShutdown()


class _Look:
    """One look, in a thread of its own."""

    def __init__(self, gpus: Gpus) -> None:
        self.found: Sequence[Gpu] = ()
        self.trouble: str | None = None
        self._gpus = gpus
        self.thread = threading.Thread(target=self._do, name="nvml", daemon=True)
        self.thread.start()

    def _do(self) -> None:
        try:
            self.found = self._gpus.find()
        except Exception as error:  # Whatever NVML does costs this look, and not the night.
            self.trouble = str(error) or repr(error)


def visible_ones(visible: str | None, uuids: Sequence[str]) -> frozenset[str]:
    """Return which GPUs a process may use.

    Args:
        visible: its `CUDA_VISIBLE_DEVICES`: indices, UUIDs or beginnings of UUIDs, separated by commas; None where it
            is not set. As CUDA does, whatever follows an entry that names none is passed over. Indices are taken in
            the order of the PCI bus, which is CUDA's own where all GPUs are alike, or with
            `CUDA_DEVICE_ORDER=PCI_BUS_ID`.
        uuids: of all GPUs, in the order of the PCI bus.

    Source: CUDA C++ Programming Guide, "CUDA Environment Variables".
    """
    if visible is None:
        return frozenset(uuids)
    found: set[str] = set()
    for entry in map(str.strip, visible.split(",")):
        if entry.isascii() and entry.isdigit():
            named = list(uuids[int(entry) : int(entry) + 1])
        else:
            named = [uuid for uuid in uuids if entry.startswith("GPU-") and uuid.startswith(entry)]
        if len(named) != 1:
            break
        found.update(named)
    return frozenset(found)


def _seen(nvml: Any) -> Iterator[tuple[Gpu, bool]]:
    """Yield each GPU that answers, and whether it is divided by MIG."""
    for index in range(nvml.nvmlDeviceGetCount()):
        with suppress(nvml.NVMLError):
            device = nvml.nvmlDeviceGetHandleByIndex(index)
            gpu = Gpu(uuid=nvml.nvmlDeviceGetUUID(device), index=index)
            try:
                yield replace(gpu, busy=_busy(nvml, device)), _is_divided(nvml, device)
            except nvml.NVMLError as error:
                yield replace(gpu, busy=f"in trouble: {error}"), False


def _busy(nvml: Any, device: Any) -> str | None:
    # Asked of those alone that no run leases: whoever computes there is nobody that we know of. Which processes those
    # are need not be found out, and could not be where pids are hidden.
    pids = [process.pid for process in _if_supported(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, device) or ()]
    if pids:
        return f"used by process {', '.join(map(str, sorted(pids)))}, which is of no run that leases it"
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    if memory.free < _LEAST_FREE * memory.total:
        return f"short of memory: {100 * memory.free // memory.total}% of it is free"
    return None


def _is_divided(nvml: Any, device: Any) -> bool:
    modes = _if_supported(nvml, nvml.nvmlDeviceGetMigMode, device)
    return modes is not None and modes[0] == nvml.NVML_DEVICE_MIG_ENABLE


def _if_supported(nvml: Any, call: Any, device: Any) -> Any:
    try:
        return call(device)
    except nvml.NVMLError as error:
        if error.value == nvml.NVML_ERROR_NOT_SUPPORTED:
            return None
        raise
