"""The search space: ranges, kinds, errors, and what a whole space gives."""

import random

from ray import tune
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.variant_generator import generate_variants, grid_search

from cases.helping import fitted, raised

MANY = 400


def drawn(domain):
    return domain.sample(size=MANY, random_state=7)


def kinds(domain):
    values = [domain.sample() for _ in range(20)]
    return sorted({type(value).__name__ for value in values})


def within(domain, lower, upper, q=None):
    values = [float(value) for value in drawn(domain)]
    on_grid = q is None or all(abs(value / q - round(value / q)) < 1e-6 for value in values)
    return [min(values) >= lower, max(values) <= upper, on_grid]


def case_uniform(folder):
    yield "range", within(tune.uniform(-1, 2), -1, 2)
    yield "kind", kinds(tune.uniform(0, 1))
    yield "excludes_top", max(map(float, drawn(tune.uniform(0, 1)))) < 1
    yield "text", tune.uniform(0, 1).domain_str
    yield "bounds", [tune.uniform(0, 1).lower, tune.uniform(0, 1).upper]
    yield "valid", [tune.uniform(0, 1).is_valid(it) for it in (0, 0.5, 2)]


def case_quniform(folder):
    yield "range", within(tune.quniform(0, 1, 0.25), 0, 1, 0.25)
    yield "values", sorted({round(float(it), 6) for it in drawn(tune.quniform(0, 1, 0.25))})
    yield "kind", kinds(tune.quniform(0, 1, 0.25))
    yield "bad_lower", raised(lambda: tune.quniform(0.1, 1, 0.25))
    yield "bad_upper", raised(lambda: tune.quniform(0, 0.9, 0.25))


def case_loguniform(folder):
    yield "range", within(tune.loguniform(1e-4, 1e-1), 1e-4, 1e-1)
    yield "kind", kinds(tune.loguniform(1e-4, 1e-1))
    values = [float(it) for it in drawn(tune.loguniform(1e-4, 1e-2))]
    yield "half_below_the_middle", 0.4 < sum(it < 1e-3 for it in values) / MANY < 0.6
    yield "zero", raised(lambda: tune.loguniform(0, 1).sample())
    yield "negative", raised(lambda: tune.loguniform(-1, 1).sample())


def case_qloguniform(folder):
    yield "range", within(tune.qloguniform(1, 100, 1), 1, 100, 1)
    yield "kind", kinds(tune.qloguniform(1, 100, 1))
    yield "bad", raised(lambda: tune.qloguniform(1, 100.5, 1))


def case_randn(folder):
    values = [float(it) for it in drawn(tune.randn(10, 2))]
    yield "mean", 9.5 < sum(values) / MANY < 10.5
    yield "kind", kinds(tune.randn())
    yield "quantised", within(tune.qrandn(0, 10, 5), -1000, 1000, 5)


def case_randint(folder):
    yield "values", sorted({int(it) for it in drawn(tune.randint(1, 4))})
    yield "kind", kinds(tune.randint(0, 10))
    yield "text", tune.randint(0, 10).domain_str


def case_qrandint(folder):
    yield "values", sorted({int(it) for it in drawn(tune.qrandint(0, 10, 5))})
    yield "of_one", sorted({int(it) for it in drawn(tune.qrandint(0, 3, 1))})
    yield "without_q", sorted({int(it) for it in drawn(tune.qrandint(0, 3))})
    yield "kind", kinds(tune.qrandint(0, 10, 5))
    yield "bad", raised(lambda: tune.qrandint(0, 10, 3))


def case_lograndint(folder):
    values = [int(it) for it in drawn(tune.lograndint(1, 10))]
    yield "range", [min(values) >= 1, max(values) < 10]
    yield "kind", kinds(tune.lograndint(1, 10))
    yield "bad", raised(lambda: tune.lograndint(0, 10).sample())
    yield "quantised", within(tune.qlograndint(2, 10, 2), 2, 10, 2)


def case_choice(folder):
    yield "values", sorted({str(it) for it in drawn(tune.choice(["a", "b", 3]))})
    yield "the_object_itself", tune.choice([marker := [1]]).sample() is marker
    yield "text", tune.choice([1, 2]).domain_str
    yield "valid", [tune.choice(["a"]).is_valid(it) for it in ("a", "b")]
    yield "len", len(tune.choice(["a", "b"]))
    yield "item", tune.choice(["a", "b"])[1]


def case_sample(folder):
    domain = tune.uniform(0, 1)
    yield "one", type(domain.sample()).__name__
    yield "many", len(domain.sample(size=5))
    yield (
        "seed_again",
        list(domain.sample(size=3, random_state=1)) == list(domain.sample(size=3, random_state=1)),
    )
    yield (
        "other_seed",
        list(domain.sample(size=3, random_state=1)) == list(domain.sample(size=3, random_state=2)),
    )
    import numpy as np

    np.random.seed(3)
    first = domain.sample()
    np.random.seed(3)
    yield "numpy_seed", first == domain.sample()
    random.seed(3)
    yield "choice_many", len(tune.choice([1, 2]).sample(size=4))
    yield "function", tune.sample_from(lambda spec: 4).sample(config={})


def case_grid(folder):
    yield "dict", tune.grid_search([1, 2])
    yield "same_name", grid_search([1]) == tune.grid_search([1])


def variants(space):
    return [config for _, config in generate_variants(space)]


def case_variants(folder):
    yield "grid", variants({"a": tune.grid_search([1, 2]), "b": tune.grid_search([3, 4])})
    yield "nested", variants({"a": {"b": [tune.grid_search([1, 2])]}})
    yield "constants", variants({"a": 1, "b": None, "c": "x", "d": [1, {"e": 2}]})
    yield "tuple", [str(it["t"][0]) for it in variants({"t": (tune.grid_search([1, 2]), 3)})]
    yield "single_choice", variants({"a": tune.choice(["x"])})
    yield "path", [list(key) for key, _ in generate_variants({"a": {"b": tune.choice([1])}})][0]


def case_configs_of_a_run(folder):
    def configs(space, samples=1, **settings):
        def train(config):
            tune.report({"x": 1})

        found = fitted(train, folder, space, num_samples=samples, **settings)
        return [dict(result.config) for result in found]

    yield "grid_times_samples", configs({"a": tune.grid_search([1, 2])}, 2)
    yield "grid_order", configs({"b": tune.grid_search([1, 2]), "a": tune.grid_search([3, 4])})
    yield (
        "depends",
        [
            it["b"] == it["a"] + 1
            for it in configs(
                {"a": tune.randint(0, 9), "b": tune.sample_from(lambda config: config["a"] + 1)}, 3
            )
        ],
    )
    points = [{"a": 0.5}, {"a": 0.25}]
    searcher = BasicVariantGenerator(points_to_evaluate=points)
    yield (
        "points_first",
        [it["a"] for it in configs({"a": tune.uniform(0, 1)}, 3, search_alg=searcher)][:2],
    )


def case_tags(folder):
    def train(config):
        tune.report({"x": 1})

    space = {"lr": 0.1, "w": tune.grid_search([0.5, 0.123456]), "n": {"act": tune.choice(["relu"])}}
    found = fitted(train, folder, space)
    yield "experiment_tag", sorted(result.metrics["experiment_tag"] for result in found)
    plain_ones = fitted(train, folder, {"lr": 0.1}, num_samples=2)
    yield "without_draws", sorted(result.metrics["experiment_tag"] for result in plain_ones)
