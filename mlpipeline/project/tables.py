"""Strict reading of TOML: every error names the key, what was expected, what was found and what to do."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.domain.complaints import Complain, shown, wrong_value
from mlpipeline.domain.quantities import seconds, size_bytes
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import MlpipelineError


def read_text(path: Path, complain: Complain) -> str:
    """Return a file's text, without a byte-order mark.

    Raises:
        MlpipelineError: made by `complain`; it is no file, cannot be read, or is not UTF-8.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise complain("this is a folder; expected a TOML file.")
        if not stat.S_ISREG(mode):
            raise complain("this is a device or a pipe; expected a TOML file.")  # opening it might wait for ever
        content = path.read_bytes()
    except OSError as error:
        raise complain(
            f"{path} cannot be read: {error.strerror}. Check that it is there and that you may read it."
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise complain(
            f"line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x}). Save the file as UTF-8."
        ) from error


def parse(text: str, complain: Complain) -> Table:
    """Return the top table of a TOML text.

    Raises:
        MlpipelineError: made by `complain`; a syntax error, with its line.
    """
    try:
        return Table(values=tomllib.loads(text), complain=complain)
    except tomllib.TOMLDecodeError as error:
        raise complain(_syntax_error(text, str(error))) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a list nested as deeply
        raise complain(f"this cannot be read as TOML: {error}.") from error


def _syntax_error(text: str, message: str) -> str:
    lines = text.split("\n")
    place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if place is None:  # it says "at end of document"
        return f"line {len(text.rstrip().splitlines()) or 1}, the last: not valid TOML: {message}."
    number, column = int(place[1]), int(place[2])
    line = shown(lines[number - 1].strip())
    return f"line {number}, column {column}: not valid TOML: {message[: place.start()]}. The line reads {line}."


def _key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else shown(key)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One TOML table, asked for its keys by type; every method raises what `complain` makes."""

    values: Mapping[str, object]
    complain: Complain
    #: What stands before a key in messages: `[worker] `, or `whitelisted_models[1].`
    prefix: str = ""

    def refuse_unknown(self, known: Sequence[str], places: Mapping[str, str] | None = None) -> None:
        """Refuse every key outside `known`; `places` tells where a key that is known elsewhere belongs."""
        for key, value in self.values.items():
            if key in known:
                continue
            name = f"{self.prefix}[{_key(key)}]" if isinstance(value, dict) else f"{self.prefix}{_key(key)}"
            if places and key in places:
                raise self.complain(f"{name} is in the wrong place. It belongs {places[key]}.")
            raise self.complain(f"{name} is unknown. Known: {', '.join(known)}.{did_you_mean(key, known)}")

    def wrong(self, key: str, expected: str) -> MlpipelineError:
        """Return the error for the value of `key`."""
        return self.complain(wrong_value(f"{self.prefix}{key}", self.values[key], expected))

    def table(self, key: str) -> Table:
        """Return the table `[key]`, an empty one when it is not there."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"a table: a line [{key}] with its settings below")
        return Table(values=value, complain=self.complain, prefix=f"{self.prefix}[{key}] ")

    def text(self, key: str, default: str) -> str:
        """Return a text that is not empty."""
        value = self.values.get(key, default)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "a text in quotes that is not empty")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false, without quotes")
        return value

    def seconds(self, key: str, default: float, *, least: float) -> float:
        """Return a duration such as `"10min"`, from `least` to a year, in seconds."""
        return seconds(self.values.get(key, default), f"{self.prefix}{key}", self.complain, least=least)

    def size_bytes(self, key: str, default: int) -> int:
        """Return a size such as `"8GB"`, in bytes."""
        return size_bytes(self.values.get(key, default), f"{self.prefix}{key}", self.complain)

    def count(self, key: str, default: int, *, least: int) -> int:
        """Return a whole number of at least `least`."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(key, f"a whole number of at least {least}, such as {default}")
        return value

    def items(self, key: str, example: str) -> list[object]:
        """Return a list, an empty one when it is not there; `example` shows the user how one looks."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, f"a list, such as {example}")
        return value

    def texts(self, key: str, example: str) -> tuple[str, ...]:
        """Return a list of texts that are not empty."""
        found = []
        for index, item in enumerate(self.items(key, example)):
            if not isinstance(item, str) or not item.strip():
                where = f"{self.prefix}{key}[{index}]"
                raise self.complain(wrong_value(where, item, "a text in quotes that is not empty"))
            found.append(item)
        return tuple(found)
