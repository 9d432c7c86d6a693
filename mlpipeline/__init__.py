"""mlpipeline: a queue for machine-learning experiments that one person can leave running."""

__version__ = "2.0.0"
