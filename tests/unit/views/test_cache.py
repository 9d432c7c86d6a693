"""What `mlpipeline cache` says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlpipeline.pipelines.cache_folder import CacheFolder
from mlpipeline.pipelines.collecting import Collected, Item, Kind
from mlpipeline.views.cache import collected_screen
from mlpipeline.views.screens import PLAIN

FOLDER = CacheFolder(Path("/cache"))
RECORD = Item(
    kind=Kind.RECORD,
    path=Path("/cache/1/made/train/k.json"),
    size_bytes=1000,
    why="not used for longest",
    stage="train",
)
ARTIFACT = replace(RECORD, kind=Kind.ARTIFACT, path=Path("/cache/1/artifacts/d.npy"), size_bytes=2_000_000)
OTHER = replace(ARTIFACT, path=Path("/cache/1/artifacts/e.npy"))
ASIDE = Item(kind=Kind.LEFTOVER, path=Path("/cache/1/aside/k.1"), size_bytes=5_000_000, why="who wrote it died")


def said(*items, in_use=(), is_dry=False, are_all_named=False):
    collected = Collected(items=items, in_use=in_use, left_bytes=3_000_000, left_records=2)
    return collected_screen(collected, FOLDER, PLAIN, is_dry=is_dry, are_all_named=are_all_named)


def test_what_goes_of_a_stage_for_one_reason_is_one_line_the_largest_first():
    assert said(RECORD, ARTIFACT, OTHER, ASIDE) == (
        "size   stage   what                    why\n"
        "───────────────────────────────────────────────────────────\n"
        "5 MB           1 leftover              who wrote it died\n"
        "4 MB   train   1 record, 2 artifacts   not used for longest\n"
        "\n"
        "freed 9 MB: 1 record, 2 artifacts, 1 leftover; 2 records left, 3 MB"
    )


def test_all_can_be_named_and_what_could_not_be_deleted_is_not_freed():
    text = said(RECORD, replace(ARTIFACT, error="Permission denied"), is_dry=True, are_all_named=True)
    assert "1/made/train/k.json" in text
    assert "d.npy" not in text
    assert text.endswith("\n\n1 kB to be freed: 1 record; 2 records left, 3 MB")


@pytest.mark.parametrize("is_dry", [True, False])
def test_nothing_to_delete_is_one_line(is_dry):
    assert said(is_dry=is_dry) == "nothing to delete; 2 records left, 3 MB"


def test_what_stays_because_it_is_read_is_said():
    assert said(in_use=(ARTIFACT,)) == (
        "nothing to delete; 2 records left, 3 MB\n1 artifact, 2 MB, stays: a running process reads it"
    )
    text = said(RECORD, in_use=(ARTIFACT, OTHER), is_dry=True)
    assert text.endswith("2 records left, 3 MB\n2 artifacts, 4 MB, stay: running processes read them")
