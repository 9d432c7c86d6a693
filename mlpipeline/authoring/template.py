"""A command line with `{placeholders}`: split into words first, filled afterwards."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from mlpipeline.authoring.version import spelled
from mlpipeline.domain.values import Json
from mlpipeline.errors import VersionsError


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some literal text of a word, and the placeholder that follows it, if one does."""

    literal: str
    placeholder: str | None
    format_spec: str

    def filled(self, values: Mapping[str, Json | object]) -> tuple[str, str | None]:
        """The literal, and the text of the placeholder's value."""
        if self.placeholder is None:
            return self.literal, None
        value = values[self.placeholder]
        if isinstance(value, list | dict):
            value = json.dumps(value, ensure_ascii=False)
        try:
            return self.literal, format(value, self.format_spec) if self.format_spec else str(value)
        except (TypeError, ValueError) as error:
            raise VersionsError(f"`{{{self.placeholder}:{self.format_spec}}}` with {value!r}: {error}.") from error


class Template:
    """A command whose words are fixed before any value is known, so no value can break or add a word.

    Args:
        command: a text, split as a shell would, or the words.
        shell: the text is one shell command, whose values are quoted when they are filled in.
        where: what errors call the command.

    Raises:
        VersionsError: it is empty, its quotes or braces do not close, or a placeholder is not a plain name.
    """

    def __init__(self, command: str | Sequence[str], *, shell: bool, where: str) -> None:
        self._where = where
        self._shell = shell
        if isinstance(command, str):
            self.words = self._split(command)
        elif shell:
            raise VersionsError(f"{where}: with shell=True it is one text, not {type(command).__name__}.")
        else:
            self.words = [str(word) for word in command]
        if not self.words:
            raise VersionsError(f"{where}: it is empty. Say what to run, such as `python train.py`.")
        texts = [command] if shell and isinstance(command, str) else self.words
        self._filled_texts = [list(self._pieces(text)) for text in texts]
        if shell:
            self._refuse_quoted_placeholders()

    def placeholders(self) -> list[str]:
        """The names to be filled in, in order of appearance, each once."""
        names = (piece.placeholder for pieces in self._filled_texts for piece in pieces)
        return list(dict.fromkeys(name for name in names if name is not None))

    def filled(self, values: Mapping[str, Json | object]) -> list[str] | str:
        """The words to execute, or the text to give to a shell; lists and dicts as JSON, the rest by `str`.

        Raises:
            VersionsError: a value does not suit its format.
        """
        texts = []
        for pieces in self._filled_texts:
            text = ""
            for piece in pieces:
                literal, value = piece.filled(values)
                text += literal
                if value is not None:
                    text += shlex.quote(value) if self._shell else value
            texts.append(text)
        return texts[0] if self._shell else texts

    def _split(self, command: str) -> list[str]:
        try:
            if not self._shell:
                return shlex.split(command)
            lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            return list(lexer)
        except ValueError as error:
            raise VersionsError(f"{self._where}: {error} in `{command}`. Close every quote.") from error

    def _pieces(self, text: str) -> Iterator[Piece]:
        try:
            parsed = list(Formatter().parse(text))
        except ValueError as error:
            raise VersionsError(
                f"{self._where}: {error} in `{text}`. Write {{{{ and }}}} for braces that stay."
            ) from error
        for literal, name, format_spec, conversion in parsed:
            if name is not None and (not name.isidentifier() or conversion or "{" in (format_spec or "")):
                raise VersionsError(
                    f"{self._where}: `{{{name}}}` in `{text}` is no placeholder: between braces stands the name "
                    "of a parameter, maybe with a format (`{lr:.3f}`). Write {{ and }} for braces that stay."
                )
            yield Piece(
                literal=literal,
                placeholder=None if name is None else spelled(name),
                format_spec=format_spec or "",
            )

    def _refuse_quoted_placeholders(self) -> None:
        """Values come quoted, and quotes within quotes would end up in the value or let it be expanded."""
        quote = ""
        for piece in self._filled_texts[0]:
            characters = iter(piece.literal)
            for character in characters:
                if character == "\\" and quote != "'":
                    next(characters, None)
                elif quote:
                    quote = "" if character == quote else quote
                elif character in "'\"":
                    quote = character
            if quote and piece.placeholder is not None:
                raise VersionsError(
                    f"{self._where}: `{{{piece.placeholder}}}` stands inside quotes. Values are quoted when "
                    "they are filled in: take these quotes away."
                )
