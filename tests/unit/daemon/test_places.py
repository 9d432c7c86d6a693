import os

import pytest

from mlpipeline.daemon.places import Places


@pytest.fixture
def top(tmp_path):
    (tmp_path / "project" / "models" / "cnn").mkdir(parents=True)
    (tmp_path / "project" / "models" / "cnn" / "net.py").touch()
    (tmp_path / "lib-1").mkdir()
    (tmp_path / "lib-1" / "deep.py").touch()
    return tmp_path.resolve()


def places(top, path, *inside):
    found = Places([str(top / folder) for folder in inside])
    leads_to = found.add(str(top / path))
    names = {os.path.relpath(folder, top): names for folder, names in found.names.items()}
    return leads_to and os.path.relpath(leads_to, top), names


def test_a_file_is_found_in_its_folder(top):
    assert places(top, "lib-1/deep.py") == ("lib-1/deep.py", {"lib-1": {"deep.py"}})


def test_in_the_project_each_part_of_a_path_counts(top):
    found = ("project/models/cnn/net.py", {"project": {"models"}, "project/models": {"cnn"}})
    assert places(top, found[0], "project") == (found[0], {**found[1], "project/models/cnn": {"net.py"}})


def test_of_what_is_missing_the_first_missing_part_counts(top):
    assert places(top, "lib-1/more/parts/a.py") == (None, {"lib-1": {"more"}})
    assert places(top, "lib-1/gone.py") == (None, {"lib-1": {"gone.py"}})


def test_of_links_both_ends_count(top):
    (top / "lib").symlink_to("lib-1")
    (top / "project" / "models" / "one.py").symlink_to("../../lib/deep.py")

    leads_to, names = places(top, "project/models/one.py")

    assert leads_to == "lib-1/deep.py"
    assert names == {"project/models": {"one.py"}, ".": {"lib", "lib-1"}, "lib-1": {"deep.py"}}


def test_links_that_lead_in_a_circle_or_nowhere_lead_to_nothing(top):
    (top / "round").symlink_to("round")
    (top / "dead").symlink_to("lib-1/gone.py")
    assert places(top, "round") == (None, {".": {"round"}})
    assert places(top, "round/a.py") == (None, {".": {"round"}})
    assert places(top, "dead") == (None, {".": {"dead"}, "lib-1": {"gone.py"}})
