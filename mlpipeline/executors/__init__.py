"""Where a run's process lives."""
