"""`mlpipeline pipeline show --mermaid` and `--dot`: a pipeline as other tools draw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlpipeline.pipelines.outlook import Outlook, Standing
from mlpipeline.views.words import one_line

#: Fill and border of what is drawn.
_PAINT = {
    Standing.CACHED: ("#d7f0d7", "#2e7d32"),
    Standing.MAY_RUN: ("#fff6d6", "#b08900"),
    Standing.WOULD_RUN: ("#ffffff", "#666666"),
    Standing.CANNOT_RUN: ("#fbe0e0", "#b3261e"),
}


@dataclass(frozen=True, kw_only=True)
class _Box:
    """One thing that is drawn; its id is nobody's word, so that no name can be one of the language."""

    id: str
    name: str
    #: None for an artifact: one that is handed in, or that no stage takes.
    standing: Standing | None


@dataclass(frozen=True, kw_only=True)
class _Arrow:
    """From the id of a box to that of another; the artifacts stand on it, those apart that are their box's own."""

    source: str
    target: str
    label: str


def mermaid(found: Sequence[Outlook]) -> str:
    """Return the stages as a Mermaid flowchart, which GitHub draws in a block of code that is marked `mermaid`.

    Source: https://mermaid.js.org/syntax/flowchart.html
    """
    boxes, arrows = _drawn(found)
    lines = ["flowchart TD"]
    for box in boxes:
        label = _mermaid_text(box.name)
        if box.standing is None:
            lines.append(f'    {box.id}(["{label}"])')
        else:
            lines.append(f'    {box.id}["{label}<br/>{_said(box.standing)}"]:::{box.standing}')
    for arrow in arrows:
        label = f'|"{_mermaid_text(arrow.label)}"|' if arrow.label else ""
        lines.append(f"    {arrow.source} -->{label} {arrow.target}")
    used = {box.standing for box in boxes}
    for standing, (fill, border) in _PAINT.items():
        if standing in used:
            lines.append(f"    classDef {standing} fill:{fill},stroke:{border},color:#1a1a1a")
    return "\n".join(lines)


def dot(found: Sequence[Outlook], name: str) -> str:
    """Return the stages in the language of Graphviz.

    Source: https://graphviz.org/doc/info/lang.html
    """
    boxes, arrows = _drawn(found)
    lines = [f"digraph {_dot_text(name)} {{", '    node [shape=box, style="rounded,filled", fontname="Helvetica"];']
    lines.append('    edge [fontname="Helvetica", fontsize=10];')
    for box in boxes:
        if box.standing is None:
            lines.append(f'    {box.id} [label={_dot_text(box.name)}, shape=ellipse, style="", color="#666666"];')
        else:
            fill, border = _PAINT[box.standing]
            label = _dot_text(box.name, _said(box.standing))
            lines.append(f'    {box.id} [label={label}, fillcolor="{fill}", color="{border}"];')
    for arrow in arrows:
        label = f" [label={_dot_text(arrow.label)}]" if arrow.label else ""
        lines.append(f"    {arrow.source} -> {arrow.target}{label};")
    return "\n".join([*lines, "}"])


def _drawn(found: Sequence[Outlook]) -> tuple[list[_Box], list[_Arrow]]:
    calls = [outlook.call for outlook in found]
    ids = {call.name: f"s{number}" for number, call in enumerate(calls)}
    makers = {artifact: call.name for call in calls for artifact in call.makes}
    taken = {need for call in calls for need in call.needs()}
    boxes = [_Box(id=ids[one.call.name], name=one.call.name, standing=one.standing) for one in found]
    arrows = []
    for call in calls:
        # Of what one stage hands to another, there is one arrow.
        by_maker: dict[str, list[str]] = {}
        for need in call.needs():
            by_maker.setdefault(makers.get(need, ""), []).append(need)
        for handed_in in by_maker.pop("", []):
            if f"in {handed_in}" not in ids:
                ids[f"in {handed_in}"] = f"a{len(ids)}"
                boxes.append(_Box(id=ids[f"in {handed_in}"], name=handed_in, standing=None))
            arrows.append(_Arrow(source=ids[f"in {handed_in}"], target=ids[call.name], label=""))
        for maker, needs in by_maker.items():
            label = ", ".join(need for need in needs if need != maker)
            arrows.append(_Arrow(source=ids[maker], target=ids[call.name], label=label))
    for call in calls:
        for number, artifact in enumerate(call.makes):
            if artifact not in taken and artifact != call.name:
                id = f"{ids[call.name]}o{number}"
                boxes.append(_Box(id=id, name=artifact, standing=None))
                arrows.append(_Arrow(source=ids[call.name], target=id, label=""))
    return boxes, arrows


def _said(standing: Standing) -> str:
    return standing.replace("_", " ")


def _mermaid_text(text: str) -> str:
    """Return a text as it stands in quotes: all but letters, digits and spaces by their number.

    So it is no quote, no markup, no Markdown and no entity, whatever it is; `#` begins such a number.
    """
    return "".join(_mermaid_characters(one_line(text)))


def _mermaid_characters(text: str) -> Iterator[str]:
    for character in text:
        is_plain = character.isalnum() or character in " _,"
        yield character if is_plain else f"#{ord(character)};"


def _dot_text(*lines: str) -> str:
    r"""Return lines as a string of the language: a quote would end it, and `\N` in it is the name of the box."""
    escaped = (one_line(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
