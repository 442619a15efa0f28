"""Settings: defaults, order of arguments, and what is refused."""

import inspect

from ray import air, train, tune
from ray.air import session
from ray.tune.schedulers import FIFOScheduler, PopulationBasedTraining
from ray.tune.schedulers.pb2 import PB2
from ray.tune.stopper import (
    CombinedStopper,
    ExperimentPlateauStopper,
    FunctionStopper,
    MaximumIterationStopper,
    NoopStopper,
    TimeoutStopper,
    TrialPlateauStopper,
)

from cases.helping import raised

LATER = {"RunConfig": 11}


def names(call):
    return [it for it in inspect.signature(call).parameters if not it.startswith("_")]


def defaults(call, leave_out=()):
    return {
        name: it.default
        for name, it in inspect.signature(call).parameters.items()
        if it.default is not it.empty and not name.startswith("_") and name not in leave_out
        if isinstance(it.default, (int, float, str, bool, tuple, type(None)))
    }


def case_orders(folder):
    yield "checkpoint_config", names(tune.CheckpointConfig)[:5]
    yield "failure_config", names(tune.FailureConfig)[:2]
    yield "run_config", names(tune.RunConfig)[:11]
    yield "tune_config", names(tune.TuneConfig)[:10]
    yield "sync_config", names(tune.SyncConfig)
    yield "pbt", names(PopulationBasedTraining)[:13]
    yield "pb2", names(PB2)[:10]
    yield "run", names(tune.run)[:20]
    yield "report", names(tune.report)
    yield "tuner", names(tune.Tuner)[:4]
    yield "experiment", names(tune.Experiment)


def case_defaults(folder):
    yield "checkpoint_config", defaults(tune.CheckpointConfig)
    yield (
        "failure_config",
        {key: defaults(tune.FailureConfig)[key] for key in names(tune.FailureConfig)[:2]},
    )
    yield (
        "run_config",
        {
            key: it
            for key, it in defaults(tune.RunConfig).items()
            if key not in {"resume", "durability"}
        },
    )
    kept = names(tune.TuneConfig)[:7]
    yield "tune_config", {key: it for key, it in defaults(tune.TuneConfig).items() if key in kept}
    kept = names(PopulationBasedTraining)[:13]
    yield "pbt", {key: it for key, it in defaults(PopulationBasedTraining).items() if key in kept}
    kept = names(PB2)[:10]
    yield "pb2", {key: it for key, it in defaults(PB2).items() if key in kept}
    yield "run", defaults(tune.run, ("reuse_actors",))
    yield "plateau", defaults(TrialPlateauStopper)
    yield "experiment_plateau", defaults(ExperimentPlateauStopper)


def case_attributes(folder):
    config = tune.RunConfig(name="n", stop={"a": 1}, verbose=2)
    yield "run_config", [config.name, config.stop, config.verbose]
    config = tune.CheckpointConfig(num_to_keep=2, checkpoint_score_attribute="a")
    yield (
        "checkpoint_config",
        [
            config.num_to_keep,
            config.checkpoint_score_attribute,
            config.checkpoint_score_order,
            config.checkpoint_frequency,
            config.checkpoint_at_end,
        ],
    )
    config = tune.FailureConfig(max_failures=3)
    yield "failure_config", [config.max_failures, config.fail_fast]
    config = tune.TuneConfig("min", "loss")
    yield "tune_config", [config.mode, config.metric, config.num_samples, config.time_budget_s]
    yield "positional", tune.RunConfig("name", "/tmp/somewhere").name
    yield "run_config_again", tune.RunConfig(name="a") == tune.RunConfig(name="a")


def case_refused(folder):
    yield "num_to_keep_0", raised(lambda: tune.CheckpointConfig(num_to_keep=0))
    yield "num_to_keep_negative", raised(lambda: tune.CheckpointConfig(num_to_keep=-1))
    yield "order", raised(lambda: tune.CheckpointConfig(checkpoint_score_order="up"))
    yield "frequency", raised(lambda: tune.CheckpointConfig(checkpoint_frequency=-1))
    yield "fail_fast", raised(lambda: tune.FailureConfig(max_failures=1, fail_fast=True))
    yield "fail_fast_word", raised(lambda: tune.FailureConfig(fail_fast="yes"))
    yield "raise_and_retry", raised(lambda: tune.FailureConfig(max_failures=1, fail_fast="raise"))
    yield "unlimited", raised(lambda: tune.FailureConfig(max_failures=-1))


def case_pbt_refused(folder):
    space = {"a": [1, 2]}

    def pbt(**settings):
        return raised(lambda: PopulationBasedTraining(**settings))

    yield "nothing", pbt()
    yield "ok", pbt(hyperparam_mutations=space)
    yield "quantile_high", pbt(hyperparam_mutations=space, quantile_fraction=0.6)
    yield "quantile_negative", pbt(hyperparam_mutations=space, quantile_fraction=-0.1)
    yield "quantile_half", pbt(hyperparam_mutations=space, quantile_fraction=0.5)
    yield "interval_0", pbt(hyperparam_mutations=space, perturbation_interval=0)
    yield "interval_negative", pbt(hyperparam_mutations=space, perturbation_interval=-3)
    yield "number", pbt(hyperparam_mutations={"a": 3})
    yield "text", pbt(hyperparam_mutations={"a": "x"})
    yield "sample_from", pbt(hyperparam_mutations={"a": tune.sample_from(lambda spec: 1)})
    yield "function", pbt(hyperparam_mutations={"a": lambda: 1})
    yield "domain", pbt(hyperparam_mutations={"a": tune.uniform(0, 1)})
    yield "tuple", pbt(hyperparam_mutations={"a": (1, 2)})
    yield "nested", pbt(hyperparam_mutations={"a": {"b": [1]}})
    yield "only_function", pbt(custom_explore_fn=lambda config: config)
    yield "unknown", pbt(hyperparam_mutations=space, no_such_argument=1)
    yield "factors", pbt(hyperparam_mutations=space, perturbation_factors=(1.5, 0.5))
    yield "synch", pbt(hyperparam_mutations=space, synch=True)


def case_pb2_refused(folder):
    yield "nothing", raised(PB2)
    yield "no_pair", raised(lambda: PB2(hyperparam_bounds={"a": [1]}))
    yield "ok", raised(lambda: PB2(hyperparam_bounds={"a": [0.0, 1.0]}))


def case_older_spellings(folder):
    yield "air", [hasattr(air, it) for it in ("RunConfig", "CheckpointConfig", "FailureConfig")]
    yield "scaling", air.ScalingConfig(num_workers=2, use_gpu=False).num_workers
    yield "train", [hasattr(train, it) for it in ("report", "get_checkpoint", "Checkpoint")]
    yield "session", [hasattr(session, it) for it in ("report", "get_checkpoint", "get_trial_id")]
    yield "outside", [tune.get_context().get_trial_id(), tune.get_context().get_experiment_name()]
    yield "report_outside", raised(lambda: tune.report({"a": 1}))
    yield "checkpoint_outside", tune.get_checkpoint()


def case_stoppers(folder):
    stopper = MaximumIterationStopper(2)
    yield "maximum", [stopper("a", {}), stopper("a", {}), stopper("b", {}), stopper.stop_all()]
    stopper = FunctionStopper(lambda trial_id, result: result["x"] > 1)
    yield "function", [stopper("a", {"x": 1}), stopper("a", {"x": 2}), stopper.stop_all()]
    yield "noop", [NoopStopper()("a", {}), NoopStopper().stop_all()]
    both = CombinedStopper(MaximumIterationStopper(3), FunctionStopper(lambda i, r: r["x"] > 5))
    yield "combined", [both("a", {"x": 1}), both("a", {"x": 9}), both("a", {"x": 1})]
    yield "timeout", [TimeoutStopper(1000)("a", {}), TimeoutStopper(1000).stop_all()]
    stopper = TrialPlateauStopper("x", std=0.1, num_results=3, grace_period=2)
    yield "plateau", [stopper("a", {"x": it}) for it in (1, 5, 5, 5, 5)]
    stopper = TrialPlateauStopper(
        "x", num_results=2, grace_period=1, metric_threshold=3, mode="max"
    )
    yield "threshold", [stopper("a", {"x": it}) for it in (1, 1, 1, 4, 4)]
    stopper = ExperimentPlateauStopper("x", std=0.1, top=2, mode="max", patience=1)
    yield (
        "experiment_plateau",
        [(stopper("a", {"x": it}), stopper.stop_all())[1] for it in (1, 1, 1, 1, 1)],
    )
    yield "plateau_mode", raised(lambda: TrialPlateauStopper("x", metric_threshold=3))
    yield "experiment_mode", raised(lambda: ExperimentPlateauStopper("x", mode="up"))
    yield "experiment_top", raised(lambda: ExperimentPlateauStopper("x", top=0))
    yield "experiment_std", raised(lambda: ExperimentPlateauStopper("x", std=-1))
    yield "experiment_patience", raised(lambda: ExperimentPlateauStopper("x", patience=-1))


def case_placement_groups(folder):
    factory = tune.PlacementGroupFactory([{"CPU": 2, "GPU": 1}])
    yield "required", factory.required_resources
    yield "bundles", factory.bundles
    yield "head", factory.head_cpus
    yield "strategy", factory.strategy
    yield "equal", factory == tune.PlacementGroupFactory([{"CPU": 2, "GPU": 1}])
    yield "sum", tune.PlacementGroupFactory([{"CPU": 1}, {"CPU": 2}]).required_resources
    yield "empty", raised(lambda: tune.PlacementGroupFactory([]))
    yield "head_is_empty", tune.PlacementGroupFactory([{}, {"CPU": 1}]).head_bundle_is_empty


def case_fifo(folder):
    yield "made", type(FIFOScheduler()).__name__
