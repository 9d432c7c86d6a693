"""A project's paths, its settings and its queue files."""
