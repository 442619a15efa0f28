import pytest

from pbtune.core.lease import Lease, Rule
from pbtune.core.objective import Objective
from pbtune.core.retention import Retention
from pbtune.core.schedulers.fifo import FIFO
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.settings import Settings
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Trial

STOP = StopRules((("training_iteration", 100.0), ("acc", 0.9)))


@pytest.fixture(scope="module")
def pbt(objective):
    return Settings(
        objective,
        PBT(mutations={}, perturbation_interval=5.0, attr="epoch"),
        param_space={},
        stop=STOP,
        retention=Retention(2, "loss"),
    )


def test_a_lease_lists_what_stops_the_trial_and_what_the_scheduler_waits_for(pbt):
    assert pbt.lease(Trial("t0", 0, {}, interval_start=10.0)) == Lease(
        (
            Rule("training_iteration", 100.0, is_stop=True),
            Rule("acc", 0.9, is_stop=True),
            Rule("epoch", 15.0, needs_checkpoint=True),
            Rule("epoch", 20.0),
        )
    )


def test_a_lease_without_stop_rules_or_intervals_lets_every_report_pass(objective):
    assert Settings(objective, FIFO(), {}).lease(Trial("t0", 0, {})) == Lease()


def test_every_report_must_have_what_the_scheduler_needs(pbt):
    assert pbt.needed() == (("score", "PBT ranks by"), ("epoch", "PBT counts its intervals in"))


def test_workers_send_each_key_that_a_decision_may_depend_on_once(pbt):
    assert pbt.observed() == ("done", "epoch", "score", "training_iteration", "acc", "loss")


def test_without_rules_metric_or_scores_only_done_and_progress_are_watched(calls):
    settings = Settings(Objective(seed=0, user_calls=calls), FIFO(), {})
    assert settings.observed() == ("done", "training_iteration")


def test_under_a_stopper_every_report_blocks(objective):
    settings = Settings(objective, FIFO(), {}, stop=StopRules(every=True))
    assert settings.lease(Trial("t0", 0, {})) == Lease(every=True)
