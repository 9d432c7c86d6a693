"""One process per attempt: imports the script, runs one version, writes the record."""
