"""What a process that forks keeps in a cache, and what the forked one does."""

from __future__ import annotations

import os
from contextlib import contextmanager

from mlpipeline.pipelines import readers


@contextmanager
def forked(act):
    """A process that is there, and has acted, until the block is over."""
    acted, over = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
            os.write(acted[1], b"x")
            os.close(over[1])
            os.read(over[0], 1)
        finally:
            os._exit(0)
    os.close(acted[1])
    try:
        assert os.read(acted[0], 1) == b"x"
        yield
    finally:
        os.close(over[1])
        os.waitpid(child, 0)
        os.close(acted[0])
        os.close(over[0])


def test_a_forked_process_keeps_what_it_takes_itself_and_nothing_else(tmp_path):
    path = tmp_path / "readers"
    for artifact in ("first", "second"):
        readers.keep(path, artifact)
    with forked(lambda: readers.keep(path, "second")):
        assert readers.read(path, ["first", "second", "third"]) == {"second"}
    assert readers.read(path, ["first", "second", "third"]) == set()


def test_where_the_cache_was_deleted_and_made_anew_what_is_taken_is_kept_there(tmp_path):
    path = tmp_path / "readers"

    def take_again():
        readers.keep(path, "it")
        path.unlink()
        readers.keep(path, "it")
        readers.keep(path, "other")

    with forked(take_again):
        assert readers.read(path, ["it", "other"]) == {"it", "other"}


def test_where_nothing_can_be_written_nobody_keeps_anything(tmp_path):
    path = tmp_path / "gone" / "readers"
    readers.keep(path, "it")
    assert readers.read(path, ["it"]) == set()
