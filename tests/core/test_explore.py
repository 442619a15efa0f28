import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbtune.core import space
from pbtune.core.explore import (
    ExploreSettings,
    explore,
    fill_missing,
)
from pbtune.errors import SettingsError

NEVER = ExploreSettings(resample_probability=0.0)
ALWAYS = ExploreSettings(resample_probability=1.0)
UP = ExploreSettings(resample_probability=0.0, perturbation_factors=(1.2,))
DOWN = ExploreSettings(resample_probability=0.0, perturbation_factors=(0.8,))
CHANGES = [NEVER, ALWAYS, UP, DOWN, ExploreSettings()]

FLOATS = [
    space.uniform(0.1, 2.0),
    space.uniform(-2.0, 2.0),
    space.loguniform(1e-4, 1.0),
    space.quniform(0.5, 4.0, 0.5),
    space.qloguniform(1, 64, 1),
]
INTS = [
    space.randint(1, 9),
    space.randint(-5, 5),
    space.lograndint(1, 1000),
    space.qrandint(8, 64, 8),
    space.qlograndint(2, 20, 2),
]
NUMBERS = st.sampled_from([*FLOATS, *INTS])
SEEDS = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def one(calls):
    """Explores one hyperparameter; gives its new value and what was done."""

    def explore_one(value, domain, settings=NEVER, seed=7):
        config, done = explore({"x": value}, {"x": domain}, settings, (seed, "t0", 1), calls)
        return config["x"], done["x"]

    return explore_one


@given(NUMBERS, st.sampled_from(CHANGES), SEEDS, st.data())
def test_a_value_stays_in_its_domain_and_has_the_domains_type(one, domain, settings, seed, data):
    anything = st.integers(-2000, 2000) | st.floats(-2000, 2000) | st.none() | st.text()
    value = data.draw(anything | st.just(domain.draw(random.Random(seed))))
    new, _ = one(value, domain, settings, seed)
    assert domain.contains(new)
    assert type(new) is (float if domain in FLOATS else int)
    assert domain.clip(new) == new


@given(st.sampled_from(INTS), st.sampled_from([UP, DOWN]), SEEDS)
def test_an_int_moves_by_at_least_one_step_unless_the_domain_ends_there(
    one, domain, settings, seed
):
    value = domain.draw(random.Random(seed))
    new, _ = one(value, domain, settings)
    grows = (settings is UP) == (value > 0) if value else settings is UP
    if value == (domain.upper if grows else domain.lower):
        assert new == value
    else:
        assert abs(new - value) >= domain.step()
        assert (new > value) == grows


def test_the_ints_that_are_frozen_in_tune_move(one):
    layers = space.randint(0, 10)
    assert [one(value, layers, UP)[0] for value in (0, 1, 2, 3)] == [1, 2, 3, 4]
    assert [one(value, layers, DOWN)[0] for value in (1, 2, 3)] == [0, 1, 2]


def test_a_float_that_begins_as_the_int_1_is_a_float_after(one):
    assert one(1, space.uniform(0.1, 2.0), UP) == (1.2, "* 1.2")
    assert one(1, space.uniform(0.1, 1.0), DOWN) == (0.8, "* 0.8")


def test_a_quantised_float_moves_by_a_step_too(one):
    assert one(0.5, space.quniform(0.0, 4.0, 0.5), UP)[0] == 1.0
    assert one(0.5, space.qrandn(0.0, 1.0, 0.5), DOWN)[0] == 0.0


def test_a_factor_of_one_leaves_a_value_where_it_is(one):
    still = ExploreSettings(resample_probability=0.0, perturbation_factors=(1.0,))
    assert one(3, space.randint(1, 9), still) == (3, "* 1.0")


def test_the_factors_of_tune_are_the_default_and_both_are_used(one):
    lr = space.loguniform(1e-5, 1.0)
    assert {one(0.1, lr, seed=seed)[0] for seed in range(20)} == {0.1 * 1.2, 0.1 * 0.8}
    assert ExploreSettings() == ExploreSettings(0.25, (1.2, 0.8))


def test_values_are_drawn_anew_as_often_as_told(one):
    lr = space.uniform(0.0, 1.0)
    words = [one(0.5, lr, ExploreSettings(), seed)[1] for seed in range(2000)]
    assert 400 < words.count("resample") < 600
    assert [one(0.5, lr, ALWAYS, seed)[1] for seed in range(9)] == ["resample"] * 9


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "0.5", True, [0.5]])
@pytest.mark.parametrize("domain", [space.uniform(0, 1), space.randint(0, 9), space.randn()])
def test_a_value_that_cannot_be_perturbed_is_drawn_anew(one, domain, value):
    new, word = one(value, domain)
    assert word == "resample"
    assert domain.contains(new)
    assert math.isfinite(new)


@pytest.mark.parametrize("values", [[1, 2, 4], ("a", "b", "c"), space.choice([1, 2, 4])])
def test_lists_and_ordered_choices_move_to_a_neighbour(one, values):
    ordered = list(getattr(values, "categories", values))
    found = {one(ordered[1], values, seed=seed) for seed in range(20)}
    assert found == {(ordered[0], "shift left"), (ordered[2], "shift right")}


def test_at_the_end_of_a_list_the_coin_flip_may_come_to_nothing_as_in_tune(one):
    assert {one(1, [1, 2], seed=seed) for seed in range(20)} == {
        (1, "shift left (noop)"),
        (2, "shift right"),
    }
    assert {one(2, [1, 2], seed=seed) for seed in range(20)} == {
        (2, "shift right (noop)"),
        (1, "shift left"),
    }


def test_a_value_that_is_not_in_the_list_is_drawn_from_it(one):
    found = {one("odd", ["a", "b"], seed=seed) for seed in range(20)}
    assert found == {("a", "resample"), ("b", "resample")}


def test_a_choice_of_text_is_drawn_anew_where_tune_crashes(one):
    found = {one("relu", space.choice(["relu", "tanh"]), seed=seed) for seed in range(20)}
    assert found == {("relu", "resample"), ("tanh", "resample")}


def test_a_list_can_be_drawn_anew(one):
    assert {one(1, [1, 2, 3], ALWAYS, seed)[0] for seed in range(30)} == {1, 2, 3}


@pytest.mark.parametrize(("fresh", "value", "new"), [(5, 2, 3), (5, 2.0, 3), (5.0, 2, 2.4)])
def test_a_callables_type_is_the_values_type(one, fresh, value, new):
    found, word = one(value, lambda: fresh, UP)
    assert (found, type(found), word) == (new, type(new), "* 1.2")


@pytest.mark.parametrize(
    ("fresh", "value"), [("b", "a"), (1.0, "a"), ("b", 1.0), (True, False), (1.0, None)]
)
def test_a_callable_of_other_than_numbers_is_called_anew(one, fresh, value):
    assert one(value, lambda: fresh) == (fresh, "resample")


def test_a_callable_is_called_for_a_resample(one):
    assert one(1.0, lambda: 9.0, ALWAYS) == (9.0, "resample")


def test_nested_mutations_change_nested_values_and_nothing_else(calls):
    config = {"net": {"width": 10, "act": "relu"}, "seed": 3}
    mutations = {"net": {"width": space.randint(1, 99)}}
    new, done = explore(config, mutations, UP, (7, "t0", 1), calls)
    assert new == {"net": {"width": 12, "act": "relu"}, "seed": 3}
    assert done == {"net/width": "* 1.2"}


def test_a_mutated_key_that_the_config_lacks_is_drawn(calls):
    mutations = {"lr": space.uniform(0, 1), "net": {"width": [3]}, "opt": {"beta": [4]}}
    new, done = explore({"opt": "adam"}, mutations, NEVER, (7, "t0", 1), calls)
    assert (new["net"], new["opt"]) == ({"width": 3}, {"beta": 4})
    assert set(done.values()) == {"resample"}


def test_the_donors_config_is_not_touched(calls):
    config = {"net": {"widths": [1, 2], "lr": 0.5}}
    new, _ = explore(config, {"net": {"lr": space.uniform(0, 1)}}, UP, (7, "t0", 1), calls)
    new["net"]["widths"].append(3)
    assert config == {"net": {"widths": [1, 2], "lr": 0.5}}


@given(SEEDS, st.sampled_from(CHANGES))
def test_adding_a_hyperparameter_changes_no_other_ones_draws(calls, seed, settings):
    mutations = {"lr": space.uniform(0, 1), "layers": [1, 2, 3]}
    more = {"a": space.randn(), **mutations, "net": {"b": space.choice("xyz")}}
    config = {"lr": 0.5, "layers": 2}
    address = (seed, "t3", 4)
    before, done_before = explore(config, mutations, settings, address, calls)
    after, done_after = explore({**config, "a": 1.0}, more, settings, address, calls)
    assert {key: after[key] for key in before} == before
    assert {key: done_after[key] for key in done_before} == done_before


def test_hyperparameters_of_one_config_draw_independently(calls):
    mutations = {"a": space.uniform(0, 1), "b": space.uniform(0, 1)}
    new, _ = explore({}, {**mutations, "net": mutations}, ALWAYS, (7, "t0", 1), calls)
    assert len({new["a"], new["b"], new["net"]["a"], new["net"]["b"]}) == 4


def test_each_part_of_the_address_matters(calls):
    addresses = [(1, "t0", 1), (2, "t0", 1), (1, "t1", 1), (1, "t0", 2)]
    domain = {"lr": space.uniform(0, 1)}
    drawn = {explore({}, domain, ALWAYS, address, calls)[0]["lr"] for address in addresses}
    assert len(drawn) == len(addresses)


def test_the_last_word_is_custom_explore_fn_s(calls):
    settings = ExploreSettings(0.0, (1.2,), lambda config: {**config, "wd": config["lr"] / 10})
    new, done = explore({"lr": 1.0}, {"lr": space.randn()}, settings, (7, "t0", 1), calls)
    assert new == {"lr": 1.2, "wd": 0.12}
    assert done == {"lr": "* 1.2", "*": "custom_explore_fn"}


def test_custom_explore_fn_alone_is_enough(calls):
    settings = ExploreSettings(custom_explore_fn=lambda config: {"lr": config["lr"] + 1})
    assert explore({"lr": 1}, {}, settings, (7, "t0", 1), calls)[0] == {"lr": 2}


def test_custom_explore_fn_that_returns_nothing_is_named(calls):
    settings = ExploreSettings(custom_explore_fn=lambda config: config.clear())
    with pytest.raises(SettingsError, match="must return the new config as a dict, not None"):
        explore({"lr": 1}, {}, settings, (7, "t0", 1), calls)


class Recorder:
    def __init__(self):
        self.addresses = []

    def call(self, function, args, address):
        self.addresses.append(address)
        return function(*args)


def test_callables_are_called_by_their_address():
    recorder = Recorder()
    settings = ExploreSettings(custom_explore_fn=dict)
    explore({"net": {"lr": 1.0}}, {"net": {"lr": lambda: 1.0}}, settings, (7, "t3", 4), recorder)
    assert recorder.addresses == ["7/explore/t3/4/net/lr", "7/explore/t3/4/custom_explore_fn"]


def test_a_first_config_gets_the_mutated_keys_that_it_lacks_and_keeps_the_others(calls):
    config = {"lr": 1e-4, "net": {"act": "relu"}}
    mutations = {
        "lr": space.uniform(0, 1),
        "momentum": space.uniform(0, 1),
        "net": {"act": ["tanh"], "width": [3]},
        "opt": {"beta": lambda: 0.9},
    }
    new = fill_missing(config, mutations, 7, "t0", calls)
    assert 0 <= new.pop("momentum") <= 1
    assert new == {"lr": 1e-4, "net": {"act": "relu", "width": 3}, "opt": {"beta": 0.9}}
    assert config == {"lr": 1e-4, "net": {"act": "relu"}}


def test_a_first_config_that_lacks_nothing_is_used_as_it_is(calls):
    config = {"lr": 1e-4, "net": {"width": 3}}
    mutations = {"lr": space.uniform(0, 1), "net": {"width": [3]}}
    assert fill_missing(config, mutations, 7, "t0", calls) is config
