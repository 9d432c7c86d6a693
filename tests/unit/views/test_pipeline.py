"""What is told of a pipeline: its stages, what would run and why, and what came out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from schemas import complaints

from mlpipeline import stage
from mlpipeline.domain.rerun import Reason, Why
from mlpipeline.pipelines.definitions import defined
from mlpipeline.pipelines.outlook import Outlook, Standing
from mlpipeline.pipelines.records import Basis, Made, StoredArtifact
from mlpipeline.pipelines.wiring import Purpose, Wiring
from mlpipeline.views.pipeline import pipeline_for_programs, pipeline_screen
from mlpipeline.views.pipeline_values import Value, run_for_programs, values_text
from mlpipeline.views.pipeline_why import why_for_programs, why_screen
from mlpipeline.views.screens import Screen
from mlpipeline.views.tables import display_width
from mlpipeline.views.words import moment


@stage(outputs=["train_data", "test_data"])
def gen_data(): ...


@stage
def train_model(train_data, epochs=3): ...


@stage
def accuracy(train_model, test_data): ...


CALLS = list(
    Wiring(defined([gen_data, train_model, accuracy]), {}, {"epochs": 5}).graph(Purpose.TRAINING).calls.values()
)
MADE = Made(
    key="k",
    basis=Basis(stage="train_model", makes=(), parameters={}, inputs={}, parts=(), packages={}),
    artifacts=(StoredArtifact(name="train_model", digest="d", serializer="json", size_bytes=4_100_000),),
    seconds=12.3,
    made_at="2026-11-20T14:02:33.000+00:00",
    run="7k2m9q",
)
AT = moment(MADE.made_at)[:16]
ANEW = Reason(why=Why.INPUT_MADE_ANEW, what="train_model", maker="train_model")


def found(*reasons):
    return [
        Outlook(call=CALLS[0], standing=Standing.CACHED, made=MADE),
        Outlook(call=CALLS[1], standing=Standing.WOULD_RUN, made=MADE, reasons=reasons),
        Outlook(call=CALLS[2], standing=Standing.MAY_RUN, made=MADE, reasons=(ANEW,)),
    ]


CHANGED = Reason(why=Why.CODE_CHANGED, what="features.normalize", place="features.py:12")
FOUND = found(CHANGED)


@pytest.mark.parametrize("width", [None, 100, 40, 20])
def test_the_stages_fit_the_screen(width):
    text = pipeline_screen("digits", ["short", "long"], FOUND, Screen(width=width), now=1795200000.0)
    assert text.replace("\n", " ").startswith("digits: 3 stages, 1 cached,")
    assert width is None or max(map(display_width, text.splitlines())) <= width
    assert "epochs=5" in text
    if width is None:
        assert "would run: features.normalize changed (features.py:12)" in text
        assert "may run, after train_model" in text
        assert "12.3 s, 4.1 MB" in text


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (CHANGED, "features.normalize changed (features.py:12)"),
        (Reason(why=Why.CODE_NEW, what="features.clip", place="f.py:2"), "features.clip is new in its code (f.py:2)"),
        (Reason(why=Why.CODE_GONE, what="SCALE"), "SCALE is no longer part of its code"),
        (Reason(why=Why.VERSION, what="version", was="1", now="2"), "version 1 → 2"),
        (Reason(why=Why.VERSION, what="version", now="2"), "version 2, of which there was none"),
        (Reason(why=Why.PARAMETER, what="epochs", was="3", now="5"), "epochs: 3 → 5"),
        (Reason(why=Why.PARAMETER, what="epochs", was="3"), "epochs: 3 is gone"),
        (Reason(why=Why.PARAMETER, what="net", was="…", now="…"), "net has another value"),
        (Reason(why=Why.PACKAGE, what="numpy", was="2.1", now="2.2"), "numpy 2.1 → 2.2"),
        (Reason(why=Why.INPUT_CHANGED, what="train_data"), f"train_data is another than on {AT}"),
        (Reason(why=Why.ORDER, what="**p", was="x, y", now="y, x"), "the order in **p changed: x, y → y, x"),
        (Reason(why=Why.OUTPUTS, what="outputs", was="a", now="a, b"), "it makes a, b now, and made a"),
        (
            Reason(why=Why.ARTIFACT_GONE, what="weights"),
            f"weights, which it made on {AT}, is not in the cache any more",
        ),
    ],
)
def test_each_reason_is_a_sentence(reason, text):
    first, *_ = why_screen(found(reason)[:2], Screen()).splitlines()
    assert first == f"train_model would run again: {text}"


def test_of_a_stage_that_may_run_what_makes_it_run_is_told_as_well():
    lines = why_screen(FOUND, Screen()).splitlines()
    assert lines[0] == "accuracy may run again: it takes train_model from train_model, which would run"
    assert lines[2].startswith("train_model would run again: features.normalize changed")
    assert why_screen(FOUND[:1], Screen()).endswith(", 12.3 s, 4.1 MB, by run 7k2m9q")


def test_programs_are_told_the_same():
    assert complaints("pipeline-show", pipeline_for_programs("digits", ["short"], FOUND, Path("/cache"))) == []
    told = pipeline_for_programs("digits", ["short"], FOUND, Path("/cache"))
    assert told["folder"] == "/cache"
    (cached,) = [stage for stage in told["stages"] if stage["made_at"] == MADE.made_at][:1]
    assert (cached["seconds"], cached["run"]) == (MADE.seconds, MADE.run)
    why = why_for_programs("digits", FOUND)
    assert complaints("pipeline-why", why) == []
    assert [stage["stage"] for stage in why["needs"]] == ["train_model"]


def value(thing, name="it"):
    return Value(name=name, value=thing, size_bytes=4_100_000, path=Path("/cache/it.npy"))


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (0.97, "0.97"),
        (np.float64(0.97), "0.97"),
        (True, "true"),
        (None, "None"),
        (float("nan"), "nan"),
        ("first\nsecond", "first\nsecond"),
        ({"a": (1, 2.5), "ä": None}, '{"a": [1, 2.5], "ä": null}'),
        (np.zeros((3, 2)), "numpy.ndarray, 3 × 2, float64, 4.1 MB: /cache/it.npy"),
        (list(range(2000)), "list, 2000, 4.1 MB: /cache/it.npy"),
        (b"1234", "bytes, 4, 4.1 MB: /cache/it.npy"),
    ],
)
def test_what_can_be_read_is_shown_as_it_is_and_the_rest_described(thing, text):
    assert values_text([value(thing)]) == text


def test_several_values_have_their_names():
    assert values_text([value(1, "a"), value("x", "b")]) == "a: 1\nb: x"
    told = run_for_programs("digits", [value(np.zeros(3), "w"), value(2, "n")], [])
    assert complaints("pipeline-run", told) == []
    assert (told["values"]["w"]["value"], told["values"]["w"]["shape"], told["values"]["n"]["value"]) == (None, [3], 2)


def test_a_float_is_shown_as_python_prints_it():
    calls = Wiring(defined([train_model]), {}, {"epochs": 1.0}).graph(Purpose.TRAINING, ["train_data"]).calls.values()
    found = [Outlook(call=call, standing=Standing.WOULD_RUN, reasons=(), made=None) for call in calls]
    assert "epochs=1.0" in pipeline_screen("net", (), found, Screen(width=None), 0.0)
