"""What the cache promises of code, for projects and edits that are made up at random: see `made_up`."""

from __future__ import annotations

import difflib
import random

import pytest
from made_up.edits import EDITS, NEUTRAL, NEUTRAL_BUT_WIDE, edited
from made_up.loading import loaded, written
from made_up.projects import project_by

from mlpipeline.pipelines.code_facts import KeptFacts

SETS = range(4)


def projects(number, count):
    """The made-up projects of one set, each with what draws its edits."""
    for seed in range(number * count, number * count + count):
        draws = random.Random(seed)
        yield seed, project_by(draws), draws


def shown(edits, before, after, *keys):
    """What was edited, for whoever is to find out why that was not seen, or was."""
    one, other = before.files(), after.files()
    lines = ["", *edits]
    for name in one:
        lines += difflib.unified_diff(one[name].split("\n"), other[name].split("\n"), name, name, n=1000, lineterm="")
    if keys:
        lines += ["", *sorted(f"key: {key}" for key in set.symmetric_difference(*(set(key.items()) for key in keys)))]
    return "\n".join(lines)


@pytest.mark.parametrize("number", SETS)
def test_what_was_made_before_an_edit_is_never_taken_for_what_is_made_after_it(number, tmp_path):
    changed = edits = 0
    for seed, first, draws in projects(number, 8):
        project, known, said = first, [], []
        for _ in range(5):
            now = loaded(written(project, tmp_path / f"{seed} {len(said)}"), project.stage.name)
            for earlier, at, then in known:
                assert now.key != then.key or now.result == then.result, shown(said[at:], earlier, project)
            changed += bool(known) and now.result != known[-1][2].result
            edits += bool(known)
            known.append((project, len(said), now))
            project, edit = edited(project, draws, EDITS)
            said.append(f"{seed}: {edit}")
    # Edits that change nothing would test nothing.
    assert changed / edits > 0.3


@pytest.mark.parametrize("number", SETS)
def test_an_edit_that_makes_no_difference_is_not_seen(number, tmp_path):
    for seed, project, draws in projects(number, 2):
        before = loaded(written(project, tmp_path / f"{seed}"), project.stage.name)
        for at, edit in enumerate((*NEUTRAL, *(() if project.may_be_wide else NEUTRAL_BUT_WIDE))):
            after, said = edited(project, draws, (edit,))
            now = loaded(written(after, tmp_path / "elsewhere" / f"{seed} {at}"), project.stage.name)
            assert now == before, shown([f"{seed}: {said}"], project, after, before.key, now.key)


@pytest.mark.parametrize("number", SETS)
def test_edits_that_lead_back_to_the_first_text_lead_back_to_the_first_key(number, tmp_path):
    for seed, project, draws in projects(number, 2):
        kept, folder = KeptFacts(tmp_path / f"{seed} kept"), tmp_path / f"{seed}"
        texts, said = [project], []
        for _ in range(3):
            after, edit = edited(texts[-1], draws, EDITS)
            texts.append(after)
            said.append(f"{seed}: {edit}")
        keys = [loaded(written(one, folder), one.stage.name, kept).key for one in (*texts, *reversed(texts))]
        assert keys == [*reversed(keys)], shown(said, texts[0], texts[-1])
        elsewhere = [
            loaded(written(one, tmp_path / f"{seed} {at}"), one.stage.name).key for at, one in enumerate(texts)
        ]
        assert keys[: len(texts)] == elsewhere, shown(said, texts[0], texts[-1])
