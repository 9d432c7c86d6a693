"""Pure decisions: no files, clock, environment or logging."""
