"""``Experiment``: one run as data, for ``tune.run`` and ``tune.run_experiments``."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, final

from pbtune.errors import NotInPbtune, SettingsError
from pbtune.reporting.observed import ObservedTrial as Trial
from pbtune.tune.configs import CheckpointConfig
from pbtune.tune.places import elsewhere
from pbtune.tune.registry import registered
from pbtune.tune.stopper import Stopper

__all__ = ["Experiment", "Trial"]

_WHY_NOT: Final = {
    "storage_filesystem": "runs live in local folders so far; give storage_path",
    "export_formats": "save what you need as a checkpoint",
    "restore": "use Tuner.restore(path), or load the state in the training function",
    "local_dir": "use storage_path",
    "resume_config": "use Tuner.restore(path, resume_errored=True, ...)",
}


def refuse(call: str, given: Mapping[str, object]) -> None:
    """Raise NotInPbtune for an argument of Tune's that would have no effect here."""
    for name, why in _WHY_NOT.items():
        if given.get(name):
            full = f"ray.tune.{call}({name}=...)"
            raise NotInPbtune(full, why)


@final
class Experiment:
    """A training, its search space and its settings, under one name.

    Args:
        name: The run's name.
        run: A function, a class, or the name that one is registered under.
        stop: As RunConfig's.
        time_budget_s: As TuneConfig's.
        config: The search space.
        resources_per_trial: As ``with_resources`` takes it.
        num_samples: Members of the population.
        storage_path: As RunConfig's.
        storage_filesystem: None: runs live in local folders.
        sync_config: Accepted; there is nothing to synchronise.
        checkpoint_config: A CheckpointConfig, or its arguments as a dict.
        trial_name_creator: As TuneConfig's.
        trial_dirname_creator: As TuneConfig's.
        log_to_file: As RunConfig's.
        export_formats: None or empty.
        max_failures: As FailureConfig's.
        restore: None.
        local_dir: None: use ``storage_path``.

    Raises:
        SettingsError: If a value is not of its kind.
        NotInPbtune: If an argument has no meaning here.
    """

    def __init__(  # noqa: PLR0913  Tune's own signature
        self,
        name: str | None,
        run: str | Callable[..., Any],
        *,
        stop: Mapping[str, float] | Callable[..., bool] | Sequence[Stopper] | None = None,
        time_budget_s: float | timedelta | None = None,
        config: Mapping[str, Any] | None = None,
        resources_per_trial: object = None,
        num_samples: int = 1,
        storage_path: str | os.PathLike[str] | None = None,
        storage_filesystem: object = None,
        sync_config: object = None,
        checkpoint_config: CheckpointConfig | Mapping[str, Any] | None = None,
        trial_name_creator: Callable[..., str] | None = None,
        trial_dirname_creator: Callable[..., str] | None = None,
        log_to_file: bool | str | tuple[str, str] = False,
        export_formats: Sequence[str] | None = None,
        max_failures: int = 0,
        restore: str | None = None,
        local_dir: str | None = None,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "self"}
        refuse("Experiment", given)
        if config is not None and not isinstance(config, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"Experiment(config=...) must be a dict, not {type(config).__name__}"
            raise SettingsError(message)
        registered(run)
        if isinstance(checkpoint_config, Mapping):
            given["checkpoint_config"] = CheckpointConfig(**checkpoint_config)
        self.name = name
        self.run = run
        self.spec: dict[str, Any] = {
            key: value for key, value in given.items() if key not in {"name", *_WHY_NOT}
        }

    @classmethod
    def from_json(cls, name: str, spec: Mapping[str, Any]) -> "Experiment":
        """An experiment from a dict: ``{"run": train, "config": {...}, "num_samples": 4}``.

        Raises:
            SettingsError: If "run" is missing, or a key is none of Experiment's arguments.
        """
        if "run" not in spec:
            message = f"the experiment {name!r} names no training: give it a 'run'"
            raise SettingsError(message)
        rest = {key: value for key, value in spec.items() if key != "run"}
        try:
            return cls(name, spec["run"], **rest)
        except TypeError as error:
            message = f"the experiment {name!r} can't be made of {sorted(spec)}: {error}"
            raise SettingsError(message) from error

    def __repr__(self) -> str:
        """Its name and its training."""
        return f"Experiment({self.name!r}, {self.run!r})"


__path__: list[str] = []  # Ray has a package of this name; ``places`` finds its modules


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
