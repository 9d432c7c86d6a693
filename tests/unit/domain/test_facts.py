from dataclasses import replace

from runs import FAILED, RUN, SUCCEEDED

from mlpipeline.domain.facts import facts, flat, numbers


def test_fields_parameters_and_results_have_names_of_their_own():
    run = replace(SUCCEEDED, parameters={"lr": 0.1, "optimizer": {"name": "adam", "lr": 0.2}}, results={"lr": 3})
    found = facts(run)
    assert (found["version"], found["outcome"], found["seconds"], found["attempt"]) == ("deep", "succeeded", 41.2, 1)
    assert found["started"] == 1795210495.123
    assert [found[f"parameters.{name}"] for name in ("lr", "optimizer.name", "optimizer.lr")] == [0.1, "adam", 0.2]
    assert found["results.lr"] == 3
    assert "failure" not in found
    assert facts(FAILED)["failure"] == "exception"
    assert "started" not in facts(RUN)


def test_every_value_becomes_one_that_can_be_stored_and_compared():
    values = {
        "yes": True,
        "nan": float("nan"),
        "huge": 10**30,
        "hopeless": 10**400,
        "list": [64, "ä"],
        "empty": {},
        "half": "\ud800",
        "\ud800": None,
    }
    found = facts(replace(RUN, parameters=values))
    shown = [found[f"parameters.{name}"] for name in ("yes", "nan", "huge", "list", "empty", "half", "\\ud800")]
    assert shown == ["true", "nan", 1e30, '[64, "ä"]', "{}", "\\ud800", None]
    assert found["parameters.hopeless"] == str(10**400)


def test_a_history_that_somebody_else_wrote_has_fewer_facts_and_no_errors():
    found = facts(replace(SUCCEEDED, parameters=[1], results="x", started_at="yesterday", seconds={"a": 1}))
    assert [name for name in found if "." in name] == []
    assert "started" not in found
    assert found["seconds"] == '{"a": 1}'
    assert "started" not in facts(replace(SUCCEEDED, started_at="0001-01-01T00:00:00"))


def test_what_is_nested_has_a_dotted_name_and_its_own_value():
    results = {"val": {"loss": 0.25, "best": True, "note": "a,b", "by": {}}, "n": 3, "test.loss": float("inf")}
    leaves = {"val.loss": 0.25, "val.best": True, "val.note": "a,b", "val.by": {}, "n": 3, "test.loss": float("inf")}
    assert flat(results) == leaves
    assert numbers(results) == {"val.loss": 0.25, "n": 3, "test.loss": float("inf")}
    assert numbers("x") == {}
