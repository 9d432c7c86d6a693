"""The command. The only place that prints errors and exits."""
