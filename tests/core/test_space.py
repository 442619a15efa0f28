import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbtune.core import space
from pbtune.core.space import Categorical, Float, Function, Integer, Normal
from pbtune.errors import SpaceError

FINITE = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-6, 1e6)
RNGS = st.integers(0, 1000).map(random.Random)


@st.composite
def ordered(draw, values):
    return sorted((draw(values), draw(values)))


@st.composite
def quantised(draw, lowest):
    """Bounds that are multiples of q."""
    q = draw(st.integers(2, 9))
    lower = draw(st.integers(lowest, 20))
    return lower * q, (lower + draw(st.integers(0, 20))) * q, q


@st.composite
def domains(draw):
    kind = draw(st.sampled_from(KINDS))
    return draw(kind)


KINDS = [
    ordered(FINITE).map(lambda ends: space.uniform(*ends)),
    ordered(POSITIVE).map(lambda ends: space.loguniform(*ends)),
    quantised(-20).map(lambda ends: space.quniform(*ends)),
    quantised(1).map(lambda ends: space.qloguniform(*ends)),
    ordered(st.integers(-50, 50)).map(lambda ends: space.randint(ends[0], ends[1] + 1)),
    ordered(st.integers(1, 500)).map(lambda ends: space.lograndint(ends[0], ends[1] + 1)),
    quantised(-20).map(lambda ends: space.qrandint(*ends)),
    quantised(1).map(lambda ends: space.qlograndint(*ends)),
]


@given(domains(), RNGS)
def test_a_draw_lies_in_its_domain_and_has_its_type(domain, rng):
    value = domain.draw(rng)
    assert domain.contains(value)
    assert type(value) is (int if isinstance(domain, Integer) else float)


@given(domains(), RNGS, FINITE)
def test_clipping_leads_into_the_domain_and_leaves_its_values_alone(domain, rng, value):
    clipped = domain.clip(value)
    assert domain.contains(clipped)
    assert type(clipped) is type(domain.draw(rng))
    assert domain.clip(clipped) == clipped


@given(quantised(1), RNGS)
def test_quantised_draws_are_multiples(ends, rng):
    lower, upper, q = ends
    makers = [space.quniform, space.qloguniform, space.qrandint, space.qlograndint]
    for make in makers:
        domain = make(lower, upper, q)
        assert domain.draw(rng) % q == 0
        assert domain.step() == q


def test_integers_reach_both_ends_and_exclude_the_upper_bound_as_in_tune():
    for domain in (space.randint(1, 4), space.lograndint(1, 4), space.qrandint(1, 4)):
        rng = random.Random(0)
        assert {domain.draw(rng) for _ in range(200)} == {1, 2, 3}
        assert domain.step() == 1


def test_quantised_integers_include_both_ends_as_in_tune():
    for domain in (space.qrandint(2, 8, 2), space.qlograndint(2, 8, 2)):
        rng = random.Random(0)
        assert {domain.draw(rng) for _ in range(300)} == {2, 4, 6, 8}


def test_log_scales_draw_each_decade_as_often():
    rng, domain = random.Random(0), space.loguniform(1e-4, 1.0)
    decades = [math.floor(math.log10(domain.draw(rng))) for _ in range(4000)]
    assert all(900 < decades.count(decade) < 1100 for decade in (-4, -3, -2, -1))


def test_floats_have_no_least_distance():
    assert space.uniform(0, 1).step() is None
    assert space.randn().step() is None


def test_normal_draws_scatter_around_their_mean():
    rng, domain = random.Random(0), space.randn(5.0, 0.5)
    values = [domain.draw(rng) for _ in range(500)]
    assert abs(sum(values) / 500 - 5.0) < 0.1
    assert all(domain.contains(value) for value in values)
    assert not domain.contains("5")


def test_quantised_normal_draws_are_multiples():
    domain = space.qrandn(5.0, 2.0, 0.5)
    assert domain.draw(random.Random(0)) % 0.5 == 0
    assert domain.step() == 0.5


@pytest.mark.parametrize("domain", [space.uniform(0, 1), space.randint(0, 3), space.randn()])
def test_booleans_and_text_are_no_numbers_of_a_domain(domain):
    assert not domain.contains(True)
    assert not domain.contains("1")


def test_what_lies_outside_is_not_contained():
    assert [space.uniform(0, 1).contains(value) for value in (-0.1, 0, 1, 1.1)] == [
        False,
        True,
        True,
        False,
    ]
    assert not space.randint(0, 3).contains(3)


def test_a_choice_gives_back_the_very_value():
    values = ["a", (1, 2), None]
    domain = space.choice(values)
    assert {domain.draw(random.Random(seed)) for seed in range(50)} == set(values)
    assert domain.contains((1, 2))
    assert not domain.contains("b")


@pytest.mark.parametrize("values", [[1, 2, 4], [4, 2, 1], (0.1, 1), [-1, 0, 1]])
def test_numbers_that_rise_or_fall_all_the_way_are_ordered(values):
    assert space.choice(values) == Categorical(tuple(values), is_ordered=True)


@pytest.mark.parametrize("values", [[1], [1, 3, 2], [1, 1], ["a", "b"], [1, "b"], [False, True]])
def test_other_choices_are_not_ordered(values):
    assert not space.choice(values).is_ordered


def test_a_grid_is_known_from_a_nested_dict():
    assert space.grid_search((1, 2)) == {"grid_search": [1, 2]}
    assert space.is_grid(space.grid_search([1]))
    assert not any(map(space.is_grid, ({}, {"grid_search": 1, "b": 2}, [1], 3, None)))


def test_domains_are_known_from_other_values():
    functions = [space.sample_from(lambda: 1)]
    all_domains = [space.uniform(0, 1), space.randint(0, 2), space.randn(), space.choice([1])]
    assert all(map(space.is_domain, [*all_domains, *functions]))
    assert not any(map(space.is_domain, [0.5, [1, 2], {"lr": space.uniform(0, 1)}, len]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: space.uniform(1, 0), r"tune.uniform\(1, 0\): the lower bound is above"),
        (lambda: space.uniform("0", 1), "bounds must be finite numbers, not '0'"),
        (lambda: space.uniform(0, math.inf), "bounds must be finite numbers, not inf"),
        (lambda: space.loguniform(0, 1), r"loguniform\(0, 1\): a logarithmic scale needs"),
        (lambda: space.qloguniform(-1, 1, 1), "a logarithmic scale needs"),
        (lambda: space.lograndint(0, 5), "a logarithmic scale needs"),
        (lambda: space.qlograndint(0, 4, 2), "a logarithmic scale needs"),
        (lambda: space.quniform(0, 1, 0), r"quniform\(0, 1, 0\): q must be > 0"),
        (lambda: space.quniform(0.05, 1, 0.1), r"0.05 is no multiple of q = 0.1"),
        (lambda: space.qrandint(0, 5, 2), "5 is no multiple of q = 2"),
        (lambda: space.randint(3, 3), r"randint\(3, 3\) is empty: the upper bound is exclusive"),
        (lambda: space.randint(0.2, 9), r"randint\(0.2, 9\): 0.2 is no whole number"),
        (lambda: space.qrandint(2, 2, 1), r"qrandint\(2, 2\) is empty"),
        (lambda: space.qrandint(0, 10, 0.5), r"\(0, 10, 0.5\): 0.5 is no whole number"),
        (lambda: space.randn(0, 0), r"randn\(0, 0\): sd must be > 0"),
        (lambda: space.qrandn(0, 1, 0), "sd and q must be > 0"),
        (lambda: space.qrandn(0, -1, 1), "sd and q must be > 0"),
        (lambda: space.choice([]), r"choice\(\[\]\) is empty"),
        (lambda: space.sample_from(3), "needs a function, not 3"),
        (lambda: space.grid_search([]), r"at least one value, not \[\]"),
        (lambda: space.grid_search("ab"), "needs a list of at least one value, not 'ab'"),
    ],
)
def test_a_domain_that_cannot_be_sampled_is_named_at_once(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_bounds_that_are_whole_floats_make_integers():
    assert space.randint(1e1, 1e2) == Integer(10, 99)
    assert space.quniform(0.1, 0.7, 0.1) == Float(0.1, 0.7, q=0.1)


def test_what_is_known_of_mutations_is_described_by_path():
    mutations = {
        "lr": space.loguniform(0.1, 1),
        "net": {"width": space.randint(1, 9), "act": ["relu", "tanh"]},
        "noise": space.randn(),
    }
    assert space.describe(mutations) == {
        "lr": {"log": True, "lower": 0.1, "upper": 1},
        "net/width": {"log": False, "lower": 1, "upper": 8},
        "net/act": {"log": False},
        "noise": {"log": False},
    }


def test_domains_are_plain_data_that_can_be_compared():
    assert space.randn(1.0, 2.0) == Normal(1.0, 2.0)
    assert space.qrandn(1.0, 2.0, 0.5) == Normal(1.0, 2.0, 0.5)
    assert space.sample_from(len) == Function(len)


def test_a_choice_can_be_counted_and_indexed():
    domain = space.choice(["a", "b"])
    assert (len(domain), domain[1]) == (2, "b")
