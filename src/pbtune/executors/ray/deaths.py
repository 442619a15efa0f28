"""What the end of an actor means: for its trial, and for the run."""

from typing import Final, final

from pbtune.errors import EnvironmentFault

UNREACHED_MAX: Final = 3
"""Actors in a row that may fail to begin their work before the run gives up."""


def death(error: BaseException, *, lost: bool) -> str:
    """What Ray says about the end of an actor, in one line."""
    lines = [line.strip() for line in str(error).strip().splitlines()]
    if is_unborn(error):
        reason = _cause(error)
    else:
        reason = next((it for it in lines if "died" in it or "killed" in it), " ".join(lines))
    if lost:
        return f"its Ray node was lost ({type(error).__name__}): {reason}"
    return f"its Ray actor died ({type(error).__name__}): {reason}"


def is_unborn(error: BaseException) -> bool:
    """Whether an actor never began: it couldn't be made, or couldn't reach the driver."""
    return isinstance(error, ConnectionError) or bool(getattr(error, "actor_init_failed", False))


def _cause(error: BaseException) -> str:
    """The exception that an actor ended with: the last line of what Ray tells."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


@final
class Births:
    """Notices when no actor ever begins: then waiting helps nobody."""

    def __init__(self) -> None:
        self._failed_count = 0

    def succeeded(self) -> None:
        """An actor has begun."""
        self._failed_count = 0

    def failed(self, error: BaseException) -> None:
        """One that never will.

        Raises:
            EnvironmentFault: If several in a row couldn't; says why the last one couldn't.
        """
        self._failed_count += 1
        if self._failed_count < UNREACHED_MAX:
            return
        if isinstance(error, ConnectionError):
            message = (
                f"{_cause(error)}. Actors connect to the driver: run it on a node of the cluster,"
                f" or let them through to it"
            )
        else:
            message = (
                f"actors can't start on the cluster's nodes: {_cause(error)}. Every node needs the"
                f" same Python, the same Ray and the same pbtune as the driver"
            )
        raise EnvironmentFault(message) from error
