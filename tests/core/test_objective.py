import math

import pytest

from pbtune.core.objective import Objective


@pytest.mark.parametrize(("mode", "score"), [("max", 0.5), ("min", -0.5), (None, 0.5)])
def test_scores_are_turned_so_that_larger_is_better(calls, report, mode, score):
    objective = Objective(seed=0, user_calls=calls, metric="loss", mode=mode)
    assert objective.score(report("t0", 1, loss=0.5)) == score


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("observed", [{}, {"loss": None}, {"loss": "low"}, {"loss": math.nan}])
def test_a_metric_that_is_no_number_scores_nan_either_way(calls, report, mode, observed):
    objective = Objective(seed=0, user_calls=calls, metric="loss", mode=mode)
    assert math.isnan(objective.score(report("t0", 1, **observed)))


def test_without_a_metric_nothing_has_a_score(calls, report):
    assert math.isnan(Objective(seed=0, user_calls=calls).score(report("t0", 1, loss=0.5)))
