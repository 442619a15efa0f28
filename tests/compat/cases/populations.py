"""Population based training itself: first configs, perturbed values, refusals, a whole run."""

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from cases.helping import checkpoint_of, fitted, raised, tuner, value_of


def climbing(config):
    start = value_of(tune.get_checkpoint()) or 0
    for step in range(start + 1, 100):
        tune.report({"height": step * config["lr"], "step": step}, checkpoint=checkpoint_of(step))


def pbt(**settings):
    return PopulationBasedTraining(
        **{
            "time_attr": "training_iteration",
            "perturbation_interval": 2,
            "hyperparam_mutations": {"lr": [1, 2, 4, 8]},
            **settings,
        }
    )


def run(folder, space=None, samples=2, **settings):
    return fitted(
        climbing,
        folder,
        {} if space is None else space,
        num_samples=samples,
        metric="height",
        mode="max",
        stop={"training_iteration": 6},
        **{"scheduler": pbt(), **settings},
    )


def case_a_run(folder):
    found = run(folder, {"lr": tune.grid_search([1, 8])}, 1)
    yield "ends", [it.metrics["training_iteration"] for it in found]
    yield "errors", found.num_errors
    yield "values_are_of_the_list", all(it.config["lr"] in {1, 2, 4, 8} for it in found)
    yield "best", found.get_best_result().metrics["step"]
    yield "checkpoint", value_of(found.get_best_result().checkpoint)


def case_first_configs(folder):
    found = run(folder, {}, 3)
    yield "filled_from_the_mutations", all(it.metrics is not None for it in found)
    found = run(folder, {"lr": 4}, 2, scheduler=pbt(perturbation_interval=50))
    yield "a_constant_stays", [it.config["lr"] for it in found]


def case_refused(folder):
    def fit(of=climbing, **settings):
        return raised(lambda: fitted(of, folder, {"lr": 1}, num_samples=1, **settings))

    yield (
        "metric_twice",
        fit(metric="height", mode="max", scheduler=pbt(metric="height", mode="max")),
    )
    yield "no_metric", fit(scheduler=pbt())
    yield "bad_mode", raised(lambda: tune.TuneConfig(metric="height", mode="up", scheduler=pbt()))

    def without(config):
        tune.report({"other": 1})

    yield "metric_never_reported", fit(without, metric="height", mode="max", scheduler=pbt())


def case_metric_in_the_scheduler(folder):
    found = fitted(
        climbing,
        folder,
        {"lr": 1},
        scheduler=pbt(metric="height", mode="max"),
        stop={"training_iteration": 3},
    )
    yield "runs", [it.metrics["step"] for it in found]


def case_synchronous(folder):
    found = run(folder, {"lr": tune.grid_search([1, 8])}, 1, scheduler=pbt(synch=True))
    yield "ends", [it.metrics["training_iteration"] for it in found]


def case_fit_again(folder):
    one = tuner(
        climbing,
        folder,
        {"lr": 1},
        metric="height",
        mode="max",
        scheduler=pbt(),
        stop={"training_iteration": 2},
    )
    yield "first", len(one.fit())
