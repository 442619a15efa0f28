"""The settings that a user types, under Tune's names and with Tune's defaults."""

import os
from abc import ABC
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, final

from pbtune.errors import SettingsError
from pbtune.tune.schedulers.base import AbstractTuneScheduler

Mode = Literal["max", "min"]
DEFAULT_STORAGE = "pbtune_results"


def check_mode(mode: object) -> None:
    """Raise SettingsError unless the mode is one of Tune's two, or None."""
    if mode not in {None, "max", "min"}:
        message = f'mode must be "max" or "min", not {mode!r}'
        raise SettingsError(message)


class _Settings(ABC):  # noqa: B024  nothing is left open: it only shows what it was given
    """Prints as the call that makes it."""

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(repr(self))


@final
class CheckpointConfig(_Settings):
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
class FailureConfig(_Settings):
    """What a failed attempt leads to.

    Args:
        max_failures: Retries of each trial from its last checkpoint; -1 for no limit.
        fail_fast: True halts the run at the first failure; "raise" lets ``fit`` raise it.

    Raises:
        SettingsError: If ``fail_fast`` meets retries, or a value is out of its range.
    """

    def __init__(self, max_failures: int = 0, fail_fast: bool | str = False) -> None:  # noqa: FBT001, FBT002  Tune's own signature
        if max_failures < -1:
            message = f"max_failures must be -1 (no limit) or >= 0, not {max_failures!r}"
            raise SettingsError(message)
        if fail_fast not in {True, False, "raise"}:
            message = f'fail_fast must be True, False or "raise", not {fail_fast!r}'
            raise SettingsError(message)
        if fail_fast and max_failures != 0:
            message = f"fail_fast={fail_fast!r} halts at the first failure: leave max_failures at 0"
            raise SettingsError(message)
        self.max_failures = max_failures
        self.fail_fast = fail_fast


@final
class RunConfig(_Settings):
    """Where a run lives, when it ends and what it shows.

    Args:
        name: The run's folder under the storage root; the function's name and the date otherwise.
            A name that is taken becomes ``name_1``.
        storage_path: The storage root; else PBTUNE_STORAGE, else ``./pbtune_results``.
        stop: {metric: bound}: a trial ends as soon as one metric is >= its bound.
        failure_config: What a failed attempt leads to.
        checkpoint_config: Which checkpoints are kept.
        verbose: 0 or False shows only where the run is, 1 the population (the default), 2 also
            what trials print.
        resume: "auto" goes on with the run of this name if there is one; "override" also if its
            settings differ. Ours.
        durability: "process": nothing acknowledged is lost when a process is killed; "power": nor
            when the machine is, at a cost of about 0.1 ms a commit. Ours.

    Raises:
        SettingsError: If a value is not of its kind.
    """

    def __init__(  # noqa: PLR0913  Tune's own signature, and two of ours
        self,
        name: str | None = None,
        storage_path: str | os.PathLike[str] | None = None,
        *,
        failure_config: FailureConfig | None = None,
        checkpoint_config: CheckpointConfig | None = None,
        verbose: int | bool | None = None,
        stop: Mapping[str, float] | Callable[..., bool] | None = None,
        resume: bool | str = False,
        durability: str = "process",
    ) -> None:
        self.name = name
        self.storage_path = None if storage_path is None else os.fspath(storage_path)
        self.failure_config = failure_config or FailureConfig()
        self.checkpoint_config = checkpoint_config or CheckpointConfig()
        self.verbose = 1 if verbose is None else int(verbose)
        self.stop = stop
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

    def storage_root(self) -> Path:
        """The folder that runs live in, absolute."""
        root = self.storage_path or os.environ.get("PBTUNE_STORAGE") or DEFAULT_STORAGE
        if "://" in root:
            message = (
                f"storage_path={root!r} is a URL; runs live in a local folder so far. Give a path."
            )
            raise SettingsError(message)
        return Path(root).expanduser().absolute()

    def stop_bounds(self) -> tuple[tuple[str, float], ...]:
        """``stop`` as pairs.

        Raises:
            SettingsError: If it isn't a dict of numbers.
        """
        if self.stop is None:
            return ()
        if not isinstance(self.stop, Mapping):
            message = (
                f"stop must be a dict like {{'training_iteration': 100}}, not"
                f" {type(self.stop).__name__}"
            )
            raise SettingsError(message)
        for key, bound in self.stop.items():
            if not isinstance(bound, (int, float)) or bound != bound:  # noqa: PLR0124  NaN
                message = f"stop[{key!r}] must be a number that {key} has to reach, not {bound!r}"
                raise SettingsError(message)
        return tuple((key, float(bound)) for key, bound in self.stop.items())


@final
class TuneConfig(_Settings):
    """What is optimised, by what, and with how many members.

    Args:
        mode: "max" or "min". The first positional argument, as in Tune.
        metric: The reported metric.
        scheduler: ``PopulationBasedTraining(...)``; without one every trial just trains.
        num_samples: Members of the population; a grid search multiplies it.
        max_concurrent_trials: At most so many train at once. It limits parallelism, not the
            population.
        reuse_actors: Whether a process goes on with the next trial; False forks a fresh one for
            each start.
        seed: Fixes every decision that doesn't depend on timing. Chosen and stored if left out.

    Raises:
        SettingsError: If a value is out of its range.
    """

    def __init__(  # noqa: PLR0913  Tune's own signature
        self,
        mode: Mode | None = None,
        metric: str | None = None,
        *,
        scheduler: AbstractTuneScheduler | None = None,
        num_samples: int = 1,
        max_concurrent_trials: int | None = None,
        reuse_actors: bool = True,
        seed: int | None = None,
    ) -> None:
        check_mode(mode)
        if not isinstance(num_samples, int) or num_samples < 1:
            message = f"num_samples must be an int >= 1, not {num_samples!r}"
            raise SettingsError(message)
        if max_concurrent_trials is not None and max_concurrent_trials < 1:
            message = f"max_concurrent_trials must be None or >= 1, not {max_concurrent_trials!r}"
            raise SettingsError(message)
        if scheduler is not None and not isinstance(scheduler, AbstractTuneScheduler):
            message = (
                f"scheduler must be one of pbtune.tune.schedulers, not"
                f" {type(scheduler).__module__}.{type(scheduler).__qualname__}"
            )
            raise SettingsError(message)
        if seed is not None and not isinstance(seed, int):
            message = f"seed must be an int or None, not {seed!r}"
            raise SettingsError(message)
        self.mode = mode
        self.metric = metric
        self.scheduler = scheduler
        self.num_samples = num_samples
        self.max_concurrent_trials = max_concurrent_trials
        self.reuse_actors = reuse_actors
        self.seed = seed
