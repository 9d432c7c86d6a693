"""The journal of what ran, and what people read beside it."""
