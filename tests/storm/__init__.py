"""A night in which everything is killed, again and again, and what must be true in the morning: `make faults`."""
