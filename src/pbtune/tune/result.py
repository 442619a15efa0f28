"""Tune's place for ``Result``, and for the names of the keys that every report has."""

from typing import Final

from pbtune.tune.results import Result as Result

DEFAULT_METRIC: Final = "_metric"
DONE: Final = "done"
TIME_THIS_ITER_S: Final = "time_this_iter_s"
TIME_TOTAL_S: Final = "time_total_s"
TIMESTEPS_TOTAL: Final = "timesteps_total"
TRAINING_ITERATION: Final = "training_iteration"
TRIAL_ID: Final = "trial_id"

__all__ = [
    "DEFAULT_METRIC",
    "DONE",
    "TIMESTEPS_TOTAL",
    "TIME_THIS_ITER_S",
    "TIME_TOTAL_S",
    "TRAINING_ITERATION",
    "TRIAL_ID",
    "Result",
]
