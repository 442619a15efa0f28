"""``Tuner``: what a user makes and fits."""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, final

from pbtune.core.explore import mutated_paths
from pbtune.errors import SettingsError
from pbtune.tune.cluster import machine
from pbtune.tune.configs import RunConfig, TuneConfig
from pbtune.tune.execution import Execution, execute
from pbtune.tune.placeholders import extract
from pbtune.tune.results import ResultGrid
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.fifo import FIFOScheduler

SEED_BITS = 32


@final
class Tuner:
    """Trains a population of a function, and gives back the results.

    Args:
        trainable: A function of one argument, ``config``; it calls ``tune.report``.
        param_space: {hyperparameter: constant, domain or nested dict}.
        tune_config: What is optimised, by what, and with how many members.
        run_config: Where the run lives, when it ends and what it shows.

    Raises:
        UserError: If something in the settings can't work; nothing has been started then.
    """

    def __init__(
        self,
        trainable: Callable[[dict[str, Any]], object] | None = None,
        *,
        param_space: Mapping[str, Any] | None = None,
        tune_config: TuneConfig | None = None,
        run_config: RunConfig | None = None,
    ) -> None:
        if not callable(trainable):
            message = f"Tuner needs a training function of one argument, not {trainable!r}"
            raise SettingsError(message)
        if isinstance(trainable, type):
            message = (
                f"{trainable.__qualname__} is a class; so far pbtune trains functions of one"
                f" argument, config"
            )
            raise SettingsError(message)
        if param_space is not None and not isinstance(param_space, Mapping):
            message = f"param_space must be a dict, not {type(param_space).__name__}"
            raise SettingsError(message)
        self._trainable = trainable
        self._param_space = dict(param_space or {})
        self._tune_config = tune_config or TuneConfig()
        self._run_config = run_config or RunConfig()
        self._results: ResultGrid | None = None

    def fit(self) -> ResultGrid:
        """Train the population to its end.

        A trial that raises ends up in the results' ``errors``; it does not raise here.

        Raises:
            UserError: If a setting can't work, or a report lacks the metric.
            EnvironmentFault: If the run's folder can't be written.
        """
        self._results = execute(self._execution())
        return self._results

    def get_results(self) -> ResultGrid:
        """The results of the last ``fit``.

        Raises:
            RuntimeError: Before there are any.
        """
        if self._results is None:
            message = "there are no results yet: call fit() first"
            raise RuntimeError(message)
        return self._results

    def _execution(self) -> Execution:
        config, run = self._tune_config, self._run_config
        scheduler = config.scheduler or FIFOScheduler()
        metric, mode = objective(config, scheduler)
        checkpoints = run.checkpoint_config
        if checkpoints.checkpoint_frequency or checkpoints.checkpoint_at_end is not None:
            message = (
                "checkpoint_frequency and checkpoint_at_end are for classes; a function decides"
                " itself when to pass checkpoint= to report()"
            )
            raise SettingsError(message)
        space, objects = extract(self._param_space)
        resolved = scheduler.resolve(space)
        seed = config.seed
        if seed is None:
            # A generator of its own: the global one may have been seeded for something else.
            seed = random.SystemRandom().getrandbits(SEED_BITS)
        return Execution(
            trainable=self._trainable,
            trainable_name=name_of(self._trainable),
            space=space,
            objects=objects,
            scheduler=resolved,
            mutations=dict(scheduler.mutations(space)),
            mutated=mutated_paths(scheduler.mutations(space)),
            metric=metric,
            mode=mode,
            seed=seed,
            tune_config=config,
            run_config=run,
            machine=machine(),
            storage_root=run.storage_root(),
            stop=run.stop_bounds(),
            started_at=time.time(),
        )


def objective(
    config: TuneConfig, scheduler: AbstractTuneScheduler
) -> tuple[str | None, str | None]:
    """Metric and mode, from TuneConfig or from the scheduler, but not from both.

    Raises:
        SettingsError: If both name one, or a ranking scheduler has none.
    """
    for name, ours, theirs in (
        ("metric", config.metric, scheduler.metric),
        ("mode", config.mode, scheduler.mode),
    ):
        if ours is not None and theirs is not None:
            message = f"{name} is given twice: to TuneConfig and to the scheduler. Leave one out."
            raise SettingsError(message)
    metric = config.metric or scheduler.metric
    mode = config.mode or scheduler.mode
    if isinstance(scheduler, FIFOScheduler):
        return metric, mode or ("max" if metric is not None else None)
    if metric is None or mode is None:
        lacking = " and ".join(
            name for name, value in (("metric", metric), ("mode", mode)) if value is None
        )
        message = (
            f"{type(scheduler).__name__} ranks trials: it needs {lacking}, as in"
            f' TuneConfig(metric="loss", mode="min")'
        )
        raise SettingsError(message)
    return metric, mode


def name_of(trainable: Callable[..., object]) -> str:
    """What a run of this function is called: its name, through partial and wrappers."""
    inner = getattr(trainable, "func", trainable)
    name = getattr(inner, "__name__", type(inner).__name__)
    return name if name.isidentifier() else "function"
