# ruff: noqa: ARG002  hooks are told more than each one needs
"""What a logger is: a callback that keeps something open for each trial."""

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pbtune.reporting.observed import ObservedTrial
from pbtune.tune.callback import Callback, Trials


class LoggerCallback(Callback, ABC):
    """Writes results down, trial by trial. Close in ``log_trial_end`` what you opened.

    Trials that have not ended when the run does get no ``log_trial_end``; ``on_experiment_end`` is
    the place for them.
    """

    def log_trial_start(self, trial: ObservedTrial) -> None:
        """A trial starts, for the first time or again."""

    def log_trial_restore(self, trial: ObservedTrial) -> None:
        """A trial goes on from a checkpoint."""

    def log_trial_save(self, trial: ObservedTrial) -> None:
        """A trial has saved a checkpoint."""

    def log_trial_result(
        self, iteration: int, trial: ObservedTrial, result: dict[str, Any]
    ) -> None:
        """A trial has reported."""

    def log_trial_end(
        self,
        trial: ObservedTrial,
        failed: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> None:
        """A trial has ended; ``failed`` for good, or well."""

    def on_trial_result(
        self,
        iteration: int,
        trials: Trials,
        trial: ObservedTrial,
        result: dict[str, Any],
        **info: object,
    ) -> None:
        """See the base class."""
        self.log_trial_result(iteration, trial, result)

    def on_trial_start(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """See the base class."""
        self.log_trial_start(trial)

    def on_trial_restore(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """See the base class."""
        self.log_trial_restore(trial)

    def on_trial_save(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """See the base class."""
        self.log_trial_save(trial)

    def on_trial_complete(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """See the base class."""
        self.log_trial_end(trial, failed=False)

    def on_trial_error(
        self, iteration: int, trials: Trials, trial: ObservedTrial, **info: object
    ) -> None:
        """See the base class."""
        self.log_trial_end(trial, failed=True)


def pretty_print(result: dict[str, Any], exclude: set[str] | None = None) -> str:
    """A result as text, one value a line, nested ones indented; without the config and Nones.

    Args:
        result: What was reported.
        exclude: Further keys to leave out.
    """
    left_out = {"config", *(exclude or ())}
    shown = {
        key: value for key, value in result.items() if key not in left_out and value is not None
    }
    return "".join(f"{line}\n" for line in _lines(shown, ""))


def _lines(value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in sorted(cast("Mapping[str, object]", value).items(), key=str):
            if isinstance(inner, (Mapping, list, tuple)) and inner:
                yield f"{indent}{key}:"
                is_dict = isinstance(inner, Mapping)
                yield from _lines(cast("object", inner), f"{indent}  " if is_dict else indent)
            else:
                yield f"{indent}{key}: {_word(inner)}"
        return
    for item in cast("Sequence[object]", value):
        yield f"{indent}- {_word(item)}"


def _word(value: object) -> str:
    if value is None:
        return "null"
    item = getattr(value, "item", None)
    plain = item() if callable(item) else value
    return str(plain).lower() if isinstance(plain, bool) else str(plain)
