import random

import pytest

from pbtune.core import space
from pbtune.core.sampling import Initial, variants
from pbtune.errors import SpaceError


@pytest.fixture(scope="module")
def configs(calls):
    def draw(param_space, num_samples=1, seed=7):
        return [one.config for one in variants(param_space, num_samples, seed, calls)]

    return draw


@pytest.fixture(scope="module")
def one(configs):
    return lambda param_space: configs(param_space)[0]


def test_each_sample_draws_every_domain_wherever_it_is_nested(calls):
    lr, width = space.uniform(0, 1), space.randint(1, 9)
    param_space = {"lr": lr, "net": {"widths": [width, (width, "fixed")]}, "epochs": 3}
    members = list(variants(param_space, 2, 7, calls))
    assert len(members) == 2
    for member in members:
        first, (second, fixed) = member.config["net"]["widths"]
        assert lr.contains(member.config["lr"])
        assert width.contains(first)
        assert width.contains(second)
        assert (fixed, member.config["epochs"]) == ("fixed", 3)
        assert member.evaluated == {
            "lr": member.config["lr"],
            "net/widths/0": first,
            "net/widths/1/0": second,
        }
    assert members[0] != members[1]


def test_a_space_without_domains_gives_the_same_config_to_everybody(configs):
    assert (
        configs({"lr": 0.1, "net": {"sizes": (1, 2)}}, num_samples=2)
        == [{"lr": 0.1, "net": {"sizes": (1, 2)}}] * 2
    )
    assert configs({}, num_samples=1) == [{}]


def test_members_share_no_containers(configs):
    first, second = configs({"net": {"sizes": [1]}}, num_samples=2)
    first["net"]["sizes"].append(2)
    assert second == {"net": {"sizes": [1]}}


def test_the_same_seed_draws_the_same_and_another_one_others(configs):
    param_space = {"lr": space.uniform(0, 1)}
    assert configs(param_space, 3) == configs(param_space, 3)
    assert configs(param_space, 3) != configs(param_space, 3, seed=8)


def test_adding_a_hyperparameter_changes_nobody_elses_draws(configs):
    smaller = {"z": space.uniform(0, 1), "b": space.choice([1, 2, 3])}
    larger = {"a": space.randn(), **smaller, "more": {"c": space.randint(0, 99)}}
    for before, after in zip(configs(smaller, 5), configs(larger, 5), strict=True):
        assert {key: after[key] for key in before} == before


def test_hyperparameters_of_one_config_draw_independently(one):
    config = one({"a": space.uniform(0, 1), "b": [space.uniform(0, 1), space.uniform(0, 1)]})
    assert len({config["a"], *config["b"]}) == 3


def test_a_larger_population_begins_with_the_same_members(configs):
    param_space = {"lr": space.uniform(0, 1)}
    assert configs(param_space, 5)[:3] == configs(param_space, 3)


def test_the_whole_grid_is_repeated_and_its_first_key_changes_fastest_as_in_tune(configs):
    param_space = {"b": space.grid_search([1, 2]), "a": space.grid_search(["x", "y"])}
    pairs = [(config["a"], config["b"]) for config in configs(param_space, num_samples=2)]
    assert pairs == [("x", 1), ("y", 1), ("x", 2), ("y", 2)] * 2


def test_each_point_of_a_grid_draws_its_own_values(configs):
    lr = space.uniform(0, 1)
    members = configs({"net": [space.grid_search([1, 2])], "lr": lr})
    assert [member["net"] for member in members] == [[1], [2]]
    assert members[0]["lr"] != members[1]["lr"]


def test_a_function_of_nothing_is_called_without_arguments(one):
    assert one({"lr": space.sample_from(lambda: 0.5)}) == {"lr": 0.5}


def test_a_function_sees_the_config_as_far_as_it_is_drawn_in_whatever_order(one):
    param_space = {
        "first": space.sample_from(lambda config: config["second"] + 1),
        "second": space.sample_from(lambda config: config["net"]["width"] * 2),
        "net": {"width": space.choice([5]), "sizes": [1, (2,)]},
    }
    assert one(param_space) == {
        "first": 11,
        "second": 10,
        "net": {"width": 5, "sizes": [1, (2,)]},
    }


def test_tunes_older_spelling_of_the_config_works_too(one):
    param_space = {"lr": 0.5, "half": space.sample_from(lambda spec: spec.config.lr / 2)}
    assert one(param_space) == {"lr": 0.5, "half": 0.25}


def test_a_key_named_config_is_what_it_is(one):
    param_space = {"config": 3, "more": space.sample_from(lambda spec: spec.config + 1)}
    assert one(param_space) == {"config": 3, "more": 4}


def test_a_function_may_ask_for_what_is_not_there(one):
    param_space = {"lr": space.sample_from(lambda config: config.get("width", 3))}
    assert one(param_space) == {"lr": 3}
    param_space["width"] = space.sample_from(lambda: 4)
    assert one(param_space) == {"lr": 4, "width": 4}
    with pytest.raises(AttributeError, match="depth"):
        one({"lr": space.sample_from(lambda spec: spec.depth)})


def test_a_function_may_return_a_part_of_the_config(one):
    param_space = {"net": {"sizes": [1]}, "copy": space.sample_from(lambda config: config["net"])}
    config = one(param_space)
    assert config["copy"] == {"sizes": [1]}
    assert type(config["copy"]) is dict


def test_functions_that_wait_for_each_other_are_named(one):
    param_space = {
        "a": space.sample_from(lambda config: config["net"]["b"]),
        "net": {"b": space.sample_from(lambda config: config["a"])},
    }
    with pytest.raises(SpaceError, match="'a', 'net/b': these values wait for each other"):
        one(param_space)


class Unsigned:
    """A callable whose signature can't be read, as of some builtins."""

    __signature__ = "none"

    def __call__(self, config):
        return config["lr"]


def test_a_callable_without_a_signature_gets_the_config(one):
    assert one({"lr": 0.5, "same": space.sample_from(Unsigned())}) == {"lr": 0.5, "same": 0.5}


def test_an_error_in_a_function_reaches_the_user(one):
    with pytest.raises(KeyError, match="depth"):
        one({"lr": space.sample_from(lambda config: config["depth"])})


def test_functions_are_called_by_their_address():
    class Recorder:
        def __init__(self):
            self.addresses = []

        def call(self, function, args, address):
            self.addresses.append(address)
            return function(*args)

    recorder = Recorder()
    param_space = {"net": {"lr": space.sample_from(lambda: 1)}}
    assert len(list(variants(param_space, 2, 7, recorder))) == 2
    assert recorder.addresses == ["7/sample/t0/net/lr", "7/sample/t1/net/lr"]


def test_sampling_leaves_the_global_generator_alone(configs):
    before = random.getstate()
    configs({"lr": space.uniform(0, 1)}, 3)
    assert random.getstate() == before


@pytest.fixture(scope="module")
def members(calls):
    def draw(param_space, points=(), num_samples=1, *, seed=7, constant=False):
        initial = Initial(tuple(points), constant)
        return list(variants(param_space, num_samples, seed, calls, initial))

    return draw


@pytest.fixture(scope="module")
def trialled(members):
    return lambda *args, **kwargs: [it.config for it in members(*args, **kwargs)]


def test_points_come_first_and_each_takes_the_place_of_a_sample(trialled):
    param_space = {"lr": space.uniform(0, 1), "width": space.randint(1, 9)}
    configs = trialled(param_space, [{"lr": 0.5, "width": 2}, {"lr": 0.25}], 3)
    assert len(configs) == 3
    assert configs[0] == {"lr": 0.5, "width": 2}
    assert configs[1]["lr"] == 0.25
    assert param_space["width"].contains(configs[1]["width"])
    assert configs[2]["lr"] not in {0.5, 0.25}


def test_all_points_are_tried_even_if_there_are_fewer_samples(trialled):
    param_space = {"lr": space.uniform(0, 1)}
    assert trialled(param_space, [{"lr": 0.1}, {"lr": 0.2}], 1) == [{"lr": 0.1}, {"lr": 0.2}]


def test_who_comes_after_the_points_draws_as_without_them(trialled):
    param_space = {"lr": space.uniform(0, 1), "width": space.randint(0, 99)}
    alone, behind = trialled(param_space, (), 3), trialled(param_space, [{"lr": 0.5}], 3)
    assert behind[1:] == alone[1:]
    assert behind[0] == {**alone[0], "lr": 0.5}


def test_tunes_own_example_of_points_in_a_grid(trialled):
    param_space = {"a": space.grid_search([1, 2]), "b": space.randint(0, 3)}
    configs = trialled(param_space, [{"a": 2, "b": 2}, {"a": 1}, {"b": 2}], 4)
    assert [config["a"] for config in configs] == [2, 1, 1, 2, 1, 2]
    assert [config["b"] for config in configs[:1] + configs[2:4]] == [2, 2, 2]


def test_a_point_reaches_into_nested_dicts_by_either_spelling(trialled):
    param_space = {"net": {"width": space.randint(0, 9), "depth": space.randint(0, 9)}, "a/b": 1}
    nested, flat = trialled(param_space, [{"net": {"width": 100}}, {"net/width": 100, "a/b": 2}], 2)
    assert nested["net"]["width"] == flat["net"]["width"] == 100
    assert {*nested["net"]} == {*flat["net"]} == {"width", "depth"}
    assert (nested["a/b"], flat["a/b"]) == (1, 2)


def test_a_point_may_replace_constants_lists_and_whole_parts(trialled):
    param_space = {"epochs": 3, "sizes": [space.randint(0, 9), 5], "net": 1}
    (config,) = trialled(param_space, [{"epochs": 4, "sizes": [1], "net": {"width": 2}}])
    assert config == {"epochs": 4, "sizes": [1], "net": {"width": 2}}


def test_a_function_sees_the_points_values(trialled):
    param_space = {"lr": space.uniform(0, 1), "half": space.sample_from(lambda c: c["lr"] / 2)}
    assert trialled(param_space, [{"lr": 0.5}]) == [{"lr": 0.5, "half": 0.25}]


def test_what_a_point_gave_is_told_with_what_was_drawn(members):
    param_space = {"lr": space.uniform(0, 1), "net": [space.randint(0, 9)], "epochs": 3}
    (member,) = members(param_space, [{"lr": 0.5, "epochs": 4}])
    assert member.evaluated == {"lr": 0.5, "net/0": member.config["net"][0]}
    (member,) = members(param_space, [{"net": [7, 8]}])
    assert member.evaluated == {"lr": member.config["lr"], "net/0": 7}


def test_a_place_that_a_point_takes_away_is_not_told(members):
    param_space = {"net": [1, space.randint(0, 9)], "act": {"kind": space.choice(["a"])}}
    (member,) = members(param_space, [{"net": [], "act": 5}])
    assert member.config == {"net": [], "act": 5}
    assert member.evaluated == {}


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"lrr": 1}, "points_to_evaluate has 'lrr', which param_space lacks; it has 'lr', 'net'"),
        ({"net": {"depth": 1}}, "points_to_evaluate has 'net/depth', which param_space lacks"),
        ({"net/depth": 1}, "points_to_evaluate has 'net/depth', which param_space lacks"),
        ({"lr/x": 1}, "points_to_evaluate has 'lr/x', but 'lr' is no dict"),
    ],
)
def test_a_key_that_the_space_lacks_is_named(trialled, point, message):
    with pytest.raises(SpaceError, match=message):
        trialled({"lr": space.uniform(0, 1), "net": {"width": 1}}, [point])


def test_a_constant_grid_shares_its_samples_values(trialled):
    param_space = {"a": space.grid_search([1, 2]), "lr": space.uniform(0, 1)}
    first, second, third, fourth = trialled(param_space, (), 2, constant=True)
    assert first["lr"] == second["lr"] != third["lr"] == fourth["lr"]
    assert [it["a"] for it in (first, second, third, fourth)] == [1, 2, 1, 2]
