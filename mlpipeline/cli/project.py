"""Where the command is used, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlpipeline.cli.output import echo_message
from mlpipeline.errors import MlpipelineError, ScriptError

if TYPE_CHECKING:
    from mlpipeline.project.paths import Outputs
    from mlpipeline.project.settings import Settings


class Place:
    """Where the command is used."""

    # Not a dataclass, and no Path: `--help` needs neither, and importing what they take is a tenth of its time.
    def __init__(self, *, folder: str, is_debug: bool) -> None:
        """Take the folder, by `-C` or the current one, and whether tracebacks of ours are shown."""
        self.folder = folder
        self.is_debug = is_debug

    def settings(self) -> Settings:
        """Return the settings of the project that the folder is in.

        Raises:
            SettingsError: there is none, or they cannot be used.
        """
        from pathlib import Path

        from mlpipeline.project.settings import find_project, load_settings

        return load_settings(find_project(Path(self.folder)))

    def host(self) -> str:
        """Return this host's name as it stands in file names."""
        from mlpipeline.project.settings import host_name

        return host_name(os.environ, os.uname().nodename)

    def outputs(self, settings: Settings) -> Outputs:
        """Return the project's outputs folder as this host sees it."""
        from mlpipeline.project.paths import OUTPUTS_NAME, Outputs

        return Outputs(path=settings.models_dir / OUTPUTS_NAME, host=self.host())


@contextmanager
def exit_for(place: Place) -> Iterator[None]:
    """Turn an error of ours into its message on stderr and its exit status."""
    try:
        yield
    except MlpipelineError as error:
        if place.is_debug:
            raise
        if isinstance(error, ScriptError) and error.traceback:
            echo_message(error.traceback.rstrip("\n"), begins="")
        echo_message(str(error))
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
