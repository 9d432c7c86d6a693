"""How a shell and the command talk when Tab is pressed, where click's way does not fit the names of versions."""

from __future__ import annotations

import os
import re

from click.shell_completion import BashComplete, CompletionItem, FishComplete, add_completion_class, split_arg_string

#: What bash takes for a word of its own.
_BREAKS = re.compile("[:=]+")


class _Bash(BashComplete):
    """To bash `:` and `=` end a word, as they stand in a version's name; and it quotes nothing by itself."""

    #: What of the word stands before the part that bash takes for it.
    _begun = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and what there is of that, put together again."""
        words = split_arg_string(os.environ["COMP_WORDS"])
        index = int(os.environ["COMP_CWORD"])
        whole = [*words[:index], words[index] if index < len(words) else ""]
        last = whole[-1]
        joined: list[str] = []
        for before, word in zip(["", *whole], whole, strict=False):
            is_one = bool(_BREAKS.fullmatch(word) or _BREAKS.fullmatch(before))
            if joined and is_one and before:
                joined[-1] += word
            else:
                joined.append(word)
        self._begun = joined[-1] if _BREAKS.fullmatch(last) else joined[-1].removesuffix(last)
        return joined[1:-1], joined[-1]

    def format_completion(self, item: CompletionItem) -> str:
        """Return what bash is to put in the place of the part that it takes for the word."""
        # Of `--model=net:…`, click completes what follows the option.
        begun = re.sub("^--[^=]*=", "", self._begun)
        value = item.value.removeprefix(begun)
        # `read` in the function that bash calls takes one of the two away.
        escaped = re.sub(r"([^\w@%+=:,./~^-])", r"\\\\\1", value) if item.type == "plain" else value
        return f"{item.type},{escaped}"


class _Fish(FishComplete):
    """With commas in names."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


def know_shells() -> None:
    """Have click complete for the shells in our way where we have one."""
    add_completion_class(_Bash)
    add_completion_class(_Fish)
