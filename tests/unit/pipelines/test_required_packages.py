"""Which installed packages an archive needs, and how those here differ."""

from __future__ import annotations

from importlib.metadata import version

from mlpipeline.pipelines.required_packages import (
    Package,
    differing_packages,
    missing_packages,
    required_packages,
)

SOURCE = """
import json, click.testing
from numpy import random
from . import sibling
from own import thing
import mlpipeline
if TYPE_CHECKING:
    import filelock
if __name__ == "__main__":
    import psutil
try:
    import pandas
except (ImportError, AttributeError):
    import not_there_either
try:
    import cloudpickle
finally:
    pass
if SOMETHING:
    import ruff
class Stage:
    import blake3
    def run(self):
        import matplotlib.pyplot
        import joblib
"""


def test_packages_are_needed_that_are_imported_whenever_a_module_is():
    found = required_packages([SOURCE, "import joblib, not_there"], also=["sklearn", "builtins"], but_not=["own"])
    assert {package.name: package.is_needed for package in found} == {
        "blake3": True,
        "click": True,
        "cloudpickle": True,
        "joblib": True,
        "matplotlib": False,
        "numpy": True,
        "pandas": False,
        "ruff": False,
        "scikit-learn": True,
    }
    numpy = next(package for package in found if package.name == "numpy")
    assert (numpy.version, numpy.imported_as) == (version("numpy"), "numpy")


def package(name, version, imported_as, is_needed=True):
    return Package(name=name, version=version, imported_as=imported_as, is_needed=is_needed)


def test_what_is_missing_or_differs_is_found():
    here = package("numpy", version("numpy"), "numpy")
    other = package("click", "0.1", "click")
    gone, optional = package("gone", "1.0", "gone"), package("optional", "1.0", "optional", is_needed=False)
    # Another package may be imported by the name: opencv-python-headless for opencv-python.
    replaced = package("another-click", "8", "click")
    everything = [here, other, gone, optional, replaced, package("no-version", None, "click")]
    assert missing_packages(everything) == [gone]
    assert differing_packages([here, other, optional, replaced, everything[-1]]) == [
        f"click was 0.1, is {version('click')}",
        "optional was 1.0, is not installed",
        "another-click was 8, is not installed",
    ]
