"""What a model script imports."""
