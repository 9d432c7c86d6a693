"""Tensors of PyTorch."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from mlpipeline.pipelines.serializers.optional import is_installed
from mlpipeline.pipelines.serializers.plain import is_plain
from mlpipeline.pipelines.serializers.serializer import Unsuited

#: The key of a file's metadata under which all is that safetensors has no place for. One, as it does not order them.
_OWN_KEY = "mlpipeline"
#: What a tensor is called that is no member of a dict.
_ALONE = "tensor"
#: Where modules keep in their state dicts of which version these are.
_VERSIONS = "_metadata"


class Tensors:
    """Stores tensors, parameters, and dicts of them as safetensors."""

    name, suffix, is_pickle = "torch", ".safetensors", False

    def takes(self, value: Any) -> bool:
        """Whether it is a tensor, a parameter, or a dict of such by text, as a state dict is."""
        torch = sys.modules.get("torch")
        if torch is None:
            return False
        kinds = (torch.Tensor, torch.nn.Parameter)
        if type(value) in (dict, OrderedDict):
            is_it = bool(value) and all(type(key) is str and type(item) in kinds for key, item in value.items())
        else:
            is_it = type(value) in kinds
        return is_it and is_installed("safetensors", "tensors as safetensors")

    def save(self, value: Any, path: Path) -> None:
        """Write it. What shares its memory whole is stored once; what shares parts of it would not come back so."""
        from safetensors.torch import save_file

        tensors = value if isinstance(value, Mapping) else {_ALONE: value}
        stored, said = _split(tensors)
        own: dict[str, Any] = {"kind": type(value).__name__ if tensors is value else _ALONE, "tensors": said}
        if tensors is value and (extra := vars(value) if type(value) is OrderedDict else {}):
            versions = extra.get(_VERSIONS)
            if extra.keys() != {_VERSIONS} or type(versions) is not OrderedDict or not is_plain(dict(versions)):
                raise Unsuited
            own["versions"] = versions
        try:
            save_file(stored, path, metadata={_OWN_KEY: json.dumps(own)})
        except OSError:
            raise
        except Exception as error:  # It has types of its own for what it does not know, which differ by version.
            raise Unsuited from error

    def load(self, path: Path) -> Any:
        """Read it, to the devices where it was if they are here, else to the CPU."""
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            own = json.loads(file.metadata()[_OWN_KEY])
            devices = {said["of"]: said["device"] for said in own["tensors"].values() if "of" in said}
            stored = {name: file.get_tensor(name).to(_device(device)) for name, device in devices.items()}
        made: dict[str, Any] = {}
        for name, said in own["tensors"].items():
            made[name] = made[said["is"]] if "is" in said else _made(stored, said)
        if own["kind"] == _ALONE:
            return made[_ALONE]
        if own["kind"] == "dict":
            return made
        state = OrderedDict(made)
        if "versions" in own:
            setattr(state, _VERSIONS, OrderedDict(own["versions"]))
        return state


def _split(tensors: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is to be stored, and what of each tensor to say beside it, as JSON."""
    stored: dict[str, Any] = {}
    said: dict[str, Any] = {}
    objects: dict[int, str] = {}
    storages: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if (same := objects.setdefault(id(tensor), name)) != name:
            said[name] = {"is": same}
            continue
        _require_ordinary(tensor)
        data = tensor.detach().resolve_conj().resolve_neg()
        # What has no elements shares none, wherever it says that they are.
        place = data.untyped_storage().data_ptr() if data.numel() else id(tensor)
        storages.setdefault(place, {})[name] = data
        said[name] = {
            "device": str(data.device),
            "parameter": type(tensor).__name__ == "Parameter",
            "requires_grad": tensor.requires_grad,
        }
    for views in storages.values():
        for name, (flat, view) in _stored_views(views).items():
            said[name] |= view
            if flat is not None:
                stored[name] = flat
    return stored, {name: said[name] for name in tensors}


def _require_ordinary(tensor: Any) -> None:
    import torch

    is_strided = tensor.layout is torch.strided and not tensor.is_quantized and tensor.device.type != "meta"
    if not is_strided or vars(tensor) or tensor._backward_hooks:
        raise Unsuited


def _stored_views(views: Mapping[str, Any]) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return of tensors with one memory what to store, None where another one has it, and how to have them of that.

    Each that has a part of the memory to itself, or shares all of it, is stored as it is; of parts that overlap, all
    of the memory.
    """
    import torch

    distinct: dict[Any, str] = {}
    of = {
        name: distinct.setdefault((data.storage_offset(), data.shape, data.stride(), data.dtype), name)
        for name, data in views.items()
    }
    parts = sorted(_extent(views[name]) for name in distinct.values())
    if all(end <= start for (_, end), (start, _) in pairwise(parts)):
        return {
            name: (
                data.contiguous() if of[name] == name else None,
                # Of what lies without gaps, though in another order, the order is kept.
                {"of": of[name], "strides": torch.empty_like(data, device="meta").stride()},
            )
            for name, data in views.items()
        }
    first, *_ = views
    whole = views[first].new_empty(0).set_(views[first].untyped_storage())
    if any(data.dtype != whole.dtype for data in views.values()):
        raise Unsuited
    return {
        name: (
            whole if name == first else None,
            {"of": first, "view": [data.shape, data.stride(), data.storage_offset()]},
        )
        for name, data in views.items()
    }


def _extent(data: Any) -> tuple[int, int]:
    """Return where in memory a tensor begins and ends."""
    last = sum((size - 1) * stride for size, stride in zip(data.shape, data.stride(), strict=True))
    return data.data_ptr(), data.data_ptr() + (last + 1) * data.element_size()


def _made(stored: dict[str, Any], said: Mapping[str, Any]) -> Any:
    """Return a tensor; what it shares with others is in `stored`, and is put there as it is to be shared."""
    import torch

    data, strides = stored[said["of"]], tuple(said.get("strides", ()))
    if "view" in said:
        data = data.as_strided(*said["view"])
    elif data.stride() != strides:
        data = torch.empty_strided(data.shape, strides, dtype=data.dtype, device=data.device).copy_(data)
        stored[said["of"]] = data
    data = data.detach()
    if said["parameter"]:
        return torch.nn.Parameter(data, requires_grad=said["requires_grad"])
    return data.requires_grad_(said["requires_grad"])


def _device(name: str) -> str:
    import torch

    kind, _, number = name.partition(":")
    if kind == "cuda" and torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count():
        return name
    if kind == "mps" and torch.backends.mps.is_available():
        return name
    return "cpu"
