"""The process behind `mlpipeline -r`, and test mode beside it. Never imports user code."""
