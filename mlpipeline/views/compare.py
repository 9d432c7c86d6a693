"""`mlpipeline compare`: runs side by side, what differs first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.comparing import MISSING, FileChange, Row, code_diff, file_changes, rows
from mlpipeline.domain.words import named
from mlpipeline.history.environments import Environment, environment_of
from mlpipeline.history.ledger import Ledger
from mlpipeline.history.stores import stored_code
from mlpipeline.project.paths import Outputs
from mlpipeline.views.listing import state_cell
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.programs import run_for_programs
from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.tables import Cell, fold, table
from mlpipeline.views.words import distinct_values, duration, moment, one_line, value

#: How much of what is the same is named.
_NAMED = 8
#: Which content of a file a run has, where there are several.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs side by side."""

    runs: Sequence[ObservedRun]
    environments: Sequence[Environment]
    parameters: Sequence[Row]
    results: Sequence[Row]
    packages: Sequence[Row]
    #: The files of their code that differ; None where code cannot be read any more.
    files: Sequence[FileChange] | None
    #: The lines of the diff of two; none of more, or where nothing differs.
    diff: Sequence[str]


def comparison(runs: Sequence[ObservedRun], ledger: Ledger, outputs: Outputs) -> Comparison:
    """Return what runs have in common, and what they have not."""
    environments = [environment_of(observed.run.launch, ledger, outputs) for observed in runs]
    files, diff = _code(runs, outputs)
    return Comparison(
        runs=runs,
        environments=environments,
        parameters=rows([observed.run.parameters for observed in runs]),
        results=rows([observed.run.results for observed in runs]),
        packages=rows([environment.packages for environment in environments]),
        files=files,
        diff=diff,
    )


def _code(runs: Sequence[ObservedRun], outputs: Outputs) -> tuple[list[FileChange] | None, list[str]]:
    names = [observed.run.code for observed in runs]
    if None not in names and len(set(names)) == 1:
        return [], []  # They are stored by their content: it need not even be there any more.
    stored = {name: stored_code(outputs, name) for name in names if name}
    codes = [code for name in names if name and (code := stored[name]) is not None]
    if len(codes) < len(runs):
        return None, []
    ids = (runs[0].run.id, runs[1].run.id)
    return file_changes(codes), code_diff(codes[0], codes[1], ids) if len(codes) == 2 else []


def compare_screen(compared: Comparison, screen: Screen) -> str:
    """Return runs side by side: parameters and results, then where they ran, packages and code."""
    parts = [
        _table("", _headlines(compared), compared, screen),
        *_part("parameters", compared.parameters, compared, screen),
        *_part("results", compared.results, compared, screen, has_best=True),
        *_part("packages", compared.packages, compared, screen),
        _code_part(compared, screen),
    ]
    return "\n\n".join(parts)


def _headlines(compared: Comparison) -> Iterator[list[Cell]]:
    runs, environments = [observed.run for observed in compared.runs], compared.environments
    yield ["version", *(run.key for run in runs)]
    yield ["outcome", *map(state_cell, compared.runs)]
    told = {
        "started": [moment(run.started_at) for run in runs],
        "time": [duration(run.seconds) for run in runs],
        "host": [run.host for run in runs],
        "python": [(environment.python or "").partition(" ")[0] for environment in environments],
        "commit": [_commit(environment) for environment in environments],
    }
    for name, texts in told.items():
        if any(texts):
            yield [name, *texts]


def _commit(environment: Environment) -> str:
    dirty = " + changes" if environment.is_dirty else ""
    return f"{environment.commit[:10]}{dirty}" if environment.commit else ""


def _part(
    heading: str, things: Sequence[Row], compared: Comparison, screen: Screen, *, has_best: bool = False
) -> Iterator[str]:
    if not things:
        return
    differing, same = ([row for row in things if row.is_same is is_same] for is_same in (False, True))
    if differing:
        cells = [[row.name, *_cells(row, row.best() if has_best else [])] for row in differing]
        yield _table(heading, cells, compared, screen)
    if same:
        yield _folded(_same(heading, same), screen)


def _same(heading: str, things: Sequence[Row]) -> str:
    told = f"{len(things)} {heading} are the same" if len(things) > 1 else f"1 {heading[:-1]} is the same"
    if heading == "packages":
        return told
    return f"{told}: {named([f'{one_line(row.name)}={value(row.values[0])}' for row in things], _NAMED)}"


def _folded(text: str, screen: Screen) -> str:
    return text if screen.width is None else "\n".join(fold(text, screen.width))


def _table(heading: str, cells: Any, compared: Comparison, screen: Screen) -> str:
    return table([heading, *(observed.run.id for observed in compared.runs)], cells, screen)


def _cells(row: Row, best: Sequence[int]) -> list[Cell]:
    texts = distinct_values(row.values)
    # Where there are no colours, the star says it.
    return [Painted(f"{text} *", Color.GOOD) if index in best else text for index, text in enumerate(texts)]


def _code_part(compared: Comparison, screen: Screen) -> str:
    if compared.files is None:
        return _folded("code: what one of them used is not stored any more, and cannot be compared", screen)
    if not compared.files:
        return "code: the same"
    if compared.diff:
        return "code:\n" + "\n".join(_painted(one_line(line.expandtabs()), screen) for line in compared.diff)
    cells = [[change.path, *(_letter(content) for content in change.contents)] for change in compared.files]
    return _table("code", cells, compared, screen)


def _letter(content: int | None) -> str:
    return "–" if content is None else _LETTERS[content % len(_LETTERS)]


def _painted(line: str, screen: Screen) -> str:
    colors = {"+": Color.GOOD, "-": Color.BAD, "@": Color.DIM}
    color = Color.STRONG if line.startswith(("+++", "---")) else colors.get(line[:1], Color.PLAIN)
    return screen.paint(line, color)


def compare_for_programs(compared: Comparison, outputs: Outputs) -> dict[str, Any]:
    """Return what `compare --json` prints; keys are only ever added."""
    return {
        "runs": [run_for_programs(observed, outputs) for observed in compared.runs],
        "parameters": _rows_for_programs(compared.parameters),
        "results": _rows_for_programs(compared.results, has_best=True),
        "packages": _rows_for_programs([row for row in compared.packages if not row.is_same]),
        "environments": [_environment_for_programs(environment) for environment in compared.environments],
        "code": {
            "same": None if compared.files is None else not compared.files,
            "files": None if compared.files is None else [vars(change) for change in compared.files],
            "diff": "\n".join(compared.diff) if compared.diff else None,
        },
    }


def _rows_for_programs(things: Sequence[Row], *, has_best: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "same": row.is_same,
            "values": [None if thing is MISSING else thing for thing in row.values],
            "present": [thing is not MISSING for thing in row.values],
            **({"best": row.best()} if has_best else {}),
        }
        for row in things
    ]


def _environment_for_programs(environment: Environment) -> Mapping[str, Any]:
    return {
        "python": environment.python,
        "platform": environment.platform,
        "commit": environment.commit,
        "dirty": environment.is_dirty,
    }
