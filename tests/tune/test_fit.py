"""One ``fit`` from outside: what the function sees, when it ends, and what is the same twice."""

import math
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

import pbtune
from pbtune import tune
from pbtune.core.decisions import SCHEDULER_KINDS, Created, Exploited, Ranked
from pbtune.journal.reader import JournalReader
from pbtune.tune.schedulers import PopulationBasedTraining


@pytest.fixture
def fit(tmp_path):
    """Trains in this process: ``fit(function, space=..., run={...}, num_samples=...)``."""
    pbtune.init(executor="inline")
    count = iter(range(100))

    def call(train, *, space=None, run=None, **settings):
        options = {"name": f"run{next(count)}", "storage_path": tmp_path, "verbose": 0}
        tuner = tune.Tuner(
            train,
            param_space=space,
            tune_config=tune.TuneConfig(**{"seed": 3, **settings}),
            run_config=tune.RunConfig(**{**options, **(run or {})}),
        )
        return tuner.fit()

    yield call
    pbtune.shutdown()


@pytest.fixture
def evolve(fit):
    """As ``fit``, with PBT every second report, for 12 reports of four members."""

    def call(train, **settings):
        pbt = {
            "time_attr": "training_iteration",
            "perturbation_interval": 2,
            "quantile_fraction": 0.5,
            **settings.pop("pbt", {}),
        }
        if "space" not in settings:
            settings["space"] = {"lr": tune.uniform(0.0, 1.0)}
        defaults = {
            "metric": "score",
            "mode": "max",
            "num_samples": 4,
            "run": {"stop": {"training_iteration": 12}},
            "scheduler": PopulationBasedTraining(**pbt),
        }
        return fit(train, **{**defaults, **settings})

    return call


def records(results, *kinds):
    with JournalReader(Path(results.experiment_path)) as reader:
        return [it.record for it in reader.entries() if isinstance(it.record, kinds)]


def configs(results):
    return [record.config for record in records(results, Created)]


def climb(config):
    """Noise of both kinds, and a checkpoint with every report."""
    assert list(config.values())
    checkpoint = tune.get_checkpoint()
    score = 0.0
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            score = float(np.load(f"{folder}/score.npy"))
    while True:
        score += config["lr"] * random.random() + 0.1 * np.random.normal()  # noqa: NPY002
        with tune.new_checkpoint() as folder:
            np.save(f"{folder}/score.npy", score)
            tune.report({"score": score}, checkpoint=tune.Checkpoint.from_directory(folder))


def outcome(results):
    rows = [[(row["score"], row["config"]) for row in result.rows] for result in results]
    return records(results, *SCHEDULER_KINDS), rows


def test_the_same_seed_gives_the_same_decisions_and_the_same_reports(evolve):
    first, second = outcome(evolve(climb)), outcome(evolve(climb))
    assert any(isinstance(record, Exploited) for record in first[0])
    assert without_time(first[0]) == without_time(second[0])
    assert first[1] == second[1]


def without_time(decisions):
    """Each decision with its kind and its values, but the time that training took."""
    plain = [{"kind": type(it).__name__, **msgspec.structs.asdict(it)} for it in decisions]
    return [
        {key: value for key, value in record.items() if key != "time_total_s"} for record in plain
    ]


def test_another_seed_gives_other_decisions(evolve):
    first, second = outcome(evolve(climb)), outcome(evolve(climb, seed=4))
    assert without_time(first[0]) != without_time(second[0])


def test_a_seed_that_was_left_out_is_stored_and_gives_the_same_run_again(evolve):
    first = evolve(climb, seed=None)
    with JournalReader(Path(first.experiment_path)) as reader:
        seed = reader.header.seed
    second = evolve(climb, seed=seed)
    assert without_time(outcome(first)[0]) == without_time(outcome(second)[0])


def test_the_callers_own_generators_are_untouched(evolve):
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    evolve(climb)
    drawn = random.random(), np.random.random()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert drawn == (random.random(), np.random.random())  # noqa: NPY002


def test_without_a_scheduler_the_search_space_is_drawn_and_everybody_trains(fit):
    space = {"lr": tune.loguniform(1e-4, 1e-1), "net": {"width": tune.choice([8, 16])}, "fixed": 1}
    results = fit(lambda config: tune.report({"lr": config["lr"]}), space=space, num_samples=6)
    drawn = [result.config for result in results]
    assert len({config["lr"] for config in drawn}) == 6
    assert all(1e-4 <= config["lr"] <= 1e-1 for config in drawn)
    assert {config["net"]["width"] for config in drawn} == {8, 16}
    assert {config["fixed"] for config in drawn} == {1}
    assert [result.metrics["lr"] for result in results] == [config["lr"] for config in drawn]


def test_a_grid_is_multiplied_by_num_samples(fit):
    space = {"a": tune.grid_search([1, 2, 3]), "b": tune.uniform(0, 1)}
    results = fit(lambda config: tune.report({"a": config["a"]}), space=space, num_samples=2)
    assert sorted(result.config["a"] for result in results) == [1, 1, 2, 2, 3, 3]
    assert len({result.config["b"] for result in results}) == 6


def test_a_function_may_depend_on_the_rest_of_the_config(fit):
    space = {"a": tune.randint(1, 9), "b": tune.sample_from(lambda config: config["a"] * 10)}
    (result,) = fit(lambda config: tune.report({"x": 1}), space=space)
    assert result.config["b"] == result.config["a"] * 10


def test_without_a_search_space_the_config_is_empty(fit):
    (result,) = fit(lambda config: tune.report({"n": len(config)}))
    assert result.metrics["n"] == 0


def steps(count=100, **metrics):
    def train(config):
        for step in range(1, count + 1):
            values = {key: value(step) for key, value in metrics.items()}
            tune.report({"step": step, **values})

    return train


def length(results):
    (result,) = results
    assert result.error is None, result.error
    return len(result.rows)


def test_a_trial_ends_when_its_function_returns(fit):
    assert length(fit(steps(7))) == 7


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        ({"training_iteration": 4}, 4),
        ({"step": 3, "training_iteration": 9}, 3),
        ({"step": 9, "training_iteration": 3}, 3),
        ({"down": -2}, 1),
        ({"nested/deep/er": 5}, 5),
        ({"done": True, "training_iteration": 6}, 6),
        ({"flag": True}, 8),
        ({"nowhere": 1, "training_iteration": 2}, 2),
        ({"nan": 0, "training_iteration": 2}, 2),
        ({"numpy": 4}, 4),
        ({"time_total_s": 0.0}, 1),
    ],
)
def test_a_stop_rule_ends_a_trial_where_any_key_has_reached_its_bound(fit, stop, expected):
    train = steps(
        20,
        down=lambda step: -step,
        nested=lambda step: {"deep": {"er": step}},
        flag=lambda step: step >= 8,
        nan=lambda step: math.nan,
        numpy=np.float32,
        done=lambda step: False,
    )
    assert length(fit(train, run={"stop": stop})) == expected


def test_a_report_that_says_done_ends_its_trial_before_any_rule(fit):
    assert length(fit(steps(20, done=lambda step: step == 5), run={"stop": {"step": 9}})) == 5


def test_the_users_own_training_iteration_is_what_a_rule_looks_at(fit):
    train = steps(20, training_iteration=lambda step: step * 10)
    assert length(fit(train, run={"stop": {"training_iteration": 40}})) == 4


def test_nothing_behind_the_last_report_runs_but_clean_up(fit):
    ran = []

    def train(config):
        try:
            tune.report({"x": 1})
            ran.append("behind")
        except Exception:  # noqa: BLE001
            ran.append("except")
        finally:
            ran.append("finally")

    (result,) = fit(train, run={"stop": {"training_iteration": 1}})
    assert ran == ["finally"]
    assert result.error is None


@pytest.mark.parametrize(
    ("value", "metrics"), [({"x": 3}, {"x": 3}), (2.5, {"_metric": 2.5}), (7, {"_metric": 7})]
)
def test_what_a_function_returns_is_reported(fit, value, metrics):
    (result,) = fit(lambda config: value)
    assert len(result.rows) == 1
    assert metrics.items() <= result.metrics.items()


def test_what_a_function_yields_is_reported(fit):
    def train(config):
        for step in range(3):
            yield {"x": step}

    assert [row["x"] for row in fit(train)[0].rows] == [0, 1, 2]


@pytest.mark.parametrize("value", ["text", [1], object()])
def test_anything_else_that_is_returned_is_an_error_of_the_trial(fit, value):
    (result,) = fit(lambda config: value)
    assert "may return or yield a dict or a number" in result.error.message
    assert result.rows == []


@pytest.mark.parametrize("value", [None, 0, {}, False])
def test_a_return_of_nothing_is_the_end_and_no_error(fit, value):
    (result,) = fit(lambda config: value)
    assert result.error is None


def test_the_context_names_the_trial_and_its_folder(fit, tmp_path):
    seen = []

    def train(config):
        context = tune.get_context()
        seen.append(
            (
                context.get_experiment_name(),
                context.get_trial_id(),
                context.get_trial_name(),
                context.get_trial_dir(),
                context.get_trial_resources(),
            )
        )
        tune.report({"x": 1})

    results = fit(train, num_samples=2, run={"name": "named"})
    assert [entry[:2] for entry in seen] == [("named", "t0"), ("named", "t1")]
    assert [entry[3] for entry in seen] == [result.path for result in results]
    assert all("CPU" in entry[4] for entry in seen)


def test_a_checkpoint_is_given_back_as_soon_as_it_is_reported(fit, tmp_path):
    seen = []

    def train(config):
        seen.append(tune.get_checkpoint())
        for step in range(2):
            (tmp_path / "own").mkdir(exist_ok=True)
            (tmp_path / "own/step").write_text(str(step))
            saved = tune.Checkpoint.from_directory(tmp_path / "own")
            tune.report({"x": step}, checkpoint=saved)
            newest = tune.get_checkpoint()
            with newest.as_directory() as folder:
                assert folder != str(tmp_path / "own")
                seen.append((Path(newest.path).name, Path(folder, "step").read_text()))

    (result,) = fit(train)
    assert result.error is None, result.error
    assert seen == [None, ("checkpoint_000000", "0"), ("checkpoint_000001", "1")]


def test_members_start_with_what_the_search_space_says_and_the_rest_is_drawn(evolve):
    mutations = {
        "lr": tune.uniform(0.5, 1.0),
        "drawn": tune.randint(10, 20),
        "listed": [1, 2, 3],
        "called": lambda: random.uniform(5.0, 6.0),
        "net": {"width": tune.choice([8, 16]), "depth": tune.randint(1, 4)},
    }
    results = evolve(climb, space={"lr": 1e-4}, pbt={"hyperparam_mutations": mutations})
    drawn = configs(results)
    assert {config["lr"] for config in drawn} == {1e-4}
    assert all(10 <= config["drawn"] < 20 for config in drawn)
    assert all(config["listed"] in {1, 2, 3} for config in drawn)
    assert all(5.0 <= config["called"] <= 6.0 for config in drawn)
    assert len({config["called"] for config in drawn}) == 4
    assert all(config["net"]["width"] in {8, 16} for config in drawn)
    assert all(config["net"]["depth"] in {1, 2, 3} for config in drawn)


def test_without_hyperparam_mutations_every_domain_of_the_space_is_mutated(evolve):
    space = {
        "lr": tune.uniform(0.0, 1.0),
        "momentum": tune.uniform(0.0, 1.0),
        "net": {"width": tune.choice([8, 16, 32]), "name": "small"},
        "fixed": 7,
    }
    results = evolve(climb, space=space)
    copies = records(results, Exploited)
    assert copies
    for record in copies:
        assert set(record.operations) == {"lr", "momentum", "net/width"}
        assert record.config["fixed"] == 7
        assert record.config["net"]["name"] == "small"


def test_only_what_is_named_is_mutated(evolve):
    space = {"lr": tune.uniform(0.0, 1.0), "momentum": tune.uniform(0.0, 1.0)}
    results = evolve(climb, space=space, pbt={"hyperparam_mutations": {"lr": space["lr"]}})
    momenta = {config["momentum"] for config in configs(results)}
    copies = records(results, Exploited)
    assert {record.config["momentum"] for record in copies} <= momenta
    assert all(set(record.operations) == {"lr"} for record in copies)


def test_a_report_that_ends_its_trial_is_never_seen_by_pbt(evolve):
    results = evolve(climb, run={"stop": {"training_iteration": 6}})
    assert max(record.step for record in records(results, Ranked)) < 6


def test_a_tuner_may_be_fitted_again_as_a_run_of_its_own(tmp_path):
    pbtune.init(executor="inline")
    run = tune.RunConfig(name="again", storage_path=tmp_path, verbose=0)
    tuner = tune.Tuner(
        lambda config: tune.report({"x": 1}),
        tune_config=tune.TuneConfig("max", "x"),
        run_config=run,
    )
    try:
        with pytest.raises(RuntimeError, match=r"call fit\(\) first"):
            tuner.get_results()
        first = tuner.fit()
        assert tuner.get_results() is first
        with pytest.warns(tune.PbtuneWarning, match="'again' is taken: this run is 'again_1'"):
            second = tuner.fit()
    finally:
        pbtune.shutdown()
    assert first.experiment_path != second.experiment_path
    assert len(first) == len(second) == 1
