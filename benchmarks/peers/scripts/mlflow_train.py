"""The trivial training with its parameter and results logged to MLflow."""

import argparse
from pathlib import Path

import mlflow
from trivial import train

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with mlflow.start_run():
        mlflow.log_param("learning_rate", arguments.learning_rate)
        mlflow.log_metrics(train(arguments.learning_rate, arguments.folder))
