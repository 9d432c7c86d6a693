"""What the other tools are installed as, each in an environment of its own; the first is the one that is measured."""

JOBLIB = ("joblib==1.6.0", "numpy")
HAMILTON = ("sf-hamilton==1.90.0", "numpy")
DVC = ("dvc==3.67.1",)
