"""`mlpipeline cache`: what stages made and is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mlpipeline.cli.output import echo_json, echo_message, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mlpipeline.pipelines.cache_folder import CacheFolder

F = TypeVar("F", bound=Callable[..., Any])


def _common(function: F) -> F:
    function = click.option(
        "--folder", type=click.Path(), metavar="DIR", help="The cache; else the project's, or .mlp-cache here."
    )(function)
    return click.option("--json", "as_json", is_flag=True, help="For programs: one object.")(function)


def _stages(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the stages that made something."""
    from click.shell_completion import CompletionItem

    from mlpipeline.pipelines.inventory import listed

    with suppress(Exception, SystemExit):  # Somebody is typing.
        place = Place(folder=context.find_root().params.get("folder") or ".", is_debug=False)
        folder = _folder(place, context.params.get("folder"))
        return [CompletionItem(stage.name) for stage in listed(folder.made) if stage.name.startswith(incomplete)]
    return []


@click.group()
def cache() -> None:
    """Look at what stages of pipelines made, and make room.

    It is kept to be made once. All of it may be deleted: it is made again when it is needed.

    \b
    Examples:
      mlpipeline cache ls                    what is there, what was used last first
      mlpipeline cache verify                read everything, and say what is damaged
      mlpipeline cache gc --max-size 20GB    what was not used for longest goes, until the rest fits
    """


@cache.command()
@click.argument("stage", required=False, shell_complete=_stages)
@click.option("-v", "--verbose", is_flag=True, help="Name everything.")
@_common
@click.pass_obj
def ls(place: Place, stage: str | None, verbose: bool, as_json: bool, folder: str | None) -> None:
    """List what stages made: how large it is, how long it took, and when it was last used.

    \b
    Examples:
      mlpipeline cache ls
      mlpipeline cache ls train_model -v
    """
    import shutil
    import time

    from mlpipeline.pipelines.inventory import Inventory
    from mlpipeline.views.cache import cache_for_programs, cache_screen

    with exit_for(place):
        there = _folder(place, folder)
        inventory = Inventory(there)
        entries = inventory.entries
        if stage is not None:
            entries = [entry for entry in entries if entry.stage == stage]
            if not entries:
                _refuse_stage(stage, {entry.stage for entry in inventory.entries}, there)
        free_bytes = shutil.disk_usage(there.path).free if there.path.is_dir() else None
        if as_json:
            echo_json(cache_for_programs(entries, inventory, there, free_bytes=free_bytes))
            return
        echo_screen(
            cache_screen(
                entries,
                inventory,
                there,
                stdout_screen(),
                free_bytes=free_bytes,
                now=time.time(),
                are_all_named=verbose,
            )
        )


@cache.command()
@click.option("--delete", "is_deleted", is_flag=True, help="Delete what is damaged.")
@_common
@click.pass_obj
def verify(place: Place, is_deleted: bool, as_json: bool, folder: str | None) -> None:
    """Read all that is kept, and say what is not as it was stored. Exit status 1 if anything is damaged.

    A pipeline that needs it makes it again, with a warning, whether this was used before or not.

    \b
    Examples:
      mlpipeline cache verify
      mlpipeline cache verify --delete
    """
    from mlpipeline.pipelines.collecting import delete_damaged
    from mlpipeline.pipelines.inventory import Inventory
    from mlpipeline.views.cache import damages_for_programs, damages_screen

    with exit_for(place):
        there = _folder(place, folder)
        inventory = Inventory(there)
        damages = list(inventory.damages())
        deleted = delete_damaged(there, damages) if is_deleted else None
        if as_json:
            echo_json(damages_for_programs(damages, inventory, there, deleted=deleted))
        else:
            echo_screen(damages_screen(damages, inventory, there, stdout_screen(), deleted=deleted))
        sys.exit(1 if damages else 0)


@cache.command()
@click.option("--max-size", metavar="SIZE", help="How large it may be, such as 20GB: what is used least goes.")
@click.option("--old-formats", is_flag=True, help="Also what older versions of mlpipeline kept there.")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("-v", "--verbose", is_flag=True, help="Name everything.")
@_common
@click.pass_obj
def gc(
    place: Place,
    max_size: str | None,
    old_formats: bool,
    dry_run: bool,
    verbose: bool,
    as_json: bool,
    folder: str | None,
) -> None:
    """Delete what is of no use, and with --max-size what was not used for longest.

    Without --max-size that goes which nobody can find any more: what was being written when somebody died, artifacts
    that no record names, and records whose artifacts are gone. Stages may run meanwhile: files and folders whose paths
    they were given stay until their process ends.

    \b
    Examples:
      mlpipeline cache gc --dry-run          only look
      mlpipeline cache gc --max-size 20GB
      mlpipeline cache gc --max-size 0       all of it
    """
    from mlpipeline.pipelines.collecting import collect
    from mlpipeline.views.cache import collected_for_programs, collected_screen

    with exit_for(place):
        there = _folder(place, folder)
        collected = collect(
            there,
            max_bytes=_bytes(max_size),
            are_formats_too=old_formats,
            is_dry=dry_run,
            now=_now(there, is_dry=dry_run),
        )
        if as_json:
            echo_json(collected_for_programs(collected, there, is_dry=dry_run))
        else:
            echo_screen(collected_screen(collected, there, stdout_screen(), is_dry=dry_run, are_all_named=verbose))
        failed = [item for item in collected.items if item.error is not None]
        for item in failed:
            echo_message(f"not deleted: {item.path}: {item.error}")
        sys.exit(1 if failed else 0)


def _folder(place: Place, folder: str | None) -> CacheFolder:
    """Return the cache that is meant.

    Raises:
        CacheError: it is something else, or is named and not there.
        SettingsError: the project's settings cannot be read.
    """
    from pathlib import Path

    from mlpipeline.errors import CacheError
    from mlpipeline.pipelines.cache_folder import CacheFolder
    from mlpipeline.pipelines.default_folder import cache_folder_of

    # Where none is named there may be none yet; a misspelled one would be found in order every night.
    if folder is not None and not Path(folder).is_dir():
        raise CacheError(f"--folder: there is no folder {Path(folder).absolute()}. Name one that holds a cache.")
    return CacheFolder(cache_folder_of(Path(place.folder)) if folder is None else Path(folder).absolute())


def _refuse_stage(stage: str, known: set[str], folder: CacheFolder) -> None:
    from mlpipeline.domain.words import did_you_mean
    from mlpipeline.errors import CacheError

    raise CacheError(f'no stage "{stage}" made anything that is in {folder.path}.{did_you_mean(stage, known)}')


def _bytes(text: str | None) -> int | None:
    from mlpipeline.domain.quantities import size_bytes
    from mlpipeline.errors import MlpipelineError

    if text is None:
        return None
    return size_bytes(int(text) if text.strip().isdigit() else text, "--max-size", MlpipelineError)


def _now(folder: CacheFolder, *, is_dry: bool) -> float:
    """Return the time by the clock of the machine that stores the cache.

    Raises:
        CacheError: nothing can be written there, so nothing can be deleted.
    """
    import time

    from mlpipeline.errors import CacheError
    from mlpipeline.project.storage import file_server_time

    if is_dry or not folder.path.is_dir():
        return time.time()
    try:
        return file_server_time(folder.path)
    except OSError as error:
        raise CacheError(f"{folder.path} cannot be written: {error.strerror}. Nothing was deleted.") from error
