"""Where metrics also go."""
