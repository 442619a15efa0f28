"""The settings of a scheduler as a user types them, before the search space is known."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from pbtune.core.schedulers.base import AbstractScheduler


class AbstractTuneScheduler(ABC):
    """Tune's name and arguments for one of the core's schedulers."""

    metric: str | None = None
    mode: str | None = None

    @abstractmethod
    def resolve(self, param_space: Mapping[str, object]) -> AbstractScheduler:
        """The core's scheduler for a search space.

        Raises:
            SpaceError: If it would mutate what the space doesn't have.
        """

    @abstractmethod
    def mutations(self, param_space: Mapping[str, object]) -> Mapping[str, object]:
        """What it mutates in a search space, by config key; empty if nothing."""
