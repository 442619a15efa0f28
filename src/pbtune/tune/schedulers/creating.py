"""``create_scheduler``: a scheduler by its name."""

import inspect
from typing import Any, Final

from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.schedulers.async_hyperband import AsyncHyperBandScheduler
from pbtune.tune.schedulers.base import AbstractTuneScheduler
from pbtune.tune.schedulers.fifo import FIFOScheduler
from pbtune.tune.schedulers.hyperband import HyperBandScheduler
from pbtune.tune.schedulers.median_stopping_rule import MedianStoppingRule
from pbtune.tune.schedulers.pb2 import PB2
from pbtune.tune.schedulers.population_based_training import PopulationBasedTraining
from pbtune.tune.schedulers.replay import PopulationBasedTrainingReplay

_OURS: Final[dict[str, type[AbstractTuneScheduler]]] = {
    "fifo": FIFOScheduler,
    "async_hyperband": AsyncHyperBandScheduler,
    "asynchyperband": AsyncHyperBandScheduler,
    "median_stopping_rule": MedianStoppingRule,
    "medianstopping": MedianStoppingRule,
    "hyperband": HyperBandScheduler,
    "pbt": PopulationBasedTraining,
    "pbt_replay": PopulationBasedTrainingReplay,
    "pb2": PB2,
}
ABSENT: Final = {
    "hb_bohb": "HyperBandForBOHB",
    "resource_changing": "ResourceChangingScheduler",
}
WHY_ABSENT: Final = {
    "HyperBandForBOHB": "it needs the searcher TuneBOHB; HyperBandScheduler is the same method",
    "ResourceChangingScheduler": (
        "a trial's resources are fixed by tune.with_resources; run again with others"
    ),
}


def create_scheduler(scheduler: str, **kwargs: Any) -> AbstractTuneScheduler:  # noqa: ANN401  any setting
    """A scheduler by its name.

    Args:
        scheduler: "fifo", "async_hyperband", "median_stopping_rule", "hyperband", "pbt",
            "pbt_replay" or "pb2", in any case; or Tune's other names of them.
        **kwargs: Its arguments; those that it doesn't take are left out, as in Tune.

    Raises:
        NotInPbtune: If it is one of Tune's other schedulers.
        SettingsError: If there is none of this name.
    """
    name = scheduler.lower()
    if name in ABSENT:
        absent = f"ray.tune.schedulers.{ABSENT[name]}"
        raise NotInPbtune(absent, WHY_ABSENT[ABSENT[name]])
    if name not in _OURS:
        message = f"The `scheduler` argument must be one of {list(_OURS)}. Got: {scheduler}"
        raise SettingsError(message)
    taken = inspect.signature(_OURS[name].__init__).parameters
    return _OURS[name](**{key: value for key, value in kwargs.items() if key in taken})
