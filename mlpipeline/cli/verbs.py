"""The verbs of the command, each imported when it is used: what others need takes as long as looking something up."""

from __future__ import annotations

from importlib import import_module

import click

#: In the order of `--help`, and the module of this package that each is in.
_MODULES = {
    "status": "status",
    "runs": "lookup",
    "show": "show",
    "compare": "show",
    "logs": "logs",
    "report": "report",
    "queue": "queue",
    "pipeline": "pipeline",
    "stop": "asking",
    "pause": "asking",
    "resume": "asking",
    "retry": "asking",
    "release": "releasing",
    "cache": "cache",
    "gc": "gc",
    "doctor": "doctor",
    "init": "init",
}


class Verbs(click.Group):
    """A command whose verbs are those of this package."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the verbs, those first that are typed most."""
        return list(_MODULES)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb, None where there is none of that name."""
        if cmd_name not in _MODULES:
            return None
        found = getattr(import_module(f"mlpipeline.cli.{_MODULES[cmd_name]}"), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that is asked for.

        Raises:
            UsageError: there is none of that name; the nearest is named.
        """
        if args and args[0] not in _MODULES and not args[0].startswith("-"):
            from mlpipeline.domain.words import did_you_mean

            raise click.UsageError(f'there is no verb "{args[0]}".{did_you_mean(args[0], _MODULES)}', ctx)
        return super().resolve_command(ctx, args)
