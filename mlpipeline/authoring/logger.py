"""v1.1's logger, for scripts that log by Python's `logging`."""

from __future__ import annotations

import logging

from mlpipeline.authoring.console import log


class _ToLog(logging.Handler):
    """Hands what is logged through `set_logger`'s logger to `log`."""

    def emit(self, record: logging.LogRecord) -> None:
        log(self.format(record), level=record.levelno)


def set_logger(test_mode: bool = True, no_log: bool = True, log_file: str | None = None) -> logging.Logger:
    """The logger `mlp`, whose messages go the way of `log`.

    v1.1's scripts could call this. Where lines are written is the run's business now: the arguments are
    taken and ignored.
    """
    del test_mode, no_log, log_file
    logger = logging.getLogger("mlp")
    if not any(isinstance(handler, _ToLog) for handler in logger.handlers):
        logger.addHandler(_ToLog())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger
