"""Where pbtune answers a case otherwise than Ray Tune 2.60, on purpose."""

from typing import NamedTuple


class Difference(NamedTuple):
    """What pbtune answers, and why."""

    ours: object
    because: str


_SPACE_ERROR = [
    *("SpaceError", "SettingsError", "UserError", "PbtuneError", "ValueError", "Exception"),
    "BaseException",
]
_SETTINGS_ERROR = _SPACE_ERROR[1:]

DIFFERENCES: dict[str, Difference] = {
    "classes.results.without_saving": Difference(
        [2, None], "a class that can't save is not asked to at its end"
    ),
    "classes.by_hand.restored": Difference(
        [2, 7], "a directory knows the iteration it was saved at"
    ),
    "classes.by_hand.goes_on": Difference(
        [3, 8], "a directory knows the iteration it was saved at"
    ),
    "configs.pbt_refused.nothing": Difference(None, "the whole search space is mutated then"),
    "configs.pb2_refused.nothing": Difference(None, "the bounds of the search space hold then"),
    "configs.pb2_refused.ok": Difference(None, "PB2 needs no scikit-learn"),
    "configs.pb2_refused.no_pair": Difference(
        {"raises": _SPACE_ERROR}, "the bounds are looked at; no scikit-learn is needed"
    ),
    "functions.users_own_keys.stand": Difference(
        {"training_iteration": 70, "time_total_s": 5.0}, "a user's own time stands as it is"
    ),
    "functions.context.world": Difference([1, 0, 0, 0, 1], "a trial is one process, and says so"),
    "functions.errors.error_is_a_runtime_error": Difference(
        True, "TrialFailed is a RuntimeError, besides the user's own kind"
    ),
    "populations.refused.bad_mode": Difference(
        {"raises": _SETTINGS_ERROR}, "a bad mode is found when it is given, not in fit()"
    ),
    "results.nan.kept": Difference({"float": "inf"}, "NaN is never the best"),
    "results.files.events": Difference(False, "TensorBoard's files are written by its callback"),
}
