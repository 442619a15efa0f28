"""ASHA, HyperBand and the median rule, by the names and arguments that users type."""

from pathlib import Path

import pytest

from pbtune import tune
from pbtune.core.decisions import Completed, Measured, Promoted
from pbtune.core.schedulers.asha import ASHA
from pbtune.core.schedulers.hyperband import HyperBand
from pbtune.core.schedulers.median_stopping import MedianStopping
from pbtune.errors import NotInPbtune, SchedulerNotPorted, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.tune import schedulers
from pbtune.tune.checking import check_run
from pbtune.tune.schedulers.async_hyperband import ASHAScheduler
from pbtune.tune.schedulers.hyperband import HyperBandScheduler
from pbtune.tune.schedulers.median_stopping_rule import MedianStoppingRule
from pbtune.tune.schedulers.pbt import PopulationBasedTraining
from pbtune.tune.schedulers.trial_scheduler import FIFOScheduler, TrialScheduler

SPACE = {"slope": tune.grid_search([0.1 * at for at in range(1, 9)])}


def climb(config):
    """Rises by its slope, and saves what it has."""
    from pathlib import Path

    from pbtune import tune

    step, score = 0, 0.0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as path:
            words = (Path(path) / "state.txt").read_text().split()
        step, score = int(words[0]), float(words[1])
    while True:
        step += 1
        score += config["slope"]
        with tune.new_checkpoint() as path:
            (Path(path) / "state.txt").write_text(f"{step} {score}")
            saved = tune.Checkpoint.from_directory(path)
            tune.report({"score": score, "epoch": step}, checkpoint=saved)


def rise(config):
    """As ``climb``, without checkpoints."""
    from pbtune import tune

    score = 0.0
    while True:
        score += config["slope"]
        tune.report({"score": score})


def records(results, *kinds):
    with JournalReader(Path(results.experiment_path)) as reader:
        return [it.record for it in reader.entries() if isinstance(it.record, kinds)]


def lengths(results):
    return [result.metrics["training_iteration"] for result in results]


def test_asha_stops_most_trials_early_and_trains_the_best_to_max_t(fit):
    scheduler = ASHAScheduler(max_t=16, reduction_factor=2)
    results = fit(rise, param_space=SPACE, scheduler=scheduler, metric="score", mode="max")
    best = results.get_best_result()
    assert best.metrics["training_iteration"] == 16
    assert best.config["slope"] == 0.8
    assert set(lengths(results)) <= {1, 2, 4, 8, 16}
    assert results.num_errors == 0
    checked = check_run(Path(results.experiment_path))
    assert (checked.difference, checked.problems) == (None, {})


def test_asha_counts_in_any_reported_key(fit):
    scheduler = ASHAScheduler(time_attr="epoch", max_t=4, metric="score", mode="max")
    results = fit(climb, param_space=SPACE, scheduler=scheduler, metric=None, mode=None, slots=2)
    assert max(lengths(results)) == 4
    assert {it.milestone for it in records(results, Measured)} <= {1.0, 4.0}


def test_the_median_rule_ends_what_is_worse_than_those_before(fit):
    results = fit(
        rise,
        param_space={"slope": tune.grid_search([0.8, 0.9, 0.7, 0.1])},
        scheduler=MedianStoppingRule(
            time_attr="training_iteration", grace_period=2, min_samples_required=1
        ),
        metric="score",
        mode="max",
        run={"stop": {"training_iteration": 12}},
    )
    assert lengths(results) == [12, 12, 2, 2]
    stopped = [it.reason for it in records(results, Completed)][2:]
    assert "its best score 1.4 is below the median 1.7 of 2 others' means" in stopped[0]
    assert check_run(Path(results.experiment_path)).difference is None


def test_hyperband_pauses_and_halves_on_fewer_slots_than_trials(fit):
    results = fit(
        climb,
        param_space=SPACE,
        scheduler=HyperBandScheduler(max_t=9),
        metric="score",
        mode="max",
        slots=2,
    )
    # Three trials in the bracket that stops nobody, and the two best of the next five.
    assert sorted(lengths(results)) == [3, 3, 3, 9, 9, 9, 9, 9]
    assert sorted(it.trial for it in records(results, Promoted)) == ["t6", "t7"]
    assert check_run(Path(results.experiment_path)).difference is None


def test_hyperband_without_checkpoints_and_slots_says_what_it_needs(fit):
    with (
        pytest.warns(tune.PbtuneWarning, match="reports without checkpoints"),
        pytest.raises(SettingsError, match="HyperBand have to pause members"),
    ):
        fit(
            rise,
            param_space={"slope": tune.grid_search([0.1] * 8)},
            scheduler=HyperBandScheduler(max_t=9),
            metric="score",
            mode="max",
            slots=2,
        )


def test_defaults_are_tunes():
    assert ASHAScheduler().resolve({}) == ASHA(
        attr="training_iteration",
        max_t=100.0,
        grace_period=1.0,
        reduction_factor=4.0,
        brackets=1,
        stop_last_trials=True,
    )
    assert HyperBandScheduler().resolve({}) == HyperBand(
        attr="training_iteration", max_t=81.0, reduction_factor=3.0, stop_last_trials=True
    )
    assert MedianStoppingRule().resolve({}) == MedianStopping(
        attr="time_total_s",
        grace_period=60.0,
        min_samples_required=3,
        min_time_slice=0.0,
        hard_stop=True,
    )
    assert all(it().mutations({"x": tune.uniform(0, 1)}) == {} for it in EARLY)


EARLY = (ASHAScheduler, HyperBandScheduler, MedianStoppingRule)


@pytest.mark.parametrize("make", EARLY)
def test_metric_and_mode_are_needed(make, fit):
    with pytest.raises(SettingsError, match=r"ranks trials: it needs metric and mode"):
        fit(rise, param_space=SPACE, scheduler=make(), metric=None, mode=None)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ASHAScheduler(max_t=0), "max_t must be > 0"),
        (lambda: ASHAScheduler(max_t=2, grace_period=3), r"grace_period must be in \(0, max_t"),
        (lambda: ASHAScheduler(grace_period=0), "grace_period must be"),
        (lambda: ASHAScheduler(reduction_factor=1), "reduction_factor must be > 1"),
        (lambda: ASHAScheduler(brackets=0), "brackets must be >= 1"),
        (lambda: ASHAScheduler(mode="up"), "mode"),
        (lambda: HyperBandScheduler(max_t=0), "max_t must be >= 1"),
        (lambda: HyperBandScheduler(reduction_factor=1), "reduction_factor must be > 1"),
        (lambda: MedianStoppingRule(grace_period=-1), "grace_period must be >= 0"),
        (lambda: MedianStoppingRule(min_samples_required=0), "min_samples_required must be >= 1"),
        (lambda: MedianStoppingRule(min_time_slice=-1), "min_time_slice must be >= 0"),
    ],
)
def test_a_setting_out_of_its_range_is_named(make, said):
    with pytest.raises(SettingsError, match=said):
        make()


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("fifo", FIFOScheduler),
        ("async_hyperband", ASHAScheduler),
        ("AsyncHyperBand", ASHAScheduler),
        ("median_stopping_rule", MedianStoppingRule),
        ("medianstopping", MedianStoppingRule),
        ("hyperband", HyperBandScheduler),
        ("PBT", PopulationBasedTraining),
        ("pb2", schedulers.PB2),
    ],
)
def test_a_scheduler_is_made_by_its_name(name, made):
    assert type(tune.create_scheduler(name)) is made


def test_arguments_that_a_scheduler_does_not_take_are_left_out():
    made = tune.create_scheduler("async_hyperband", max_t=7, quantile_fraction=0.5, metric="loss")
    assert (made.max_t, made.metric) == (7, "loss")


def test_an_unknown_name_is_an_error_with_the_known_ones():
    with pytest.raises(ValueError, match=r"must be one of \['fifo', .*'pb2'\]. Got: bandit"):
        tune.create_scheduler("bandit")


@pytest.mark.parametrize("name", ["hb_bohb", "resource_changing"])
def test_tunes_other_schedulers_are_named_errors(name):
    with pytest.raises(NotInPbtune, match="is not in pbtune"):
        tune.create_scheduler(name)


@pytest.mark.parametrize(
    "base", [TrialScheduler, FIFOScheduler, ASHAScheduler, PopulationBasedTraining]
)
@pytest.mark.parametrize("hook", ["on_trial_result", "choose_trial_to_run", "on_trial_add"])
def test_a_subclass_with_rays_hooks_says_how_to_port_it(base, hook):
    made = type("Mine", (base,), {hook: lambda *_: None})
    with pytest.raises(SchedulerNotPorted, match=rf"Mine overrides {hook}\(\), .* Port it: derive"):
        made()


def test_a_subclass_that_only_chooses_defaults_is_one():
    class Mine(PopulationBasedTraining):
        def __init__(self):
            super().__init__(time_attr="training_iteration", perturbation_interval=3)

    resolved = Mine().resolve({"lr": tune.uniform(0, 1)})
    assert resolved.perturbation_interval == 3
