from dataclasses import replace

import pytest
from runs import SUCCEEDED

from mlpipeline.domain.measures import Measure
from mlpipeline.domain.rankings import Ranking
from mlpipeline.views.report_programs import ranking_for_programs


@pytest.mark.parametrize(
    ("result", "value"), [(0.5, 0.5), (10**400, 10**400), (float("inf"), None), (float("nan"), None)]
)
def test_a_value_to_rank_by_that_is_no_number_to_json_is_null(result, value):
    run = replace(SUCCEEDED, results={"loss": result})
    told = ranking_for_programs(Ranking(model=run.model, measure=Measure.parse("loss"), runs=[run]))
    assert [version["value"] for version in told["versions"]] == [value]
