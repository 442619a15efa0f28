"""Tune's stopper classes, one by one, without a run."""

import math
from datetime import timedelta

import pytest

from pbtune import tune
from pbtune.errors import MetricMissing, SettingsError
from pbtune.tune.stopper import (
    CombinedStopper,
    ExperimentPlateauStopper,
    FunctionStopper,
    MaximumIterationStopper,
    NoopStopper,
    TimeoutStopper,
    TrialPlateauStopper,
)


def answers(stopper, values, trial="t0"):
    return [bool(stopper(trial, {"m": value})) for value in values]


class Never(tune.Stopper):
    """Stops nothing, and counts how often it was asked."""

    def __init__(self):
        self.count = 0

    def __call__(self, trial_id, result):
        self.count += 1
        return False

    def stop_all(self):
        return False


def test_a_bound_on_reports_counts_the_calls_of_each_trial():
    stopper = MaximumIterationStopper(2)
    assert answers(stopper, [1, 1]) == [False, True]
    assert answers(stopper, [1, 1, 1], trial="t1") == [False, True, True]
    assert not stopper.stop_all()


def test_a_function_is_asked_with_trial_and_result():
    stopper = FunctionStopper(lambda trial, result: trial == "t1" and result["m"] > 2)
    assert answers(stopper, [3]) == [False]
    assert answers(stopper, [2, 3], trial="t1") == [False, True]
    assert not stopper.stop_all()


def test_a_noop_stops_nothing():
    assert answers(NoopStopper(), [0, math.nan]) == [False, False]
    assert not NoopStopper().stop_all()


def test_a_combination_stops_when_one_does_and_asks_no_further():
    behind = Never()
    stopper = CombinedStopper(MaximumIterationStopper(2), behind)
    assert answers(stopper, [1, 1]) == [False, True]
    assert behind.count == 1
    assert not stopper.stop_all()
    assert CombinedStopper(behind, TimeoutStopper(0)).stop_all()


def test_a_timeout_counts_from_the_first_time_that_it_is_asked():
    now = [100.0]
    stopper = TimeoutStopper(timedelta(seconds=5), now_s=lambda: now[0])
    now[0] = 1000.0
    assert not stopper.stop_all()
    now[0] = 1004.9
    assert not stopper.stop_all()
    assert answers(stopper, [1]) == [False]
    now[0] = 1005.0
    assert stopper.stop_all()


def test_a_timeout_of_a_resumed_run_has_only_what_is_left():
    now = [0.0]
    stopper = TimeoutStopper(5, now_s=lambda: now[0])
    stopper.spent(3.0)
    assert not stopper.stop_all()
    now[0] = 2.0
    assert stopper.stop_all()


@pytest.mark.parametrize("timeout", ["5", None, True])
def test_a_timeout_that_is_no_time_is_named(timeout):
    with pytest.raises(SettingsError, match="timeout must be seconds or a timedelta, not"):
        TimeoutStopper(timeout)


def test_a_trial_that_no_longer_moves_is_stopped_after_its_grace_period():
    stopper = TrialPlateauStopper("m", std=0.01, num_results=2, grace_period=4)
    assert answers(stopper, [1.0, 1.0, 1.0, 1.0]) == [False, False, False, True]
    assert answers(stopper, [1.0], trial="t1") == [False]
    assert answers(stopper, [1.1, 1.1, 1.1]) == [False, True, True]
    assert not stopper.stop_all()


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("min", [0.6, 0.6, 0.5, 0.5], [False, False, False, True]),
        ("max", [0.4, 0.4, 0.5, 0.5], [False, False, False, True]),
    ],
)
def test_a_threshold_has_to_be_reached_before_a_plateau_counts(mode, values, expected):
    stopper = TrialPlateauStopper(
        "m", num_results=2, grace_period=1, metric_threshold=0.5, mode=mode
    )
    assert answers(stopper, values) == expected


@pytest.mark.parametrize("odd", [math.nan, math.inf, None, "high"])
@pytest.mark.parametrize("threshold", [None, 0.5])
def test_a_value_that_is_no_number_is_no_plateau(odd, threshold):
    stopper = TrialPlateauStopper(
        "m", num_results=2, grace_period=1, metric_threshold=threshold, mode="max"
    )
    assert answers(stopper, [odd, odd, 1.0, odd]) == [False] * 4


def test_a_threshold_without_a_mode_is_named():
    with pytest.raises(SettingsError, match='mode must be "min" or "max", not None'):
        TrialPlateauStopper("m", metric_threshold=1.0)


@pytest.mark.parametrize(
    ("mode", "values"),
    [("min", [9.0, 1.0, 5.0, 1.0, 7.0]), ("max", [1.0, 9.0, 5.0, 9.0, 2.0])],
)
def test_a_run_ends_when_its_best_values_are_alike(mode, values):
    stopper = ExperimentPlateauStopper("m", top=2, mode=mode)
    told = [(stopper("t0", {"m": value}), stopper.stop_all()) for value in values]
    assert told == [(False, False)] * 3 + [(True, True)] * 2


def test_patience_is_how_many_reports_a_plateau_has_to_last():
    stopper = ExperimentPlateauStopper("m", top=2, patience=3)
    assert answers(stopper, [1.0, 1.0, 1.0, 1.0]) == [False, False, False, True]


def test_a_better_value_ends_the_plateau():
    stopper = ExperimentPlateauStopper("m", top=2, patience=2)
    assert answers(stopper, [1.0, 1.0, 0.0, 0.0, 0.0]) == [False, False, False, False, True]


def test_nan_is_never_among_the_best():
    stopper = ExperimentPlateauStopper("m", top=2)
    assert answers(stopper, [math.nan, math.nan, 1.0, math.nan, 1.0])[-1]
    infinite = ExperimentPlateauStopper("m", top=2, mode="max")
    assert answers(infinite, [math.inf, math.inf, 1e308, -1e308]) == [False] * 4


def test_a_report_without_the_metric_of_the_plateau_is_named():
    with pytest.raises(MetricMissing, match="'m', which ExperimentPlateauStopper watches"):
        ExperimentPlateauStopper("m")("t0", {"loss": 1.0})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mode": "up"}, 'mode must be "min" or "max"'),
        ({"top": 1}, "top must be an int > 1, not 1"),
        ({"top": 2.5}, "top must be an int > 1, not 2.5"),
        ({"patience": -1}, "patience must be an int >= 0, not -1"),
        ({"std": 0.0}, "std must be a float > 0, not 0.0"),
        ({"std": 1}, "std must be a float > 0, not 1"),
    ],
)
def test_a_setting_of_the_plateau_out_of_its_range_is_named(settings, said):
    with pytest.raises(SettingsError, match=said):
        ExperimentPlateauStopper("m", **settings)


def test_a_stopper_must_answer_both_questions():
    class Half(tune.Stopper):
        def __call__(self, trial_id, result):
            return False

    with pytest.raises(TypeError, match="stop_all"):
        Half()


def test_something_that_only_looks_like_a_stopper_is_named():
    class Lookalike:
        def __call__(self, trial_id, result):
            return False

        def stop_all(self):
            return False

    with pytest.raises(SettingsError, match="Lookalike is no subclass"):
        tune.RunConfig(stop=Lookalike())


@pytest.mark.parametrize("stop", [[NoopStopper(), 3], "loss", 3])
def test_a_stop_that_can_stop_nothing_is_refused_where_it_is_written(stop):
    with pytest.raises(SettingsError, match="stop"):
        tune.RunConfig(stop=stop)


def test_a_time_budget_joins_the_other_stoppers():
    alone = tune.RunConfig().stopper(3)
    assert isinstance(alone, TimeoutStopper)
    both = tune.RunConfig(stop=NoopStopper()).stopper(timedelta(minutes=1))
    assert [type(it) for it in both.stoppers] == [NoopStopper, TimeoutStopper]
    assert both.stoppers[1].timeout_s == 60.0
    assert tune.RunConfig(stop={"loss": 1}).stopper(0) is None
    assert tune.RunConfig(stop=[]).stopper() is None
    with pytest.raises(SettingsError, match="timeout must be seconds"):
        tune.TuneConfig(time_budget_s="soon")
