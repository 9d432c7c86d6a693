"""The trivial training as a Hydra application."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from trivial import train


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    train(config.learning_rate, Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    main()
