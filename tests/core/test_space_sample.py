"""What a user can ask of a domain by hand: values, whether one is valid, and how it reads."""

import random
import sys

import numpy as np
import pytest

from pbtune import tune
from pbtune.core.domain import AbstractDomain
from pbtune.errors import SettingsError

DOMAINS = [
    tune.uniform(0.5, 2.0),
    tune.quniform(0.5, 2.0, 0.5),
    tune.loguniform(1e-4, 1e-1),
    tune.qloguniform(0.5, 8.0, 0.5),
    tune.randn(1.0, 0.5),
    tune.qrandn(1.0, 0.5, 0.1),
    tune.randint(1, 9),
    tune.qrandint(2, 8, 2),
    tune.lograndint(1, 100),
    tune.qlograndint(2, 64, 2),
    tune.choice(["relu", "tanh", (1, 2)]),
]
NUMBERS = DOMAINS[:-1]


def name_of(domain):
    return f"{type(domain).__name__}{domain.domain_str}"


@pytest.mark.parametrize("domain", DOMAINS, ids=name_of)
def test_one_value_is_a_plain_python_value_of_the_domain(domain):
    value = domain.sample()
    assert type(value) in {int, float, str, tuple}
    assert domain.is_valid(value)
    assert isinstance(domain, AbstractDomain)


@pytest.mark.parametrize("domain", NUMBERS, ids=name_of)
def test_several_numbers_are_an_array_if_numpy_is_there(domain):
    values = domain.sample(size=7, random_state=3)
    assert isinstance(values, np.ndarray)
    assert values.shape == (7,)
    assert all(domain.is_valid(value.item()) for value in values)


def test_several_numbers_are_a_list_without_numpy(monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy")
    values = tune.randint(0, 5).sample(size=3)
    assert type(values) is list
    assert {type(value) for value in values} == {int}


def test_several_categories_are_a_list_of_the_very_values():
    values = [[1], [2]]
    drawn = tune.choice(values).sample(size=20, random_state=0)
    assert type(drawn) is list
    assert all(any(it is value for value in values) for it in drawn)


@pytest.mark.parametrize("domain", DOMAINS, ids=name_of)
def test_a_seed_fixes_the_values(domain):
    first, second = (list(domain.sample(size=5, random_state=11)) for _ in range(2))
    assert first == second
    assert list(tune.uniform(0, 1).sample(size=5, random_state=12)) != first


@pytest.mark.parametrize(
    "make",
    [np.random.default_rng, np.random.RandomState, random.Random],
    ids=["Generator", "RandomState", "Random"],
)
def test_a_generator_fixes_the_values_and_moves_on(make):
    domain = tune.uniform(0, 1)
    one, other = make(5), make(5)
    first, second = domain.sample(random_state=one), domain.sample(random_state=one)
    assert first != second
    assert [domain.sample(random_state=other) for _ in range(2)] == [first, second]


def test_a_numpy_integer_is_a_seed_too():
    domain = tune.uniform(0, 1)
    assert domain.sample(random_state=np.int64(4)) == domain.sample(random_state=4)


def test_without_a_seed_nobody_can_foresee_the_value():
    values = []
    for _ in range(2):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002  the global one is what is tested
        values.append(tune.uniform(0, 1).sample())
    assert values[0] != values[1]


def test_drawing_by_hand_moves_no_global_generator():
    python, numpy = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    tune.uniform(0, 1).sample(size=3)
    tune.uniform(0, 1).sample(random_state=1)
    assert random.getstate() == python
    assert np.random.get_state()[1].tolist() == numpy  # noqa: NPY002


def test_a_function_gets_the_config_or_one_for_each_value_or_nothing():
    domain = tune.sample_from(lambda config: config["lr"] * 2)
    assert domain.sample({"lr": 2}) == 4
    assert domain.sample([{"lr": 1}, {"lr": 3}], size=2) == [2, 6]
    assert domain.sample({"lr": 1}, size=2) == [2, 2]
    assert tune.sample_from(lambda: 5).sample() == 5


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None, "3"])
def test_a_size_that_is_none_is_named(size):
    with pytest.raises(SettingsError, match=r"sample\(size=...\) must be an int >= 1, not"):
        tune.uniform(0, 1).sample(size=size)


@pytest.mark.parametrize("state", ["3", 1.5, [1]])
def test_what_nobody_can_draw_from_is_named(state):
    with pytest.raises(SettingsError, match="random_state must be an int, a numpy generator"):
        tune.uniform(0, 1).sample(random_state=state)


@pytest.mark.parametrize(
    ("domain", "good", "bad"),
    [
        (tune.uniform(0, 1), 0.5, 1.5),
        (tune.randint(0, 4), 3, 4),
        (tune.qrandint(0, 4, 2), 4, 5),
        (tune.choice(["a", "b"]), "a", "c"),
        (tune.randn(), -100.0, "0"),
    ],
)
def test_a_value_is_valid_or_not(domain, good, bad):
    assert domain.is_valid(good)
    assert not domain.is_valid(bad)


def test_a_function_may_give_anything():
    assert tune.sample_from(lambda: 1).is_valid("whatever")


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (tune.uniform(0.5, 2), "(0.5, 2)"),
        (tune.randint(1, 4), "(1, 4)"),
        (tune.qrandint(2, 8, 2), "(2, 8)"),
        (tune.choice(["a", 1]), "['a', 1]"),
        (tune.randn(), "(-inf, inf)"),
    ],
)
def test_a_domain_reads_as_in_tune(domain, expected):
    assert domain.domain_str == expected


def test_a_functions_domain_is_a_call_of_it():
    assert tune.sample_from(len).domain_str == f"{len}()"


def test_drawing_by_hand_in_a_function_that_pbtune_calls_is_fixed_by_the_runs_seed():
    from pbtune.driver.user_calls import SeededCalls

    calls, domain = SeededCalls(), tune.uniform(0, 1)
    at = [calls.call(domain.sample, (), address) for address in ("1/a", "1/a", "1/b")]
    assert at[0] == at[1]
    assert at[0] != at[2]
