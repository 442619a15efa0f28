import math

import pytest

from pbtune.core.lease import reached


@pytest.mark.parametrize("value", [10, 10.0, 11, math.inf, 10.5])
def test_a_number_at_or_above_the_bound_has_reached_it(value):
    assert reached(value, 10.0)


@pytest.mark.parametrize("value", [9, 9.99, -math.inf, math.nan, None, "11", ""])
def test_smaller_numbers_nan_text_and_nothing_have_not(value):
    assert not reached(value, 10.0)


def test_booleans_count_as_numbers_as_in_tune():
    assert reached(value=True, at_least=1.0)
    assert not reached(value=False, at_least=1.0)
