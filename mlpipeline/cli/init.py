"""The verb that begins a project: `init`."""

from __future__ import annotations

import os
import shlex

import click

from mlpipeline.cli.output import echo_screen
from mlpipeline.cli.project import Place, exit_for

#: What the files are. With what follows, lines of forty columns.
_ABOUT = {
    "mlp.toml": "settings",
    "models.toml": "what to train",
    "models_test.toml": "what to test",
    "models/curve.py": "a model script",
    ".gitignore": "leaves outputs out",
}


@click.command()
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path())
@click.pass_obj
def init(place: Place, folder: str) -> None:
    """Write a small project that runs at once.

    Its model script needs nothing but Python, and says in comments how one is written. Nothing is overwritten.

    \b
    Examples:
      mlpipeline init my-project
      mlpipeline init              in the folder where you are
    """
    from pathlib import Path

    from mlpipeline.project.new_project import write_new_project
    from mlpipeline.views.words import one_line

    with exit_for(place):
        root = Path(place.folder, folder).expanduser().absolute()
        written = write_new_project(root)
        lines = [f"{one_line(str(root))} is a project now:", ""]
        lines += [f"  {name:<18}{_ABOUT[name]}" for name in written]
        if ".gitignore" not in written:
            lines += ["", "Your .gitignore was left as it is:", "add a line `outputs/`."]
        lines += ["", "Next:"]
        if root.resolve() != Path.cwd().resolve():
            lines.append(f"  cd {one_line(shlex.quote(os.path.relpath(root)))}")
        lines += [
            "  mlpipeline        test it, in seconds",
            "  mlpipeline -r     train it",
            "  mlpipeline runs   see the results",
        ]
        echo_screen("\n".join(lines))
