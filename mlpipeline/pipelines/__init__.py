"""Models made of cached stages."""
