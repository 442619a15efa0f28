"""Tune's place for ``Result``, and for the names of the keys that every report has."""

from typing import Final

from pbtune.tune.places import elsewhere
from pbtune.tune.results import Result as Result

CHECKPOINT_DIR_NAME: Final = "checkpoint_dir_name"
CONFIG_PREFIX: Final = "config"
DEFAULT_EXPERIMENT_NAME: Final = "default"
DEFAULT_METRIC: Final = "_metric"
DONE: Final = "done"
EPISODES_THIS_ITER: Final = "episodes_this_iter"
EPISODES_TOTAL: Final = "episodes_total"
EPISODE_REWARD_MEAN: Final = "episode_reward_mean"
EXPERIMENT_TAG: Final = "experiment_tag"
EXPR_ERROR_FILE: Final = "error.txt"
EXPR_ERROR_PICKLE_FILE: Final = "error.pkl"
EXPR_PARAM_FILE: Final = "params.json"
EXPR_PARAM_PICKLE_FILE: Final = "params.pkl"
EXPR_PROGRESS_FILE: Final = "progress.csv"
EXPR_RESULT_FILE: Final = "result.json"
HOSTNAME: Final = "hostname"
MAX: Final = "max"
MEAN_ACCURACY: Final = "mean_accuracy"
MEAN_LOSS: Final = "mean_loss"
MIN: Final = "min"
NODE_IP: Final = "node_ip"
PID: Final = "pid"
RESULT_DUPLICATE: Final = "__duplicate__"
SHOULD_CHECKPOINT: Final = "should_checkpoint"
TIMESTAMP: Final = "timestamp"
TIMESTEPS_THIS_ITER: Final = "timesteps_this_iter"
TIMESTEPS_TOTAL: Final = "timesteps_total"
TIME_THIS_ITER_S: Final = "time_this_iter_s"
TIME_TOTAL_S: Final = "time_total_s"
TRAINING_ITERATION: Final = "training_iteration"
TRAIN_DATASET_KEY: Final = "train"
TRIAL_ID: Final = "trial_id"
TRIAL_INFO: Final = "__trial_info__"

DEFAULT_RESULT_KEYS: Final = (TRAINING_ITERATION, TIME_TOTAL_S, MEAN_ACCURACY, MEAN_LOSS)
DEFAULT_EXPERIMENT_INFO_KEYS: Final = ("trainable_name", EXPERIMENT_TAG, TRIAL_ID)
DEBUG_METRICS: Final = (TRIAL_ID, "date", TIMESTAMP, PID, HOSTNAME, NODE_IP, "config")
AUTO_RESULT_KEYS: Final = (
    *(TRAINING_ITERATION, TIME_TOTAL_S, EPISODES_TOTAL, TIMESTEPS_TOTAL, NODE_IP, HOSTNAME, PID),
    *(TIME_THIS_ITER_S, TIMESTAMP, "date", "time_since_restore", "timesteps_since_restore"),
    *("iterations_since_restore", "config", CHECKPOINT_DIR_NAME),
)

__all__ = [
    "AUTO_RESULT_KEYS",
    "CHECKPOINT_DIR_NAME",
    "CONFIG_PREFIX",
    "DEBUG_METRICS",
    "DEFAULT_EXPERIMENT_INFO_KEYS",
    "DEFAULT_EXPERIMENT_NAME",
    "DEFAULT_METRIC",
    "DEFAULT_RESULT_KEYS",
    "DONE",
    "EPISODES_THIS_ITER",
    "EPISODES_TOTAL",
    "EPISODE_REWARD_MEAN",
    "EXPERIMENT_TAG",
    "EXPR_ERROR_FILE",
    "EXPR_ERROR_PICKLE_FILE",
    "EXPR_PARAM_FILE",
    "EXPR_PARAM_PICKLE_FILE",
    "EXPR_PROGRESS_FILE",
    "EXPR_RESULT_FILE",
    "HOSTNAME",
    "MAX",
    "MEAN_ACCURACY",
    "MEAN_LOSS",
    "MIN",
    "NODE_IP",
    "PID",
    "RESULT_DUPLICATE",
    "SHOULD_CHECKPOINT",
    "TIMESTAMP",
    "TIMESTEPS_THIS_ITER",
    "TIMESTEPS_TOTAL",
    "TIME_THIS_ITER_S",
    "TIME_TOTAL_S",
    "TRAINING_ITERATION",
    "TRAIN_DATASET_KEY",
    "TRIAL_ID",
    "TRIAL_INFO",
    "Result",
]


def __getattr__(name: str) -> object:
    return elsewhere(__name__, name)
