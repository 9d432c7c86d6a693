"""What the commands that measure have in common: what they are asked, what they say meanwhile, and what they write."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from benchmarks.workbench import REPOSITORY


def parser(
    module: str, description: str | None, kind: str, names: Collection[str], results: str
) -> argparse.ArgumentParser:
    """Return what parses `python -m MODULE [NAME …] [--json FILE]`; each NAME is that of a `kind` in `names`."""
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    only = f"these only, of {', '.join(names)}"
    made.add_argument("names", nargs="*", type=_one_of(names, kind), metavar="NAME", help=only)
    path = REPOSITORY / "benchmarks" / "results" / results
    made.add_argument("--json", type=Path, default=path, metavar="FILE", help="where all figures are written")
    return made


def add_quick(parser: argparse.ArgumentParser) -> None:
    """Have it take `--quick`."""
    parser.add_argument("--quick", action="store_true", help="one small round of everything, to see that it works")


def add_tools(parser: argparse.ArgumentParser) -> None:
    """Have it take what is asked where other tools are installed and take turns."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "mlpipeline-bench"
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how many (default 3)")
    parser.add_argument("--cache", type=Path, default=cache, metavar="DIR", help="where tools are kept installed")


def say(text: str) -> None:
    """Say on stderr how far it is, and when."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write all that was measured, and make the folder for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _one_of(names: Collection[str], kind: str) -> Callable[[str], str]:
    def known(name: str) -> str:
        if name not in names:
            raise argparse.ArgumentTypeError(f'there is no {kind} "{name}"; there are {", ".join(names)}')
        return name

    return known
