"""`python -m mlpipeline` is the command `mlpipeline`."""

from mlpipeline.cli.main import main

if __name__ == "__main__":
    main()
