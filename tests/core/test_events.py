import math

import pytest

from pbtune.core.events import Report

REPORT = Report("t0", 1, 12, 3.5, {"loss": 0.25, "epoch": 3, "note": "text", "done": True})


def test_a_reported_value_is_found_under_its_flattened_key():
    assert Report("t0", 1, 1, 1.0, {"eval/loss": 2.0}).value("eval/loss") == 2.0


@pytest.mark.parametrize(("key", "value"), [("training_iteration", 12), ("time_total_s", 3.5)])
def test_auto_filled_keys_are_values_too(key, value):
    assert REPORT.value(key) == value
    assert REPORT.number(key) == value


@pytest.mark.parametrize("key", ["training_iteration", "time_total_s"])
def test_a_users_own_value_wins_over_the_auto_filled_one(key):
    assert Report("t0", 1, 12, 3.5, {key: 99}).value(key) == 99


def test_a_key_that_is_lacking_has_no_value():
    assert REPORT.value("acc") is None


@pytest.mark.parametrize("key", ["acc", "note"])
def test_what_is_no_number_counts_as_nan(key):
    assert math.isnan(REPORT.number(key))


def test_numbers_are_floats_whatever_was_reported():
    assert [(type(REPORT.number(key)), REPORT.number(key)) for key in ("epoch", "done")] == [
        (float, 3.0),
        (float, 1.0),
    ]
