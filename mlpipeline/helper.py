"""The door of v1.1's model scripts to the classes they extend."""

from mlpipeline.authoring.model import DataLoader, Model

__all__ = ["DataLoader", "Model"]
