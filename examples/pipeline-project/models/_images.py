"""What is done to images before a network sees them. `features` runs again when any of this changes, and only then."""

import numpy as np

#: Grey values are in [0, WHITE].
WHITE = 16.0


def scaled(images):
    """Images with grey values in [0, 1]."""
    return images / WHITE


def with_edges(images):
    """One row for each image: its grey values, and how steep they are from left to right and from top to bottom."""
    down, right = np.gradient(images, axis=(1, 2))
    return np.concatenate([part.reshape(len(images), -1) for part in (images, right, down)], axis=1)
