"""What a test needs that not every machine has."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(what: str) -> NoReturn:
    """Skip the test for want of something, or fail where `MLP_CI` says that all that is needed was installed."""
    if os.environ.get("MLP_CI"):
        pytest.fail(f"MLP_CI is set, and there is no {what}")
    pytest.skip(f"there is no {what}")
