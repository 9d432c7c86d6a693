"""The names of versions, runs and model dirs: what users choose, checked before it becomes part of a path."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Protocol

from mlpipeline.errors import InvalidName

#: What a user may choose, in bytes of UTF-8.
NAME_LIMIT_BYTES = 200
#: What a folder may be called: a file system allows 255, and suffixes such as `.json` need room.
PATH_PART_LIMIT_BYTES = 240
#: Lowercase letters and digits without those that are read as one another: 0 and o, 1, i and l.
ID_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
ID_LENGTH = 6
# Unicode categories. Line and paragraph separators break a log's line as a newline does; a lone surrogate has
# no UTF-8.
_UNUSABLE_KINDS = {
    "Cc": "the control character",
    "Zl": "the line separator",
    "Zp": "the paragraph separator",
    "Cs": "the lone surrogate",
}


class Chooser(Protocol):
    """Where randomness comes from; a `random.Random` is one."""

    def choice(self, seq: Sequence[str], /) -> str:
        """One element of `seq`."""
        ...


def run_id(random: Chooser) -> str:
    """A new run's short id, such as `7k2m9q`."""
    return "".join(random.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def version_key(model: str, version: str) -> str:
    """How a version is written everywhere: `cnn/net:small`."""
    return f"{model}:{version}"


def name_from_values(values: Iterable[tuple[str, str]]) -> str:
    """A name made of keys and the texts of their values, such as `learning_rate=0.1,layers=2`, fit for a file name."""
    return re.sub(r"[/\\\x00-\x1f\x7f]", "_", ",".join(f"{key}={text}" for key, text in values))


def check_name(name: str, what: str) -> None:
    """Pass a name that can become part of a path; `what` says in the error whose name it is: "version name".

    Raises:
        InvalidName: `name` is empty, `.` or `..`, too long, begins or ends with white space, or holds a
            path separator, a control character or half a surrogate pair.
    """
    if not name:
        raise InvalidName(f"a {what} is empty; give it at least one character")
    if name in {".", ".."}:
        raise InvalidName(f'{what} "{name}" stands for another folder in every path; choose another name')
    for position, character in enumerate(name, start=1):
        if reason := _unusable(character):
            raise InvalidName(
                f'{what} "{_printable(name)}": character {position}, {reason}, cannot be part of a folder\'s '
                "name; leave it out or use another"
            )
    for end, character in (("begins", name[0]), ("ends", name[-1])):
        if character.isspace():
            raise InvalidName(f'{what} "{name}" {end} with {_described(character)}, which nobody can see; leave it out')
    size_bytes = len(name.encode())
    if size_bytes > NAME_LIMIT_BYTES:
        raise InvalidName(f'{what} "{name[:30]}…" is {size_bytes} bytes long in UTF-8; at most {NAME_LIMIT_BYTES} fit')


def model_dir_name(model: str, suffix: str) -> str:
    """Where a version's model dir is below `model_ckpts`: `cnn/net-small`.

    Raises:
        InvalidName: a part of the model's name or the suffix cannot be part of a path, or both are too long
            together.
    """
    check_name(suffix, "model dir suffix")
    return _checked_path(model, suffix)


def run_name(model: str, version: str, id: str) -> str:
    """Where a run's record is below `runs`: `cnn/net-small-7k2m9q`.

    Raises:
        InvalidName: a part of the model's name or the version's name cannot be part of a path, or both are
            too long together.
    """
    check_name(version, "version name")
    return _checked_path(model, f"{version}-{id}")


def checked_model_dir(model: str, version: str, suffix: str) -> str:
    """The name of a version's model dir, once every name that its runs need is known to fit into a path.

    Raises:
        InvalidName: one does not.
    """
    check_name(version, "version name")
    check_name(suffix, "model_dir_suffix")
    run_name(model, version, ID_ALPHABET[:ID_LENGTH])
    return model_dir_name(model, suffix)


def shared_model_dirs(model_dirs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Each model dir that more than one version would use, and those versions in the given order.

    `model_dirs` holds (version key, model dir name) pairs of the whole queue. A model dir that lies inside
    another one counts as a use of the outer one: clearing the outer would clear both.
    """
    pairs = list(model_dirs)
    users: dict[str, list[str]] = {name: [] for _, name in pairs}
    for key, name in pairs:
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            outer = users.get("/".join(parts[:depth]))
            if outer is not None and key not in outer:
                outer.append(key)
    return {name: tuple(keys) for name, keys in users.items() if len(keys) > 1}


def _checked_path(model: str, ending: str) -> str:
    for part in model.split("/"):
        check_name(part, "model name")
    if ":" in model:
        raise InvalidName(
            f'model name "{model}" holds ":", which stands between a model and its version; rename the script'
        )
    path = f"{model}-{ending}"
    last = path.rpartition("/")[2]
    size_bytes = len(last.encode())
    if size_bytes > PATH_PART_LIMIT_BYTES:
        raise InvalidName(
            f'"{last[:30]}…" would be a folder name of {size_bytes} bytes in UTF-8; at most '
            f"{PATH_PART_LIMIT_BYTES} can be used: shorten the script's or the version's name"
        )
    return path


def _unusable(character: str) -> str | None:
    if character in "/\\":
        return f'the path separator "{character}"'
    kind = _UNUSABLE_KINDS.get(unicodedata.category(character))
    return f"{kind} {_code_point(character)}" if kind else None


def _described(character: str) -> str:
    return "a space" if character == " " else f"the white space {_code_point(character)}"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _printable(name: str) -> str:
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _UNUSABLE_KINDS else character
        for character in name
    )
