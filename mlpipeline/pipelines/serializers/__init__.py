"""How artifacts are stored: by their type, in formats that other tools read."""

from mlpipeline.pipelines.serializers.registry import save, save_unpickled, serializer_named
from mlpipeline.pipelines.serializers.serializer import Refused, Serializer

__all__ = ["Refused", "Serializer", "save", "save_unpickled", "serializer_named"]
