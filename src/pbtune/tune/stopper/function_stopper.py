"""A function as a stopper: what ``RunConfig(stop=function)`` makes of it."""

from collections.abc import Callable
from typing import Any, final

from pbtune.errors import SettingsError
from pbtune.tune.stopper.stopper import Stopper

Function = Callable[[str, dict[str, Any]], bool]


@final
class FunctionStopper(Stopper):
    """Ends a trial when ``function(trial_id, result)`` is true."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """See the base class."""
        return self._function(trial_id, result)

    def stop_all(self) -> bool:
        """See the base class."""
        return False

    @property
    def name(self) -> str:
        """What the function is called."""
        return str(getattr(self._function, "__name__", type(self._function).__name__))

    @classmethod
    def is_valid_function(cls, fn: object) -> bool:
        """Whether an object is a function for this class, and no stopper by itself.

        Raises:
            SettingsError: If it looks like a stopper without being one.
        """
        if not callable(fn) or isinstance(fn, Stopper):
            return False
        if hasattr(fn, "stop_all"):
            message = (
                f"stop has a stop_all(), but {type(fn).__qualname__} is no subclass of"
                f" pbtune.tune.Stopper: make it one"
            )
            raise SettingsError(message)
        return True
