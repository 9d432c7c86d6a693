"""Arrays of a TOML file as text: entries come, go and move, and all else stays as it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What may stand between the entries of an array, …
_BETWEEN = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
#: … what may stand before the comma behind one, …
_COMMA = re.compile(r"(?:[ \t\n]|#[^\n]*\n)*,")
#: … and a comment on the same line.
_COMMENT = re.compile(r"[ \t]*#[^\n]*")


@dataclass(kw_only=True)
class Slot:
    """The place of an entry in an array, as text."""

    #: What stands before it: white space, line ends, comments on lines of their own.
    before: str
    text: str
    #: Up to the comma behind it; empty for the last where that has none.
    comma: str
    #: A comment on the same line.
    comment: str = ""

    @property
    def begins_line(self) -> bool:
        """Whether it is the first on its line."""
        return "\n" in self.before


@dataclass(kw_only=True)
class ArrayText:
    """An array as text: comments on lines of their own stay where they are, those behind entries go with them."""

    slots: list[Slot] = field(default_factory=list)
    #: What stands before the bracket that closes it.
    tail: str

    @classmethod
    def of(cls, items: Any) -> ArrayText:
        """Return the array that tomlkit has read."""
        source = items.as_string()
        slots = []
        at = 1
        for item in items:
            before, at = _taken(_BETWEEN, source, at)
            text = item.as_string()
            at = source.index(text, at) + len(text)
            comma, at = _taken(_COMMA, source, at)
            comment, at = _taken(_COMMENT, source, at)
            slots.append(Slot(before=before, text=text, comma=comma, comment=comment))
        return cls(slots=slots, tail=source[at:-1])

    def __str__(self) -> str:
        return f"[{''.join(f'{one.before}{one.text}{one.comma}{one.comment}' for one in self.slots)}{self.tail}]"

    def arrange(self, origins: Sequence[int | None], texts: Mapping[int, str], new: Mapping[int, str]) -> None:
        """Have these entries in this order.

        Args:
            origins: where each was; None for one that is new.
            texts: of those that were there, by where that was.
            new: the texts of the others, by where they are to be.
        """
        for origin, text in texts.items():
            self.slots[origin].text = text
        for index in reversed(range(len(self.slots))):
            if index not in texts:
                self._remove(index)
        left = sorted(texts)
        self._order([left.index(origin) for origin in origins if origin is not None])
        for index, known in enumerate(origins):
            if known is None:
                self._insert(index, new[index])

    @property
    def _is_on_lines(self) -> bool:
        return "\n" in self.tail or any(slot.begins_line for slot in self.slots)

    def _order(self, order: Sequence[int]) -> None:
        contents = [(slot.text, slot.comma, slot.comment) for slot in (self.slots[index] for index in order)]
        moved = [index for index, one in enumerate(order) if one != index]
        # A comment may only go where the line ends behind it, a comma not where there is none.
        has_own_lines = all(self._has_own_line(index) for index in moved)
        has_commas = all(self.slots[index].comma.strip(" \t") == "," for index in moved)
        for index in moved:
            slot = self.slots[index]
            slot.text, comma, comment = contents[index]
            slot.comma = comma if has_commas else slot.comma
            slot.comment = comment if has_own_lines else slot.comment

    def _has_own_line(self, index: int) -> bool:
        behind = self.slots[index + 1].before if index + 1 < len(self.slots) else self.tail
        return self.slots[index].begins_line and "\n" in behind

    def _remove(self, index: int) -> None:
        slot = self.slots.pop(index)
        behind = self.slots[index] if index < len(self.slots) else None
        if not slot.begins_line:
            if behind is not None and index == 0:
                behind.before = slot.before + behind.before.lstrip(" \t")
            if index > 0 and not self.slots[index - 1].comment:
                self.slots[index - 1].comment = slot.comment  # It may be about the whole line.
        elif behind is not None and not behind.begins_line:
            behind.before = slot.before
        else:
            kept = slot.before[: slot.before.rindex("\n")]
            if behind is not None:
                behind.before = kept + behind.before
            else:
                self.tail = kept + self.tail
                before = f"{self.slots[-1].comment if self.slots else ''}{self.tail}"
                if "#" in before.rpartition("\n")[2]:
                    self.tail += "\n"  # The bracket stood behind the entry, and must not end the comment.
        if behind is None and self.slots:
            last = self.slots[-1]
            if not slot.comma:
                last.comma = ""

    def _insert(self, index: int, text: str) -> None:
        if index == len(self.slots):
            self._append(text)
            return
        behind = self.slots[index]
        if behind.begins_line:
            end = behind.before.index("\n")
            before, behind.before = f"{behind.before[:end]}\n{self._indent}", behind.before[end:]
        else:
            before, behind.before = behind.before, " "
        self.slots.insert(index, Slot(before=before, text=text, comma=","))

    def _append(self, text: str) -> None:
        has_comma = bool(self.slots[-1].comma) if self.slots else self._is_on_lines
        if self.slots and not has_comma:
            self.slots[-1].comma = ","
        if self._is_on_lines:
            end = self.tail.rindex("\n") if "\n" in self.tail else 0
            before, self.tail = f"{self.tail[:end]}\n{self._indent}", self.tail[end:]
        else:
            before = " " if self.slots else ""
        self.slots.append(Slot(before=before, text=text, comma="," if has_comma else ""))

    @property
    def _indent(self) -> str:
        indents = (slot.before.rpartition("\n")[2] for slot in self.slots if slot.begins_line)
        return next(indents, "    ")


def _taken(pattern: re.Pattern[str], source: str, at: int) -> tuple[str, int]:
    match = pattern.match(source, at)
    return ("", at) if match is None else (match.group(), match.end())
