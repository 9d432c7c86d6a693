"""The INI files of v1: not used any more, only turned into TOML to paste."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from mlpipeline.project.paths import QUEUE_NAME, SETTINGS_NAME, TEST_QUEUE_NAME

_QUEUES = {"models.config": QUEUE_NAME, "models_test.config": TEST_QUEUE_NAME}
_QUEUE_SECTIONS = {"mlp", "whitelisted_models", "blacklisted_models"}

#: A section's name in lower case, and its lines.
Sections = dict[str, list[str]]


def legacy_advice(folder: Path) -> str | None:
    """Return what to tell about files of v1 in `folder` that nothing replaces yet; None without any."""
    replacements = toml_replacements(folder)
    if not replacements:
        return None
    blocks = "\n\n".join(f"# ---- {name} ----\n{text}" for name, text in replacements.items())
    return (
        f"{folder} has files of mlpipeline 1, which are not read any more. Write, beside them:\n\n"
        f"{blocks}\n\n"
        "Histories and model dirs of mlpipeline 1 are not read either: every version starts anew. "
        "They are left as they are."
    )


def toml_replacements(folder: Path) -> dict[str, str]:
    """Return the TOML for each file of v1 in `folder` whose successor is missing, by the successor's name."""
    found = {}
    settings = _read(folder / "mlp.config")
    if settings is not None and not os.path.lexists(folder / SETTINGS_NAME):
        lines = [line for section in settings.values() for line in section]
        found[SETTINGS_NAME] = f"models_dir = {_quoted(_value(lines, 'models_dir') or 'models')}"
    for old, new in _QUEUES.items():
        sections = _read(folder / old)
        # Other programs have a `models.config` too.
        if sections and not _QUEUE_SECTIONS.isdisjoint(sections) and not os.path.lexists(folder / new):
            found[new] = _queue_toml(sections)
    return found


def _queue_toml(sections: Sections) -> str:
    # v1 took every script that is not listed when its file did not say otherwise.
    flag = _value(sections.get("mlp", []), "use_blacklist") or "true"
    use_blacklist = flag.lower() in {"1", "yes", "true", "on"}
    lists = "\n".join(
        f"{name} = [{', '.join(map(_quoted, _scripts(sections.get(name, []))))}]"
        for name in ("whitelisted_models", "blacklisted_models")
    )
    return f"use_blacklist = {str(use_blacklist).lower()}\n{lists}"


def _scripts(lines: list[str]) -> list[str]:
    names = (re.split(r"\s[#;]|[=:]", line)[0].strip().replace("\\", "/") for line in lines)
    return list(dict.fromkeys(name for name in names if name))


def _value(lines: list[str], key: str) -> str | None:
    for line in lines:
        name, _, value = (line if "=" in line else line.replace(":", "=", 1)).partition("=")
        if name.strip().lower() == key and value.strip():
            return value.strip()
    return None


def _quoted(text: str) -> str:
    # A JSON string is a TOML string, but for the one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(path: Path) -> Sections | None:
    """Return the sections of an INI file as far as it can be made out; None when there is no such file."""
    try:
        if not path.is_file():
            return None
    except OSError:  # the folder may not be searched
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return {}  # it is there: v1's defaults are shown
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    sections: Sections = {}
    lines = sections.setdefault("", [])
    for line in map(str.strip, text.splitlines()):
        header = re.fullmatch(r"\[(.*)\].*", line)
        if header:
            lines = sections.setdefault(header[1].strip().lower(), [])
        elif line and line[0] not in "#;":
            lines.append(line)
    return sections
