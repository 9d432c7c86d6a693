"""What mlpipeline costs, measured against doing without it: `python -m benchmarks`.

Everything is measured from outside, through the command and the files that it leaves.
"""
