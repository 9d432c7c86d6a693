from __future__ import annotations

import pytest

from mlpipeline.domain.changes import Changes
from mlpipeline.domain.chosen import chosen
from mlpipeline.domain.description import Description, VersionDescription
from mlpipeline.domain.queue import Entry

QUEUE = "models.toml"


def version(name: str, *, suffix: str | None = None, **parameters: object) -> VersionDescription:
    return VersionDescription.of(name, suffix=suffix or name, parameters=parameters, code="c", conditions={})


def script(*versions: VersionDescription) -> Description:
    return Description(versions=versions, files={})


NET = script(version("small", lr=0.01, layers=2), version("large", lr=0.001, layers=8), version("tiny", layers=1))


def entry(*versions: str, hold: bool | tuple[str, ...] = False, **values: object) -> Entry:
    changes = Changes(values=values) if values else None
    return Entry(script="net.py", versions=versions or None, changes=changes, hold=hold)


def told(entry: Entry, description: Description = NET) -> list[str]:
    return [unusable.why for unusable in chosen(entry, description, QUEUE).unusable]


def test_what_is_listed_comes_in_the_order_of_the_script():
    found = chosen(entry("large", "small"), NET, QUEUE)
    assert [one.name for one in found.versions] == ["small", "large"]
    assert chosen(entry(), NET, QUEUE).versions == NET.versions


def test_what_set_makes_is_a_version_of_its_own():
    small = NET.versions[0]
    (made,) = chosen(entry("small", lr=0.1), NET, QUEUE).versions
    assert (made.name, made.suffix, made.base) == ("small@lr=0.1", "small@lr=0.1", "small")
    assert (made.parameters, made.changes) == ({"lr": 0.1, "layers": 2}, {"lr": 0.1})
    assert made.identity != small.identity
    # Of the parameters of its base those count that it does not replace.
    (other,) = chosen(entry("small", lr=0.1), script(version("small", lr=5, layers=2)), QUEUE).versions
    assert other.identity == made.identity
    (other,) = chosen(entry("small", lr=0.1), script(version("small", lr=0.01, layers=3)), QUEUE).versions
    assert other.identity != made.identity


def test_a_suffix_and_a_seed_of_its_own_are_kept_apart_too():
    net = script(version("small", suffix="old", seed=1))
    (made,) = chosen(entry(seed=2), net, QUEUE).versions
    assert (made.name, made.suffix, made.seed) == ("small@seed=2", "old@seed=2", 2)


def test_without_versions_all_are_changed_and_those_that_cannot_be_are_told_once():
    found = chosen(entry(lr=0.1), NET, QUEUE)
    assert [one.name for one in found.versions] == ["small@lr=0.1", "large@lr=0.1"]
    (unusable,) = found.unusable
    assert unusable.versions == ("tiny@lr=0.1",)
    assert unusable.why == 'models.toml sets "lr", which is no parameter of version "tiny". It has layers.'
    why = 'models.toml sets "leyers", which is no parameter of version "small" and 2 more. Did you mean "layers"?'
    assert told(entry(leyers=3)) == [why]


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        (entry("smal"), 'models.toml lists version "smal", which it does not have. Did you mean "small"?'),
        (entry("smal", lr=1), 'models.toml lists version "smal", which it does not have. Did you mean "small"?'),
        (entry(hold=("smal",)), 'models.toml holds version "smal", which it does not have. Did you mean "small"?'),
        (
            entry("small", hold=("large",)),
            'models.toml holds version "large", which is none of the `versions` beside that.',
        ),
    ],
)
def test_what_the_script_does_not_have_is_told_with_the_nearest(listed, why):
    assert told(listed) == [why]


def test_a_version_of_the_script_that_is_called_like_what_set_makes_keeps_its_name():
    net = script(version("small", lr=1), version("small@lr=0.1", lr=2))
    found = chosen(entry("small", lr=0.1), net, QUEUE)
    assert found.versions == ()
    assert [one.why for one in found.unusable] == [
        'models.toml makes a version "small@lr=0.1" by `set`; the script has one of that name. Rename that.'
    ]


def test_held_are_all_or_those_that_are_named():
    assert chosen(entry("small", hold=True, lr=1), NET, QUEUE).held == {"small@lr=1"}
    assert chosen(entry("small", "large", hold=("large",), lr=1), NET, QUEUE).held == {"large@lr=1"}
    assert chosen(entry("small", hold=("small@lr=1",), lr=1), NET, QUEUE).held == {"small@lr=1"}
    assert chosen(entry(), NET, QUEUE).held == frozenset()
