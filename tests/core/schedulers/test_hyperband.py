import math

import pytest

from pbtune.core.decide import advance
from pbtune.core.decisions import Completed, Measured, Promoted
from pbtune.core.events import Closed, Failed, Opened, Reopened, Report, Reported
from pbtune.core.experiment import Experiment
from pbtune.core.lease import Rule
from pbtune.core.milestones import scores_at
from pbtune.core.plan import place
from pbtune.core.schedulers.hyperband import HyperBand
from pbtune.core.settings import Settings
from pbtune.core.space import uniform
from pbtune.core.stopping import StopRules
from pbtune.core.trial import Trial

SPACE = {"x": uniform(0.0, 1.0)}


def climb(weights, config, step):
    return weights + config["x"], weights + config["x"]


class Run:
    """Members with a slot each, that report what a test says."""

    def __init__(self, objective, scheduler, size, **wishes):
        self.settings = Settings(objective, scheduler, SPACE, size, **wishes)
        self.told = []
        self.state = Experiment()
        self.tell(Opened(1))

    def tell(self, event):
        self.state, records = advance(self.settings, self.state, event)
        self.state.validate()
        self.state, _ = place(self.state, len(self.state.trials), [])
        self.told = records[1:]
        return self.told

    def report(self, trial, step, score):
        attempt = self.state.trials[trial].attempt
        return self.tell(Reported((Report(trial, attempt, step, float(step), {"score": score}),)))


@pytest.fixture
def run(objective):
    return lambda scheduler, size, **wishes: Run(objective, scheduler, size, **wishes)


def of(decisions, kind):
    return [it.trial for it in decisions if isinstance(it, kind)]


def test_brackets_are_tunes():
    band = HyperBand(max_t=81.0).band()
    assert [it.size for it in band] == [5, 8, 15, 34, 81]
    assert [it.first for it in band] == [0, 5, 13, 28, 62]
    assert [it.milestones for it in band] == [
        (81,), (27, 81), (9, 27, 81), (3, 9, 27, 81), (1, 3, 9, 27, 81),
    ]  # fmt: skip
    assert [it.kept for it in band] == [(), (3,), (5, 2), (12, 4, 2), (27, 9, 3, 1)]


def test_where_truncation_repeats_a_milestone_it_halves_once():
    band = HyperBand(max_t=2.0, reduction_factor=1.3).band()
    for bracket in band:
        assert sorted(set(bracket.milestones)) == list(bracket.milestones)
        assert len(bracket.kept) == len(bracket.milestones) - 1


def test_brackets_that_would_begin_with_nothing_are_left_out():
    assert [it.milestones[0] for it in HyperBand(max_t=2.0).band()] == [2.0]
    assert HyperBand(max_t=1.0).band()[0].milestones == (1.0,)


def test_members_are_dealt_in_order_and_bands_follow_each_other(objective):
    scheduler = HyperBand(max_t=9.0)
    dealt = [scheduler.bracket_of(f"t{at}", at, objective) for at in range(40)]
    sizes = [it.size for it in scheduler.band()]
    assert sizes == [3, 5, 9]
    assert dealt == [*[0] * 3, *[1] * 5, *[2] * 9, *[3] * 3, *[4] * 5, *[5] * 9, *[6] * 3, *[7] * 3]
    assert (scheduler.bracket(4).first, scheduler.bracket(4).size) == (20, 5)


def test_the_next_milestone_blocks_and_a_checkpoint_matters_there():
    scheduler = HyperBand(attr="epoch", max_t=9.0)
    trial = Trial("t3", 3, {}, bracket=1)
    assert scheduler.rules(trial) == (
        Rule("epoch", 3.0, needs_checkpoint=True),
        Rule("epoch", 3.0),
    )
    at_last = Trial("t3", 3, {}, bracket=1, milestone=3.0)
    assert scheduler.rules(at_last)[1] == Rule("epoch", 9.0, is_stop=True)
    to_the_end = HyperBand(attr="epoch", max_t=9.0, stop_last_trials=False)
    assert to_the_end.rules(at_last) == ()
    assert scheduler.rules(Trial("t3", 3, {}, bracket=1, milestone=9.0)) == ()


def test_the_best_go_on_when_the_last_has_arrived(run):
    it = run(HyperBand(max_t=9.0), 8)
    for trial, score in (("t3", 0.1), ("t4", 0.5), ("t5", 0.9), ("t6", 0.5)):
        told = it.report(trial, 3, score)
        assert [type(record) for record in told] == [Measured]
        assert it.state.trials[trial].is_gated
    told = it.report("t7", 3, 0.2)
    # Two of five, and among equals the later one, as in Tune.
    assert of(told, Promoted) == ["t5", "t6"]
    assert of(told, Completed) == ["t3", "t4", "t7"]
    assert "not among the best 2 of its bracket at 3" in told[1].reason


def test_at_its_last_milestone_a_trial_ends_at_once(run):
    it = run(HyperBand(max_t=9.0), 3)
    assert of(it.report("t0", 9, 1.0), Completed) == ["t0"]
    assert it.report("t1", 8, 1.0) == []
    to_the_end = run(HyperBand(max_t=9.0, stop_last_trials=False), 3)
    assert to_the_end.report("t0", 9, 1.0) == []


def test_a_half_empty_bracket_keeps_as_many_as_a_full_one(run):
    it = run(HyperBand(max_t=9.0), 5)
    it.report("t3", 3, 0.1)
    assert of(it.report("t4", 3, 0.2), Promoted) == ["t3", "t4"]


def test_nan_goes_first(run):
    it = run(HyperBand(max_t=9.0), 6)
    it.report("t3", 3, -9.0)
    it.report("t4", 3, math.nan)
    assert of(it.report("t5", 3, -8.0), Completed) == ["t4"]


@pytest.mark.parametrize("how", ["fails", "closed", "done"])
def test_whoever_is_gone_is_not_waited_for(run, how):
    it = run(HyperBand(max_t=9.0), 6)
    it.report("t3", 3, 0.1)
    it.report("t4", 3, 0.2)
    if how == "fails":
        told = it.tell(Failed("t5", 1, "ValueError", "no"))
    elif how == "closed":
        told = it.tell(Closed("t5", "not resumed"))
    else:
        done = {"score": 0.0, "done": True}
        told = it.tell(Reported((Report("t5", 1, 1, 1.0, done),)))
    assert of(told, Promoted) == ["t3", "t4"]


def test_a_retry_is_waited_for_and_is_measured_once(run):
    it = run(HyperBand(max_t=9.0), 5, max_failures=3)
    it.report("t3", 3, 0.1)
    assert of(it.tell(Failed("t3", 1, "ValueError", "no")), Promoted) == []
    assert it.state.trials["t3"].is_gated
    it.tell(Failed("t4", 1, "ValueError", "no"))
    assert of(it.report("t4", 3, 0.2), Promoted) == ["t3", "t4"]
    assert it.report("t3", 1, 0.5) == []


def test_members_that_join_later_find_places_taken(run):
    it = run(HyperBand(max_t=9.0), 7)
    for trial, score in (("t3", 0.1), ("t4", 0.2), ("t5", 0.3), ("t6", 0.4)):
        told = it.report(trial, 3, score)
    assert of(told, Promoted) == ["t5", "t6"]
    it.settings = Settings(it.settings.objective, it.settings.scheduler, SPACE, 8)
    it.tell(Opened(2))
    assert of(it.report("t7", 3, 9.0), Completed) == ["t7"]


def test_who_is_asked_back_is_measured_again_if_it_begins_from_nothing(run):
    it = run(HyperBand(max_t=9.0), 5)
    it.report("t3", 3, 0.1)
    it.tell(Failed("t4", 1, "ValueError", "no"))
    it.tell(Reopened("t4", from_nothing=True))
    assert of(it.report("t4", 3, 0.7), Measured) == ["t4"]
    it.tell(Failed("t4", 2, "ValueError", "no"))
    it.tell(Reopened("t4", from_nothing=True))
    assert [entry[-1] for entry in scores_at(it.state, 1, 3.0)] == ["t3"]
    assert of(it.report("t4", 3, 0.7), Measured) == ["t4"]


def test_few_slots_are_enough_and_give_the_same_decisions(toy):
    runs = [
        toy(HyperBand(max_t=9.0), climb, SPACE, members=20, steps=20, slots=slots)
        for slots in (1, 3, 20)
    ]
    logs = [sorted((it.trial, it.milestone) for it in run.check().of(Promoted)) for run in runs]
    assert logs[0] == logs[1] == logs[2]
    assert logs[0]


def test_a_stop_rule_may_end_a_trial_before_its_milestone(run):
    it = run(HyperBand(max_t=9.0), 5, stop=StopRules((("training_iteration", 2.0),)))
    it.report("t3", 3, 0.1)
    assert it.state.trials["t3"].milestone == 0.0


def test_it_is_synchronous_and_keeps_slots_between_milestones(population):
    scheduler = HyperBand()
    assert scheduler.is_synchronous
    assert scheduler.wants_checkpoints
    assert scheduler.version == 1
    assert not scheduler.may_yield(population(1), Trial("t0", 0, {}))
    assert scheduler.at_gate(population(1), None, event=Opened(1)) == []
