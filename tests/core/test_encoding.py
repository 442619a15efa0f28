import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbtune.core.encoding import UNKNOWN, Point, decoded, dimensions, drawn, encoded
from pbtune.core.space import choice, lograndint, loguniform, randint, randn, uniform
from pbtune.errors import SpaceTypeError

BOUNDS = {
    "lr": loguniform(1e-4, 1e-1),
    "net": {"units": lograndint(1, 1025), "drop": uniform(0.0, 0.5)},
    "layers": randint(1, 9),
    "batch": choice([16, 32, 64]),
    "act": choice(["relu", "tanh", "gelu"]),
}
SPACE = dimensions(BOUNDS)


@given(st.integers(0, 2**32))
def test_a_config_comes_back_from_its_point(seed):
    config = drawn(random.Random(seed), {"kept": [1]}, SPACE)
    back = decoded(encoded(config, SPACE), {"kept": [1]}, SPACE)
    assert back["net"]["drop"] == pytest.approx(config["net"]["drop"])
    assert back["lr"] == pytest.approx(config["lr"])
    for one in (back, config):
        del one["lr"], one["net"]["drop"]
    assert back == config


@given(st.lists(st.floats(-1, 2), min_size=5, max_size=5), st.integers(-2, 5))
def test_every_point_gives_a_config_of_the_space(numbers, category):
    config = decoded(Point(tuple(numbers), (category,)), {}, SPACE)
    for dimension in SPACE:
        value = config
        for key in dimension.path.split("/"):
            value = value[key]
        assert dimension.domain.contains(value)
        assert type(value) is type(drawn(random.Random(0), {}, [dimension]).popitem()[1]) or (
            "/" in dimension.path
        )


def test_logarithmic_scales_are_modelled_on_them():
    assert encoded({"lr": 10**-2.5}, dimensions({"lr": BOUNDS["lr"]})).numbers == (
        pytest.approx(0.5),
    )


def test_ordered_categories_are_a_line_and_others_are_not():
    point = encoded(
        {"batch": 32, "act": "gelu"}, dimensions({k: BOUNDS[k] for k in ("batch", "act")})
    )
    assert point == Point((0.5,), (2,))


def test_a_value_that_cannot_be_placed_is_in_the_middle_or_unknown():
    strange = {"lr": "fast", "act": "sin", "batch": 17, "layers": float("nan")}
    point = encoded(strange, SPACE)
    assert set(point.numbers) == {0.5}
    assert point.categories == (UNKNOWN,)


def test_a_dimension_with_one_value_is_no_division_by_zero():
    space = dimensions({"lr": uniform(2.0, 2.0), "n": choice([3])})
    assert encoded({"lr": 2.0, "n": 3}, space) == Point((0.5,), (0,))
    assert decoded(Point((0.9,), (0,)), {}, space) == {"lr": 2.0, "n": 3}


def test_what_has_no_bounds_is_refused_by_name():
    with pytest.raises(SpaceTypeError, match="'net/noise'"):
        dimensions({"net": {"noise": randn()}})
