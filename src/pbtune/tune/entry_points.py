"""``tune.run`` and ``tune.run_experiments``: Tune's older entry points, on top of ``Tuner``."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, cast

from pbtune.errors import NotInPbtune, SettingsError, TrialsFailed
from pbtune.reporting.observed import ObservedTrial
from pbtune.tune.analysis import ExperimentAnalysis
from pbtune.tune.callback import Callback
from pbtune.tune.configs import CheckpointConfig, FailureConfig, RunConfig, TuneConfig
from pbtune.tune.experiment import Experiment, refuse
from pbtune.tune.progress_reporter import ProgressReporter
from pbtune.tune.registry import registered
from pbtune.tune.resources import with_resources
from pbtune.tune.results import ResultGrid
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.creating import create_scheduler
from pbtune.tune.search import AbstractSearcher, create_searcher
from pbtune.tune.stopper import Stopper
from pbtune.tune.tuner import Tuner

_RUN: Final = (
    *("name", "storage_path", "stop", "checkpoint_config", "verbose", "progress_reporter"),
    *("log_to_file", "callbacks"),
)
_TUNE: Final = (
    *("metric", "mode", "scheduler", "num_samples", "max_concurrent_trials", "time_budget_s"),
    *("reuse_actors", "trial_name_creator", "trial_dirname_creator", "chdir_to_trial_dir"),
)
_LEAST: Final = "min-"
"""What stands before a ``checkpoint_score_attr`` of which less is better."""
_RESUMES: Final = frozenset({"auto", "local"})


def run(  # noqa: PLR0913  Tune's own signature
    run_or_experiment: str | Callable[..., Any] | Experiment,
    *,
    name: str | None = None,
    metric: str | None = None,
    mode: str | None = None,
    stop: Mapping[str, float] | Callable[..., bool] | Sequence[Stopper] | None = None,
    time_budget_s: float | timedelta | None = None,
    config: Mapping[str, Any] | None = None,
    resources_per_trial: object = None,
    num_samples: int = 1,
    storage_path: str | os.PathLike[str] | None = None,
    storage_filesystem: object = None,
    search_alg: AbstractSearcher | str | None = None,
    scheduler: AbstractTuneScheduler | str | None = None,
    checkpoint_config: CheckpointConfig | None = None,
    verbose: int | None = None,
    progress_reporter: ProgressReporter | None = None,
    log_to_file: bool | str | tuple[str, str] = False,
    trial_name_creator: Callable[..., str] | None = None,
    trial_dirname_creator: Callable[..., str] | None = None,
    sync_config: object = None,
    export_formats: Sequence[str] | None = None,
    max_failures: int = 0,
    fail_fast: bool | str = False,
    restore: str | None = None,
    resume: bool | str | None = None,
    resume_config: object = None,
    reuse_actors: bool = True,
    raise_on_failed_trial: bool = True,
    callbacks: Sequence[Callback] | None = None,
    max_concurrent_trials: int | None = None,
    keep_checkpoints_num: int | None = None,
    checkpoint_score_attr: str | None = None,
    checkpoint_freq: int = 0,
    checkpoint_at_end: bool = False,
    chdir_to_trial_dir: object = "DEPRECATED",
    local_dir: str | None = None,
) -> ExperimentAnalysis:
    """Train a population: ``Tuner(...).fit()`` under its older name. Arguments as there.

    Raises:
        TrialsFailed: If trials failed, unless ``raise_on_failed_trial=False`` (a TuneError too).
        NotInPbtune: If an argument has no meaning here.
    """
    return _analysed(dict(locals()))


def run_experiments(  # noqa: PLR0913, PLR0917  Tune's own signature
    experiments: Experiment | Mapping[str, Any] | Sequence[Experiment | Mapping[str, Any]],
    scheduler: AbstractTuneScheduler | None = None,
    verbose: int | None = None,
    progress_reporter: ProgressReporter | None = None,
    resume: bool | str | None = None,  # noqa: FBT001
    resume_config: object = None,
    reuse_actors: bool = True,  # noqa: FBT001, FBT002
    raise_on_failed_trial: bool = True,  # noqa: FBT001, FBT002
    concurrent: bool = True,  # noqa: FBT001, FBT002
    callbacks: Sequence[Callback] | None = None,
) -> list[ObservedTrial]:
    """Run experiments one after the other; each uses all slots, and has a folder of its own.

    Args:
        experiments: One, or several: as objects, or as {name: {"run": ..., "config": ...}}.
        scheduler: As TuneConfig's, for each of them.
        verbose: As RunConfig's.
        progress_reporter: As RunConfig's.
        resume: As in ``run``.
        resume_config: None.
        reuse_actors: As TuneConfig's.
        raise_on_failed_trial: Whether failed trials are raised, when all experiments have ended.
        concurrent: Accepted; a population already fills the machine.
        callbacks: As RunConfig's.

    Returns:
        The trials of all of them.

    Raises:
        TrialsFailed: If trials failed, unless ``raise_on_failed_trial=False`` (a TuneError too).
    """
    del concurrent
    common = {
        "scheduler": scheduler,
        "verbose": verbose,
        "progress_reporter": progress_reporter,
        "resume": resume,
        "resume_config": resume_config,
        "reuse_actors": reuse_actors,
        "callbacks": callbacks,
    }
    # All of them are checked before the first one starts.
    tuners = [_tuner({**common, **it.spec, "run_or_experiment": it}) for it in _listed(experiments)]
    results = [tuner.fit() for tuner in tuners]
    if raise_on_failed_trial:
        _raise_failed(results)
    return [trial for it in results for trial in ExperimentAnalysis.from_results(it).trials]


def _listed(given: object) -> list[Experiment]:
    if isinstance(given, Experiment):
        return [given]
    if isinstance(given, Mapping):
        specs = cast("Mapping[str, Mapping[str, Any]]", given)
        return [
            spec if isinstance(spec, Experiment) else Experiment.from_json(name, spec)
            for name, spec in specs.items()
        ]
    if isinstance(given, (list, tuple)) and given:
        return [inner for it in cast("list[object]", given) for inner in _listed(it)]
    message = f"run_experiments() needs an Experiment, a dict of them, or a list, not {given!r}"
    raise SettingsError(message)


def _analysed(given: dict[str, Any]) -> ExperimentAnalysis:
    what = given["run_or_experiment"]
    if isinstance(what, (list, tuple)):
        if len(what) != 1:
            full = f"ray.tune.run() of {len(what)} experiments"
            raise NotInPbtune(full, "use tune.run_experiments([...])")
        given["run_or_experiment"] = what = what[0]
    if isinstance(what, Experiment):
        # As in Tune: an experiment brings its own settings.
        given.update(what.spec)
    results = _tuner(given).fit()
    if given["raise_on_failed_trial"]:
        _raise_failed([results])
    return ExperimentAnalysis.from_results(results)


def _raise_failed(results: Sequence[ResultGrid]) -> None:
    errors = [error for it in results for error in it.errors]
    if errors:
        raise TrialsFailed(errors)


def _tuner(given: Mapping[str, Any]) -> Tuner:
    refuse("run", given)
    what = given["run_or_experiment"]
    name = given.get("name")
    if isinstance(what, Experiment):
        what, name = what.run, what.name
    asked = given.get("resources_per_trial")
    if asked is not None:
        what = with_resources(registered(what), asked)
    search_alg = given.get("search_alg")
    if isinstance(search_alg, str):
        metric, mode = given.get("metric"), given.get("mode")
        search_alg = create_searcher(search_alg, metric=metric, mode=mode)
    failures = FailureConfig(given.get("max_failures", 0), given.get("fail_fast", False))
    run_settings = {key: given[key] for key in _RUN if key in given}
    run_settings["checkpoint_config"] = _checkpoints(given)
    tune_settings = {key: given[key] for key in _TUNE if key in given}
    if isinstance(tune_settings.get("scheduler"), str):
        tune_settings["scheduler"] = create_scheduler(tune_settings["scheduler"])
    return Tuner(
        what,
        param_space=given.get("config"),
        tune_config=TuneConfig(**tune_settings, search_alg=search_alg),
        run_config=RunConfig(
            **{**run_settings, "name": name},
            failure_config=failures,
            resume=_resume(given.get("resume")),
        ),
    )


def _checkpoints(given: Mapping[str, Any]) -> CheckpointConfig:
    """``checkpoint_config``, with the older arguments that say the same laid over it."""
    config = given.get("checkpoint_config") or CheckpointConfig()
    attribute = given.get("checkpoint_score_attr")
    order = config.checkpoint_score_order
    if attribute is not None:
        order = "min" if attribute.startswith(_LEAST) else "max"
        attribute = attribute.removeprefix(_LEAST)
    return CheckpointConfig(
        num_to_keep=given.get("keep_checkpoints_num") or config.num_to_keep,
        checkpoint_score_attribute=attribute or config.checkpoint_score_attribute,
        checkpoint_score_order=order,
        checkpoint_frequency=given.get("checkpoint_freq") or config.checkpoint_frequency,
        checkpoint_at_end=given.get("checkpoint_at_end") or config.checkpoint_at_end,
    )


def _resume(asked: object) -> bool | str:
    if not asked:
        return False
    if asked is True or (isinstance(asked, str) and asked.lower() in _RESUMES):
        return "auto"
    full = f"ray.tune.run(resume={asked!r})"
    why = 'use resume="AUTO", or Tuner.restore(path, resume_errored=True, restart_errored=True)'
    raise NotInPbtune(full, why)
