"""``Tuner``: what a user makes and fits."""

import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, final

import msgspec

from pbtune.core.explore import mutated_paths
from pbtune.core.sampling import grid_count
from pbtune.errors import RunUnreadable, SettingsError
from pbtune.tune.cluster import machine
from pbtune.tune.configs import CheckpointConfig, RunConfig, TuneConfig
from pbtune.tune.execution import Execution
from pbtune.tune.fitting import execute
from pbtune.tune.parameters import check_signature
from pbtune.tune.placeholders import extract, without_secrets
from pbtune.tune.registry import registered, run_name
from pbtune.tune.resources import Slots, first_configs, slots_for
from pbtune.tune.saved import PICKLE_NAME, Resume, Saved, can_resume, load
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.fifo import FIFOScheduler
from pbtune.tune.schedulers.own import as_typed
from pbtune.tune.search.base import Wanted
from pbtune.tune.trainable import class_loop
from pbtune.tune.urls import is_url
from pbtune.worker.attempt import Trainable as TrainFunction

if TYPE_CHECKING:
    from pbtune.tune.results import ResultGrid

SEED_BITS = 32


@final
class Tuner:
    """Trains a population of a function, and gives back the results.

    Args:
        trainable: A function of one argument, ``config``, that calls ``tune.report``; or a class
            derived from ``tune.Trainable``; or the name that one of them is registered under.
        param_space: {hyperparameter: constant, domain or nested dict}.
        tune_config: What is optimised, by what, and with how many members.
        run_config: Where the run lives, when it ends and what it shows.

    Raises:
        UserError: If something in the settings can't work; nothing has been started then.
    """

    def __init__(
        self,
        trainable: Callable[[dict[str, Any]], object] | str | None = None,
        *,
        param_space: Mapping[str, Any] | None = None,
        tune_config: TuneConfig | None = None,
        run_config: RunConfig | None = None,
    ) -> None:
        self._name = run_name(trainable) if isinstance(trainable, str) else None
        trainable = registered(trainable)
        if not callable(trainable):
            message = f"Tuner needs a training function of one argument, not {trainable!r}"
            raise SettingsError(message)
        if param_space is not None and not isinstance(param_space, Mapping):
            message = f"param_space must be a dict, not {type(param_space).__name__}"
            raise SettingsError(message)
        self._trainable = trainable
        self._param_space = dict(param_space or {})
        self._tune_config = tune_config or TuneConfig()
        self._run_config = run_config or RunConfig()
        as_function(trainable, self._run_config.checkpoint_config)
        self._results: ResultGrid | None = None
        self._resume: Resume | None = None

    def fit(self) -> "ResultGrid":
        """Train the population to its end.

        A trial that raises ends up in the results' ``errors``; it does not raise here.

        Raises:
            UserError: If a setting can't work, or a report lacks the metric.
            EnvironmentFault: If the run's folder can't be written.
        """
        self._results = execute(self._execution())
        return self._results

    @classmethod
    def can_restore(cls, path: str | os.PathLike[str], storage_filesystem: None = None) -> bool:
        """Whether there is a run to restore in a folder."""
        del storage_filesystem
        return can_resume(Path(path))

    @classmethod
    def restore(  # noqa: PLR0913  Tune's own signature, and three of ours
        cls,
        path: str | os.PathLike[str],
        trainable: Callable[[dict[str, Any]], object] | str | None = None,
        resume_unfinished: bool = True,  # noqa: FBT001, FBT002
        resume_errored: bool = False,  # noqa: FBT001, FBT002
        restart_errored: bool = False,  # noqa: FBT001, FBT002
        param_space: Mapping[str, Any] | None = None,
        *,
        stop: Mapping[str, float] | None = None,
        num_samples: int | None = None,
        override: bool = False,
    ) -> "Tuner":
        """A tuner that goes on with a run, exactly where its journal ends. Call ``fit``.

        Args:
            path: The run's folder; it may have been moved or copied. Or its URL, if that was its
                storage: another machine goes on from the journal's last copy there.
            trainable: The training function; the one that was kept with the run if left out.
            resume_unfinished: Whether trials that have not ended go on; else they stay as they are.
            resume_errored: Whether failed trials go on from their last checkpoint.
            restart_errored: Whether failed trials start from nothing.
            param_space: The search space again; needed where it can't be pickled.
            stop: Other bounds; trials that the old ones ended go on if these don't.
            num_samples: More members.
            override: Whether the seed, space, scheduler or function may differ; it is journalled.

        Raises:
            RunUnreadable: If there is no run, or what was kept with it can't be read.
            SettingsError: If the function wasn't kept, and isn't given.
        """
        run_dir = _local(path)
        if not can_resume(run_dir):
            message = f"{run_dir} is no run of pbtune: there is nothing to restore"
            raise RunUnreadable(message)
        tuner = cls._restored(run_dir, trainable, param_space)
        if stop is not None:
            tuner._run_config.stop = stop  # noqa: SLF001  a classmethod's own object
        if num_samples is not None:
            tuner._tune_config.num_samples = num_samples  # noqa: SLF001
        tuner._resume = Resume(  # noqa: SLF001
            run_dir, resume_unfinished, resume_errored, restart_errored, override
        )
        return tuner

    @classmethod
    def _restored(
        cls,
        run_dir: Path,
        trainable: Callable[[dict[str, Any]], object] | str | None,
        param_space: Mapping[str, Any] | None,
    ) -> "Tuner":
        saved = load(run_dir)
        if saved is None:
            message = (
                f"{run_dir} was made without {PICKLE_NAME}, because its function or space can't be"
                f" pickled: run the script again with RunConfig(name={run_dir.name!r},"
                f' resume="auto")'
            )
            raise SettingsError(message)
        tuner = cls(
            cast("Any", saved.trainable if trainable is None else trainable),
            param_space=saved.param_space if param_space is None else param_space,
            tune_config=saved.tune_config,
            run_config=saved.run_config,
        )
        if trainable is None:
            tuner._name = saved.name
        return tuner

    def _taken_up(self) -> Resume | None:
        """The run that ``restore`` or ``RunConfig(resume=...)`` names; None to begin a new one."""
        run = self._run_config
        if self._resume is not None or not run.resume:
            return self._resume
        if run.name is None:
            message = 'RunConfig(resume="auto") needs a name: that of the run to go on with'
            raise SettingsError(message)
        url = run.storage_url()
        run_dir = _local(run.storage_root() / run.name if url is None else f"{url}/{run.name}")
        if not can_resume(run_dir):
            return None
        return Resume(run_dir, override=run.resume == "override")

    def get_results(self) -> "ResultGrid":
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
        scheduler = as_typed(config.scheduler or FIFOScheduler())
        metric, mode = objective(config, scheduler)
        space, objects = extract(self._param_space)
        scheduler.check_count(config.num_samples * grid_count(space))
        resolved = scheduler.resolve(space)
        resume = self._taken_up()
        seed = _seed(config.seed, resume)
        searcher, count = config.search_alg, config.num_samples
        execution = Execution(
            initial=None
            if searcher is None
            else searcher.initial(Wanted(space, objects, count, seed, mode)),
            trainable=as_function(self._trainable, run.checkpoint_config),
            trainable_name=self._name or name_of(self._trainable),
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
            saved=Saved(
                self._trainable, without_secrets(self._param_space), config, run, self._name
            ),
            resume=resume,
        )
        return msgspec.structs.replace(execution, slots=self._slots(execution))

    def _slots(self, execution: Execution) -> Slots:
        """How many members can train at once, and with what; a storage is looked for before."""
        kind, url = execution.machine.executor, self._run_config.storage_url()
        if url is not None:
            from pbtune.tune.remote_run import check_storage  # noqa: PLC0415  heavy

            check_storage(url, kind)
        configs = first_configs(execution.settings(), execution.objects)
        if kind == "ray":
            from pbtune.tune.on_ray import slots_on_ray  # noqa: PLC0415  an optional dependency

            return slots_on_ray(self._trainable, execution.machine, configs)
        return slots_for(self._trainable, execution.machine.supply(), configs)


def _seed(given: int | None, resume: Resume | None) -> int:
    """What the user gave; else that of the run that is taken up; else a new one."""
    if given is not None:
        return given
    if resume is not None:
        from pbtune.tune.resume import seed_of  # noqa: PLC0415  heavy, and seldom needed

        return seed_of(resume.run_dir)
    # A generator of its own: the global one may have been seeded for something else.
    return random.SystemRandom().getrandbits(SEED_BITS)


def _local(path: str | os.PathLike[str]) -> Path:
    """A run's folder; what is at a URL has been fetched into it."""
    if not is_url(path):
        return Path(path).expanduser().absolute()
    from pbtune.tune.remote_run import fetched  # noqa: PLC0415  heavy, and seldom needed

    return fetched(os.fspath(path))


def as_function(trainable: Callable[..., Any], checkpoints: CheckpointConfig) -> TrainFunction:
    """What workers call: the user's function itself, or the loop around the user's class.

    Raises:
        SettingsError: If it can't be called, or shall save by itself and can't.
    """
    frequency, at_end = checkpoints.checkpoint_frequency, checkpoints.checkpoint_at_end
    if isinstance(trainable, type):
        return class_loop(trainable, frequency, at_end)
    if frequency or at_end is not None:
        message = (
            "checkpoint_frequency and checkpoint_at_end are for classes; a function decides itself"
            " when to pass checkpoint= to report()"
        )
        raise SettingsError(message)
    check_signature(trainable)
    return trainable


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
    if not scheduler.needs_metric:
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
