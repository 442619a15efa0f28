import math

import pytest

from pbtune.core.objective import Objective
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.trial import Trial


@pytest.mark.parametrize("score", [-math.inf, 0.0, math.nan])
def test_no_report_has_consequences(population, report, objective, score):
    assert FIFO().on_report(population(3), report("t1", 50, "c", score=score), objective) == []


def test_no_report_blocks():
    assert FIFO().rules(Trial("t0", 0, {})) == ()


def test_the_sampled_config_is_used_as_it_is(objective):
    config = {"lr": 0.1}
    assert FIFO().first_config(config, "t0", objective) is config


def test_the_metric_is_needed_where_there_is_one(objective, calls):
    assert FIFO().needed(objective) == (("score", "results are ranked by"),)
    assert FIFO().needed(Objective(seed=0, user_calls=calls)) == ()


def test_progress_is_counted_in_reports():
    assert FIFO().time_attr == "training_iteration"


def test_its_decisions_are_of_the_first_version():
    assert FIFO().version == 1
