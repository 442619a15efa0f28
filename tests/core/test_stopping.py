import math

import msgspec
import pytest

from pbtune.core.lease import Rule
from pbtune.core.stopping import StopRules

EITHER = StopRules((("training_iteration", 10.0), ("acc", 0.9)))


def test_one_rule_is_enough(report):
    assert EITHER.reason(report("t0", 10, acc=0.1)) == "training_iteration = 10 >= 10"
    assert EITHER.reason(report("t0", 1, acc=0.95)) == "acc = 0.95 >= 0.9"


def test_before_any_bound_is_reached_the_trial_goes_on(report):
    assert EITHER.reason(report("t0", 9, acc=0.89)) is None


@pytest.mark.parametrize("observed", [{}, {"acc": math.nan}, {"acc": "high"}, {"acc": None}])
def test_a_missing_or_incomparable_value_stops_nobody(report, observed):
    assert EITHER.reason(report("t0", 9, **observed)) is None


def test_a_reported_done_comes_before_every_rule(report):
    assert EITHER.reason(report("t0", 10, acc=1.0, done=True)) == "done"
    assert StopRules().reason(report("t0", 1, done=1)) == "done"


def test_done_among_the_rules_is_reached_by_nothing_but_a_reported_done(report):
    rules = StopRules((("done", True),))
    assert rules.reason(report("t0", 1, done=False)) is None
    assert rules.reason(report("t0", 1)) is None
    assert rules.reason(report("t0", 1, done=True)) == "done"


def test_a_minimised_metric_cannot_be_a_bound_from_below_as_in_tune(report):
    assert StopRules((("loss", 0.1),)).reason(report("t0", 1, loss=5.0)) == "loss = 5.0 >= 0.1"


def test_workers_must_not_pass_a_bound_by_themselves():
    assert EITHER.rules() == (
        Rule("training_iteration", 10.0, is_stop=True),
        Rule("acc", 0.9, is_stop=True),
    )
    assert StopRules().rules() == ()


def test_what_a_stopper_said_comes_after_done_and_the_bounds(report):
    stopped = msgspec.structs.replace(report("t0", 10), stop="enough")
    assert StopRules().reason(stopped) == "enough"
    assert EITHER.reason(stopped) == "training_iteration = 10 >= 10"
    assert StopRules().reason(msgspec.structs.replace(stopped, observed={"done": True})) == "done"
