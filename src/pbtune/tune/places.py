"""Ray's own paths, where ours differ: ``pbtune.tune.execution.placement_groups`` and the like.

A finder behind all others, which makes the modules that Ray has and we don't, out of two tables:
``HOMES``, where a name is at home here, and ``ABSENT``, why it is not here at all. Modules of ours
that have a namesake in Ray ask ``elsewhere`` for what they lack themselves.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final, final

from pbtune.errors import NotInPbtune
from pbtune.tune.absent import why_absent

_PREFIX: Final = "pbtune."

HOMES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "air.config": {
        "air": ("CheckpointConfig", "FailureConfig", "RunConfig", "ScalingConfig"),
        "tune.result": ("MAX", "MIN"),
    },
    "air.constants": {
        "tune.result": (
            *("EXPR_ERROR_FILE", "EXPR_ERROR_PICKLE_FILE", "EXPR_PARAM_FILE"),
            *("EXPR_PARAM_PICKLE_FILE", "EXPR_PROGRESS_FILE", "EXPR_RESULT_FILE", "TIMESTAMP"),
            *("TIME_THIS_ITER_S", "TRAINING_ITERATION", "TRAIN_DATASET_KEY"),
        ),
    },
    "air.result": {"tune.results": ("Result",)},
    "air.session": {
        "tune.context": (
            *("get_checkpoint", "get_experiment_name", "get_local_rank", "get_local_world_size"),
            *("get_metadata", "get_node_rank", "get_storage", "get_trial_dir", "get_trial_id"),
            *("get_trial_name", "get_trial_resources", "get_world_rank", "get_world_size"),
            "report",
        ),
    },
    "train.constants": {
        "tune.result": ("CHECKPOINT_DIR_NAME", "TRAIN_DATASET_KEY"),
    },
    "train.context": {"tune.context": ("TrainContext", "get_context")},
    "train.error": {"tune.error": ("SessionMisuseError",)},
    "tune.analysis.experiment_analysis": {"tune.analysis": ("ExperimentAnalysis",)},
    "tune.constants": {},
    "tune.execution.placement_groups": {
        "tune.resources": ("PlacementGroupFactory", "resource_dict_to_pg_factory"),
    },
    "tune.experiment.experiment": {"tune.experiment": ("Experiment",)},
    "tune.experiment.trial": {"tune.experiment": ("Trial",)},
    "tune.impl": {},
    "tune.impl.config": {"tune.configs": ("CheckpointConfig", "FailureConfig", "RunConfig")},
    "tune.integration": {},
    "tune.logger.mlflow": {"air.integrations.mlflow": ("MLflowLoggerCallback",)},
    "tune.logger.wandb": {"air.integrations.wandb": ("WandbLoggerCallback",)},
    "tune.logger.tensorboardx": {"tune.logger": ("TBXLoggerCallback",)},
    "tune.search.optuna.optuna_search": {"tune.search.optuna": ("OptunaSearch",)},
    "tune.search.searcher": {"tune.search": ("ConcurrencyLimiter",)},
    "tune.syncer": {"tune.configs": ("SyncConfig",)},
    "tune.trainable.trainable": {"tune.trainable": ("Trainable",)},
    "tune.trainable.trainable_fn_utils": {
        "tune": ("Checkpoint", "get_checkpoint", "report"),
    },
    "tune.trainable.util": {
        "tune.parameters": ("with_parameters",),
        "tune.resources": ("with_resources",),
    },
    "tune.utils.util": {
        "tune.utils": (
            *("date_str", "diagnose_serialization", "retry_fn", "validate_save_restore"),
            *("wait_for_gpu", "warn_if_slow"),
        ),
    },
}
"""{a module that Ray has and we don't: {our module: the names that it takes from there}}."""

EXTRA: Final[Mapping[str, Mapping[str, str]]] = {
    "tune.trainable": {"with_parameters": "tune.parameters"},
}
"""{a module of ours with a namesake in Ray: {a name that it has there: where ours is}}."""


def elsewhere(module: str, name: str) -> object:
    """What ``module.__getattr__`` answers: a name that is at home in another module of ours.

    Raises:
        NotInPbtune: If Ray has it, and we don't.
        AttributeError: If neither has.
    """
    path = "" if module == "pbtune" else module.removeprefix(_PREFIX)
    home = EXTRA.get(path, {}).get(name)
    if home is not None:
        return getattr(importlib.import_module(_PREFIX + home), name)
    # Tools that walk over modules ask for __file__ and the like, and expect Python's own answer.
    if not name.startswith("__"):
        refuse(path, name)
    message = f"module {module!r} has no attribute {name!r}"
    raise AttributeError(message)


def refuse(path: str, name: str) -> None:
    """Raise NotInPbtune if a name under a module is one of Ray's that we don't have."""
    why = why_absent(path, name)
    if why is not None:
        full = f"ray.{path}.{name}" if path else f"ray.{name}"
        raise NotInPbtune(full, why)


def install() -> None:
    """Let Ray's paths be imported under our name, in this process."""
    if not any(isinstance(finder, PlaceFinder) for finder in sys.meta_path):
        sys.meta_path.append(PlaceFinder())


@final
class PlaceFinder(MetaPathFinder, Loader):
    """Finds the modules of the tables; asked last, when there is no file of that name."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """A spec for a module of the tables; none for any other.

        Raises:
            NotInPbtune: If the module is one of Ray's that we don't have.
        """
        del path, target
        if not fullname.startswith(_PREFIX):
            return None
        own = fullname.removeprefix(_PREFIX)
        if own in HOMES or any(it.startswith(f"{own}.") for it in HOMES):
            return ModuleSpec(fullname, self, is_package=True)
        head, _, tail = own.rpartition(".")
        refuse(head, tail)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module that answers with names of other modules."""
        return Place(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing runs: names are looked up when they are asked for."""


@final
class Place(ModuleType):
    """A module that only Ray has, answering with our names."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Tune's place of this name: see {name.replace(_PREFIX, 'ray.')}.")
        self.__path__ = []
        homes = HOMES.get(name.removeprefix(_PREFIX), {})
        self._homes = {it: home for home, names in homes.items() for it in names}
        self.__all__ = sorted(self._homes)

    def __getattr__(self, name: str) -> object:
        if name in self._homes:
            return getattr(importlib.import_module(_PREFIX + self._homes[name]), name)
        return elsewhere(self.__name__, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__all__})

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        """By name, as cloudpickle does with modules of the plain type."""
        return importlib.import_module, (self.__name__,)
