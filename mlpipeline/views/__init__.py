"""State in, text out: tables, blocks and JSON."""
