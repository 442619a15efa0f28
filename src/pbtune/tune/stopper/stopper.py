"""What a stopper is: asked about every report, and whether the whole run should end."""

from abc import ABC, abstractmethod
from typing import Any, final


class Stopper(ABC):
    """Ends trials, and runs. Subclass it and pass an instance as ``RunConfig(stop=...)``.

    It is called in the driver, once per report, in the order in which the reports arrived. Its
    answers are recorded, so that a run that is resumed or verified doesn't ask again.
    """

    @abstractmethod
    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether this report ends its trial.

        Args:
            trial_id: Whose report it is.
            result: The reported metrics with the keys that Tune fills in, nested as they were
                reported; nested ones are there under their '/'-joined paths too.
        """

    @abstractmethod
    def stop_all(self) -> bool:
        """Whether every trial ends now; asked after each report, and while none arrive."""


@final
class CombinedStopper(Stopper):
    """Stops as soon as one of its stoppers does; those behind it aren't asked then, as in Tune."""

    def __init__(self, *stoppers: Stopper) -> None:
        self.stoppers = stoppers

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """See the base class."""
        return any(stopper(trial_id, result) for stopper in self.stoppers)

    def stop_all(self) -> bool:
        """See the base class."""
        return any(stopper.stop_all() for stopper in self.stoppers)
