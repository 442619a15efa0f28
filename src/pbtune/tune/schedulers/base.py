"""The settings of a scheduler as a user types them, before the search space is known."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from pbtune.core.schedulers.base import AbstractScheduler as AbstractScheduler
from pbtune.errors import SchedulerNotPorted

RAY_HOOKS: Final = (
    *("on_trial_add", "on_trial_result", "on_trial_error", "on_trial_complete", "on_trial_remove"),
    *("choose_trial_to_run", "set_search_properties", "debug_string", "save", "restore"),
    *("_exploit", "_get_new_config", "_quantiles", "_checkpoint_or_exploit", "_perturb_trial"),
)
"""What a scheduler written for Ray Tune overrides; here nothing would ever call it."""


class AbstractTuneScheduler(ABC):
    """Tune's name and arguments for one of the core's schedulers.

    It only holds settings. To write a method of your own, derive from
    ``pbtune.tune.schedulers.AbstractScheduler``; docs/schedulers.md shows how.

    Raises:
        SchedulerNotPorted: If a subclass overrides what Ray Tune's engine would call.
    """

    metric: str | None = None
    mode: str | None = None
    needs_metric: bool = True
    log_config: bool = True

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "AbstractTuneScheduler":  # noqa: ANN401, PYI034  Self needs Python 3.11
        """Refuse what would be overridden in vain."""
        hooks = [name for name in RAY_HOOKS if hasattr(cls, name)]
        if hooks:
            raise SchedulerNotPorted(cls.__qualname__, hooks)
        return super().__new__(cls)

    def check_count(self, count: int) -> None:
        """Refuse a population of a size that makes no sense; none by default.

        Raises:
            SettingsError: If there are too many members.
        """
        del count

    @abstractmethod
    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """The core's scheduler for a search space.

        Raises:
            SpaceError: If it would mutate what the space doesn't have.
        """

    @abstractmethod
    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """What it mutates in a search space, by config key; empty if nothing."""


TrialScheduler: Final = AbstractTuneScheduler
