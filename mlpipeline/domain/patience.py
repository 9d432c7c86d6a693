"""How long a test is waited for."""

from __future__ import annotations

from dataclasses import dataclass

from mlpipeline.domain.conditions import Conditions


@dataclass(frozen=True, kw_only=True)
class Patience:
    """When a test takes too long; None is never."""

    #: How long it may take, in seconds, and what said so.
    limit_s: float | None
    said_by: str
    #: How long it may go without output, metrics or progress, in seconds.
    silence_s: float | None

    @classmethod
    def of(cls, conditions: Conditions, test_timeout_s: float) -> Patience:
        """Return the patience with a version's test.

        Args:
            conditions: of the version; what they grant a run, a test has too.
            test_timeout_s: what every test has at most, in seconds; 0 for any time.
        """
        timeout_s = conditions.timeout_s or None
        if timeout_s is None or 0 < test_timeout_s < timeout_s:
            limit_s, said_by = test_timeout_s or None, "test_timeout in mlp.toml"
        else:
            limit_s, said_by = timeout_s, "the timeout of its runs"
        return cls(limit_s=limit_s, said_by=said_by, silence_s=conditions.silence_s or None)

    def exhausted(self, took_s: float, silent_s: float) -> str | None:
        """Return why a test has failed that took so long, and has been silent for so long; None while it may go on."""
        if self.limit_s is not None and took_s > self.limit_s:
            return f"it was not over after {self.limit_s:g} s ({self.said_by})"
        if self.silence_s is not None and silent_s > self.silence_s:
            return f"it wrote nothing for {self.silence_s:g} s (the silence of its runs)"
        return None
