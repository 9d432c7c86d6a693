"""v1.1's helpers for the terminal: colours, `log`, and the script's folder on the import path."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mlpipeline.authoring.run import current

#: `logging.INFO`; most scripts do without that module, whose import takes time in each of their runs.
_INFO = 20
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class console_colors:
    """Terminal colours, for the modifiers of `log`."""

    RESET = "\033[0m"
    BOLD = "\033[1m"
    BLACK_FG = "\033[30m"
    RED_FG = "\033[31m"
    GREEN_FG = "\033[32m"
    YELLOW_FG = "\033[33m"
    BLUE_FG = "\033[34m"
    MAGENTA_FG = MEGENTA_FG = "\033[35m"
    CYAN_FG = "\033[36m"
    WHITE_FG = "\033[37m"
    BLACK_BG = "\033[40m"
    RED_BG = "\033[41m"
    GREEN_BG = "\033[42m"
    YELLOW_BG = "\033[43m"
    BLUE_BG = "\033[44m"
    MAGENTA_BG = MEGENTA_BG = "\033[45m"
    CYAN_BG = "\033[46m"
    WHITE_BG = "\033[47m"


def strip_colors(text: str) -> str:
    """`text` without the terminal's control sequences; any other character stays, `[` included."""
    return _CONTROL_SEQUENCE.sub("", text)


def log(
    message: object,
    level: int = _INFO,
    log_to_file: bool = True,
    modifier_1: str | None = None,
    modifier_2: str | None = None,
) -> None:
    """Print `message`, and in a run with `log_to_file` write it to `log-<host>` too.

    Args:
        message: anything; its `str()` is logged.
        level: one of `logging`'s; any but INFO is named in front of the message.
        log_to_file: whether the line belongs into `log-<host>`.
        modifier_1: a colour of `console_colors`, put in front.
        modifier_2: another one, such as BOLD.
    """
    text = str(message) if level == _INFO else f"{_level_name(level)}: {message}"
    modifiers = f"{modifier_1 or ''}{modifier_2 or ''}"
    if modifiers:
        text = f"{modifiers}{text}{console_colors.RESET}"
    run = current()
    if run is not None:
        run.log(text, log_to_file)
    else:
        print(text if sys.stdout.isatty() else strip_colors(text), flush=True)


def _level_name(level: int) -> str:
    import logging

    return logging.getLevelName(level)


def add_script_dir_to_PATH(current_dir: str | Path | None = None) -> None:
    """Put `current_dir`, by default the folder of the calling script, in front of `sys.path`."""
    if current_dir is None:
        caller = sys._getframe(1)
        script = caller.f_globals.get("__file__") or caller.f_code.co_filename
        current_dir = Path(script).absolute().parent
    folder = str(current_dir)
    if folder not in sys.path:
        sys.path.insert(0, folder)
        log(f"Added `{folder}` to sys.path.", log_to_file=False)
