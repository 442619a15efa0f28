"""The settings that a user types, under Tune's names and with Tune's defaults."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, cast, final

from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.callback import Callback
from pbtune.tune.modes import check_mode
from pbtune.tune.progress_reporter import ProgressReporter
from pbtune.tune.schedulers.base import AbstractScheduler, AbstractTuneScheduler
from pbtune.tune.search.base import LIMIT, AbstractSearcher, agreed
from pbtune.tune.settings import AbstractConfig
from pbtune.tune.stopper.given import Bounds, bounds_of, stopper_of
from pbtune.tune.stopper.stopper import Stopper
from pbtune.tune.syncer import SyncConfig as SyncConfig
from pbtune.tune.urls import is_url, local_root

Mode = Literal["max", "min"]
DEFAULT_STORAGE = "pbtune_results"
LOG_NAMES: Final = ("output.log", "output.log")


@final
class CheckpointConfig(AbstractConfig):
    """Which checkpoints a trial keeps.

    Args:
        num_to_keep: How many, >= 1; None keeps all. The newest, and what other members still
            need, are kept besides.
        checkpoint_score_attribute: The metric to keep the best by; without it the newest stay.
        checkpoint_score_order: "max" or "min".
        checkpoint_frequency: For classes; must be 0 with a function, which saves by itself.
        checkpoint_at_end: For classes; must be left out with a function.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(
        self,
        num_to_keep: int | None = None,
        checkpoint_score_attribute: str | None = None,
        checkpoint_score_order: str | None = "max",
        checkpoint_frequency: int | None = 0,
        checkpoint_at_end: bool | None = None,  # noqa: FBT001  Tune's own signature
    ) -> None:
        if num_to_keep is not None and num_to_keep < 1:
            message = f"num_to_keep must be None or >= 1, not {num_to_keep!r}"
            raise SettingsError(message)
        if checkpoint_score_order not in {"max", "min"}:
            message = (
                f'checkpoint_score_order must be "max" or "min", not {checkpoint_score_order!r}'
            )
            raise SettingsError(message)
        if checkpoint_frequency is not None and checkpoint_frequency < 0:
            message = f"checkpoint_frequency must be >= 0, not {checkpoint_frequency!r}"
            raise SettingsError(message)
        self.num_to_keep = num_to_keep
        self.checkpoint_score_attribute = checkpoint_score_attribute
        self.checkpoint_score_order = checkpoint_score_order
        self.checkpoint_frequency = checkpoint_frequency
        self.checkpoint_at_end = checkpoint_at_end


@final
class FailureConfig(AbstractConfig):
    """What a failed attempt leads to.

    Args:
        max_failures: Retries of each trial from its last checkpoint; -1 for no limit.
        fail_fast: True halts the run at the first failure; "raise" lets ``fit`` raise it.
        report_timeout_s: A trial that reports nothing for longer has hung: its process is killed,
            which counts as a failure. > 0; None waits for ever. Ours; not with the inline executor.

    Raises:
        SettingsError: If ``fail_fast`` meets retries, or a value is out of its range.
    """

    def __init__(
        self,
        max_failures: int = 0,
        fail_fast: bool | str = False,  # noqa: FBT001, FBT002  Tune's own signature
        *,
        report_timeout_s: float | None = None,
    ) -> None:
        if max_failures < -1:
            message = f"max_failures must be -1 (no limit) or >= 0, not {max_failures!r}"
            raise SettingsError(message)
        if fail_fast not in {True, False, "raise"}:
            message = f'fail_fast must be True, False or "raise", not {fail_fast!r}'
            raise SettingsError(message)
        if fail_fast and max_failures != 0:
            message = f"fail_fast={fail_fast!r} halts at the first failure: leave max_failures at 0"
            raise SettingsError(message)
        if report_timeout_s is not None and not report_timeout_s > 0:
            message = f"report_timeout_s must be None or > 0, not {report_timeout_s!r}"
            raise SettingsError(message)
        self.max_failures = max_failures
        self.fail_fast = fail_fast
        self.report_timeout_s = report_timeout_s


@final
class RunConfig(AbstractConfig):
    """Where a run lives, when it ends and what it shows.

    Args:
        name: The run's folder under the storage root; the function's name and the date otherwise.
            A name that is taken becomes ``name_1``.
        storage_path: The storage root, a folder or a URL such as "s3://bucket/runs"; else
            PBTUNE_STORAGE, else ``./pbtune_results``.
        storage_filesystem: None: a URL says as much.
        stop: {metric: bound}: a trial ends as soon as one metric is >= its bound. Or a function of
            (trial_id, result) that is true for its last report; a ``tune.Stopper``; or a list of
            them.
        failure_config: What a failed attempt leads to.
        checkpoint_config: Which checkpoints are kept.
        sync_config: Accepted; there is nothing to synchronise.
        verbose: 0 or False shows nothing, 1 the population (the default), 2 also
            what trials print.
        callbacks: ``tune.Callback`` objects, which are told what happens.
        progress_reporter: Shows the run in place of the live table.
        log_to_file: Where each trial's output goes, in its folder: True for "stdout" and "stderr",
            a name for both, or two names. It goes to "output.log" otherwise.
        local_dir: None: it is ``storage_path`` now.
        resume: "auto" goes on with the run of this name if there is one; "override" also if its
            settings differ. Ours.
        durability: "process": nothing acknowledged is lost when a process is killed; "power": nor
            when the machine is, at a cost of about 0.1 ms a commit. Ours.

    Raises:
        SettingsError: If a value is not of its kind.
        NotInPbtune: If a setting of Tune's is given that is not here.
    """

    def __init__(  # noqa: PLR0913, PLR0917  one check a setting; Tune's own signature
        self,
        name: str | None = None,
        storage_path: str | os.PathLike[str] | None = None,
        storage_filesystem: object = None,
        failure_config: FailureConfig | None = None,
        checkpoint_config: CheckpointConfig | None = None,
        sync_config: SyncConfig | None = None,
        verbose: int | bool | None = None,  # noqa: FBT001
        stop: Mapping[str, float] | Callable[..., bool] | Sequence[Stopper] | None = None,
        callbacks: Sequence[Callback] | None = None,
        progress_reporter: ProgressReporter | None = None,
        log_to_file: bool | str | tuple[str, str] = False,  # noqa: FBT001, FBT002
        local_dir: str | None = None,
        *,
        resume: bool | str = False,
        durability: str = "process",
    ) -> None:
        if storage_filesystem is not None:
            full = "ray.tune.RunConfig(storage_filesystem=...)"
            raise NotInPbtune(full, 'give a URL, as in storage_path="s3://bucket/runs"')
        if local_dir is not None:
            full = "ray.tune.RunConfig(local_dir=...)"
            raise NotInPbtune(full, "use storage_path")
        self.name = name
        self.storage_path = None if storage_path is None else os.fspath(storage_path)
        self.failure_config = failure_config or FailureConfig()
        self.checkpoint_config = checkpoint_config or CheckpointConfig()
        self.sync_config = sync_config
        self.verbose = 1 if verbose is None else int(verbose)
        self.stop = stop
        self.callbacks = list(callbacks or [])
        self.progress_reporter = progress_reporter
        self.log_to_file = log_to_file
        self.resume = "auto" if resume is True else resume
        self.durability = durability
        if self.resume not in {False, "auto", "override"}:
            message = f'resume must be False, "auto" or "override", not {resume!r}'
            raise SettingsError(message)
        if durability not in {"process", "power"}:
            message = f'durability must be "process" or "power", not {durability!r}'
            raise SettingsError(message)
        if name is not None and (not name or name in {".", ".."} or set(name) & set("/\\\0")):
            message = f"the run's name {name!r} can't name a folder: use no slash and no NUL"
            raise SettingsError(message)
        self.stopper()
        self.log_names()
        _check_watchers(self.callbacks, progress_reporter)

    def storage_root(self) -> Path:
        """The local folder that runs live in, absolute."""
        url = self.storage_url()
        if url is not None:
            return local_root(url)
        root = self.storage_path or os.environ.get("PBTUNE_STORAGE") or DEFAULT_STORAGE
        return Path(root).expanduser().absolute()

    def storage_url(self) -> str | None:
        """The storage root, if it is a URL: checkpoints go there, and copies of the journal."""
        root = self.storage_path or os.environ.get("PBTUNE_STORAGE") or DEFAULT_STORAGE
        return root.rstrip("/") if is_url(root) else None

    def stop_bounds(self) -> Bounds:
        """``stop`` as pairs; none if it isn't a dict.

        Raises:
            SettingsError: If it is a dict of something else than numbers.
        """
        return bounds_of(self.stop)

    def stopper(self, time_budget_s: float | timedelta | None = None) -> Stopper | None:
        """What ``stop`` and a time budget make, besides bounds.

        Raises:
            SettingsError: If ``stop`` is nothing that can stop.
        """
        return stopper_of(self.stop, time_budget_s)

    def log_names(self) -> tuple[str, str]:
        """The names of the files that a trial's output and errors go to.

        Raises:
            SettingsError: If they can't name files in the trial's folder.
        """
        given: Any = self.log_to_file
        if given is None or given is False:
            return LOG_NAMES
        names: Any = ("stdout", "stderr") if given is True else given
        names = (names, names) if isinstance(names, str) else names
        is_pair = isinstance(names, (tuple, list)) and len(cast("list[object]", names)) == len(
            LOG_NAMES
        )
        if not is_pair or not all(isinstance(it, str) and it for it in names):
            message = f"log_to_file must be a bool, a name or two names, not {given!r}"
            raise SettingsError(message)
        out, err = cast("tuple[str, str]", names)
        if set(out + err) & set("/\\\0"):
            message = f"log_to_file={given!r} must name files in the trial's folder, not paths"
            raise SettingsError(message)
        return out, err


def _check_creators(*creators: object) -> None:
    for creator in creators:
        if creator is not None and not callable(creator):
            message = f"a trial's names come from a function of the trial, not {creator!r}"
            raise SettingsError(message)


def _check_watchers(callbacks: Sequence[object], reporter: object) -> None:
    for callback in callbacks:
        if not isinstance(callback, Callback):
            message = f"callbacks must be instances of tune.Callback, not {callback!r}"
            raise SettingsError(message)
    if reporter is not None and not isinstance(reporter, ProgressReporter):
        message = f"progress_reporter must be a tune.ProgressReporter, not {reporter!r}"
        raise SettingsError(message)


def _check_scheduler(scheduler: object) -> None:
    if scheduler is None or isinstance(scheduler, (AbstractTuneScheduler, AbstractScheduler)):
        return
    message = (
        f"scheduler must be one of pbtune.tune.schedulers, or derive from their"
        f" AbstractScheduler, not {scheduler!r}"
    )
    raise SettingsError(message)


@final
class TuneConfig(AbstractConfig):
    """What is optimised, by what, and with how many members.

    Args:
        mode: "max" or "min". The first positional argument, as in Tune.
        metric: The reported metric.
        search_alg: What chooses the first members: ``BasicVariantGenerator`` or ``OptunaSearch``.
        scheduler: ``PopulationBasedTraining(...)``; without one every trial just trains.
        num_samples: Members of the population; a grid search multiplies it.
        max_concurrent_trials: At most so many train at once. It limits parallelism, not the
            population.
        time_budget_s: Seconds, or a ``timedelta``, after which every trial ends; a resumed run
            goes on with what is left.
        reuse_actors: Whether a process goes on with the next trial; False forks a fresh one for
            each start.
        trial_name_creator: A function of a trial that gives the name by which it is shown.
        trial_dirname_creator: A function of a trial that gives a second name to its folder: a link
            in the run's folder, beside the trial's id.
        chdir_to_trial_dir: Left out: the working directory stays as it is, and
            ``get_context().get_trial_dir()`` names the trial's folder.
        seed: Fixes every decision that doesn't depend on timing. Chosen and stored if left out.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(  # noqa: PLR0913, PLR0917  Tune's own signature
        self,
        mode: Mode | None = None,
        metric: str | None = None,
        search_alg: AbstractSearcher | None = None,
        scheduler: AbstractTuneScheduler | AbstractScheduler | None = None,
        num_samples: int = 1,
        max_concurrent_trials: int | None = None,
        time_budget_s: float | timedelta | None = None,
        reuse_actors: bool = True,  # noqa: FBT001, FBT002
        trial_name_creator: Callable[..., str] | None = None,
        trial_dirname_creator: Callable[..., str] | None = None,
        chdir_to_trial_dir: object = "DEPRECATED",
        *,
        seed: int | None = None,
    ) -> None:
        check_mode(mode)
        if not isinstance(num_samples, int) or num_samples < 1:
            message = f"num_samples must be an int >= 1, not {num_samples!r}"
            raise SettingsError(message)
        if max_concurrent_trials is not None and max_concurrent_trials < 1:
            message = f"max_concurrent_trials must be None or >= 1, not {max_concurrent_trials!r}"
            raise SettingsError(message)
        _check_scheduler(scheduler)
        if chdir_to_trial_dir not in {"DEPRECATED", False, None}:
            full = "ray.tune.TuneConfig(chdir_to_trial_dir=...)"
            why = "it is left alone; get_context().get_trial_dir() names the trial's folder"
            raise NotInPbtune(full, why)
        _check_creators(trial_name_creator, trial_dirname_creator)
        if seed is not None and not isinstance(seed, int):
            message = f"seed must be an int or None, not {seed!r}"
            raise SettingsError(message)
        self.mode = agreed(search_alg, "mode", mode)
        self.metric = agreed(search_alg, "metric", metric)
        self.search_alg = search_alg
        self.scheduler = scheduler
        self.num_samples = num_samples
        self.max_concurrent_trials = agreed(search_alg, LIMIT, max_concurrent_trials)
        self.time_budget_s = time_budget_s
        stopper_of(None, time_budget_s)
        self.reuse_actors = reuse_actors
        self.trial_name_creator = trial_name_creator
        self.trial_dirname_creator = trial_dirname_creator
        self.seed = agreed(search_alg, "seed", seed)
