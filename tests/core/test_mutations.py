"""What may be mutated: the checks of explore's settings, before any training."""

import pytest

from pbtune.core import space
from pbtune.core.explore import mutated_paths, mutations_from_space, validate_mutations
from pbtune.errors import SpaceError, SpaceTypeError


def test_domains_lists_functions_and_dicts_of_them_can_be_mutated():
    mutations = {
        "lr": space.uniform(0, 1),
        "act": space.choice(["relu"]),
        "layers": [1, 2],
        "sizes": (1, 2),
        "beta": lambda: 0.9,
        "net": {"width": space.randint(1, 9)},
    }
    validate_mutations(mutations)
    validate_mutations(mutations, {"net": {"width": 3}, "lr": 0.1})
    validate_mutations(mutations, {})


@pytest.mark.parametrize(
    ("mutations", "param_space", "message"),
    [
        ({"a": []}, None, r"\['a'\] is empty: give at least one value"),
        ({"net": {"a": ()}}, None, r"\['net/a'\] is empty"),
        ({"a": space.sample_from(len)}, None, r"\['a'\] is a tune.sample_from, which depends on"),
        ({"net": {"a": space.sample_from(len)}}, {}, r"\['net/a'\] is a tune.sample_from"),
        ({"net": {"a": [1]}}, {"net": 3}, r"param_space\['net'\] is 3: both must be nested alike"),
    ],
)
def test_a_mutation_that_cannot_be_drawn_is_named_by_its_path(mutations, param_space, message):
    with pytest.raises(SpaceError, match=message):
        validate_mutations(mutations, param_space)


@pytest.mark.parametrize(
    ("mutations", "param_space", "message"),
    [
        ({"a": 3}, None, r"hyperparam_mutations\['a'\] = 3 can't be sampled: give a"),
        ({"a": "relu"}, {"a": "tanh"}, r"'relu' can't be sampled \(param_space has 'tanh' for it"),
        ({"net": {"a": None}}, {"net": {}}, r"\['net/a'\] = None can't be sampled: give"),
    ],
)
def test_a_mutation_of_another_kind_is_a_type_error_too(mutations, param_space, message):
    with pytest.raises(SpaceTypeError, match=message) as caught:
        validate_mutations(mutations, param_space)
    assert isinstance(caught.value, TypeError)


def test_without_mutations_every_domain_of_the_search_space_is_mutated():
    lr, width = space.uniform(0, 1), space.randint(1, 9)
    param_space = {
        "lr": lr,
        "net": {"width": width, "act": "relu"},
        "data": {"path": "here"},
        "epochs": 3,
        "half": space.sample_from(lambda config: config["lr"] / 2),
    }
    assert mutations_from_space(param_space) == {"lr": lr, "net": {"width": width}}


def test_mutated_hyperparameters_are_listed_by_path():
    mutations = {"lr": space.uniform(0, 1), "net": {"width": [1], "opt": {"beta": [2]}}}
    assert mutated_paths(mutations) == ("lr", "net/width", "net/opt/beta")
    assert mutated_paths({}) == ()
