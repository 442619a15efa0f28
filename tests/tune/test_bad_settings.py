"""Settings that can't work are refused where they are written, by name and with their range."""

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import SettingsError, SpaceError


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: tune.uniform(2, 1), r"uniform\(2, 1\)"),
        (lambda: tune.quniform(2, 1, 0.5), r"quniform\(2, 1\)"),
        (lambda: tune.loguniform(2, 1), r"loguniform\(2, 1\)"),
        (lambda: tune.qloguniform(2, 1, 0.5), r"qloguniform\(2, 1\)"),
        (lambda: tune.randint(5, 1), r"randint\(5, 1\)"),
        (lambda: tune.qrandint(8, 2, 2), r"qrandint\(8, 2\)"),
        (lambda: tune.lograndint(5, 1), r"lograndint\(5, 1\)"),
    ],
)
def test_bounds_that_are_upside_down_name_the_domain(make, named):
    with pytest.raises(SpaceError, match=f"tune.{named}"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: tune.loguniform(0, 1),
        lambda: tune.loguniform(-1, 1),
        lambda: tune.qloguniform(0, 1, 0.5),
        lambda: tune.lograndint(0, 10),
        lambda: tune.qlograndint(0, 10, 2),
    ],
)
def test_a_logarithmic_domain_needs_bounds_above_zero(make):
    with pytest.raises(SpaceError, match=r"tune\.q?log.*> 0"):
        make()


def test_a_choice_of_nothing_says_to_give_a_category():
    with pytest.raises(SpaceError, match=r"tune\.choice\(\[\]\) is empty: give at least one"):
        tune.choice([])


def test_a_grid_of_nothing_says_to_give_a_value():
    with pytest.raises(SpaceError, match=r"grid_search needs a list of at least one value"):
        tune.grid_search([])


@pytest.mark.parametrize("trainable", [None, 3])
def test_a_trainable_that_is_no_function_is_named(trainable):
    said = f"training function of one argument, not {trainable!r}"
    with pytest.raises(SettingsError, match=said):
        tune.Tuner(trainable)


def test_a_search_space_that_is_no_dict_is_named():
    with pytest.raises(SettingsError, match="param_space must be a dict, not list"):
        tune.Tuner(lambda config: None, param_space=[1])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: tune.TuneConfig(num_samples=0), "num_samples must be an int >= 1, not 0"),
        (lambda: tune.TuneConfig(num_samples=2.5), "num_samples must be an int >= 1, not 2.5"),
        (lambda: tune.TuneConfig(max_concurrent_trials=0), "max_concurrent_trials must be None"),
        (lambda: tune.TuneConfig(seed="x"), "seed must be an int or None, not 'x'"),
        (lambda: tune.TuneConfig(scheduler="pbt"), "scheduler must be one of pbtune.tune"),
        (lambda: tune.FailureConfig(max_failures=-2), r"max_failures must be -1 .*or >= 0, not -2"),
        (lambda: tune.FailureConfig(fail_fast="now"), 'fail_fast must be True, False or "raise"'),
        (lambda: tune.FailureConfig(3, fail_fast=True), "leave max_failures at 0"),
        (lambda: tune.CheckpointConfig(num_to_keep=0), "num_to_keep must be None or >= 1, not 0"),
        (
            lambda: tune.CheckpointConfig(checkpoint_score_order="up"),
            'checkpoint_score_order must be "max" or "min", not \'up\'',
        ),
        (lambda: pbtune.init(num_cpus=0), "num_cpus must be >= 1, not 0"),
        (lambda: pbtune.init(num_gpus=-1), "num_gpus must be >= 0, not -1"),
        (lambda: pbtune.init(executor="threads"), 'must be "processes", "inline" or "ray"'),
    ],
)
def test_a_setting_out_of_its_range_is_named_with_its_range(make, said):
    with pytest.raises(SettingsError, match=said):
        make()


def test_an_unknown_argument_of_init_is_named():
    with pytest.raises(TypeError, match="unexpected argument 'num_cpu'"):
        pbtune.init(num_cpu=3)
