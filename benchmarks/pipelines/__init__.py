"""What a pipeline's cache costs, beside other tools on the same stages: `python -m benchmarks.pipelines`."""
