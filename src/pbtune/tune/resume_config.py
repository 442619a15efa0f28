"""``ResumeConfig``: which trials of a run go on, in Tune's words for developers."""

from enum import Enum
from typing import final

from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.settings import AbstractConfig


class ResumeType(str, Enum):
    """What becomes of a trial when its run is taken up again."""

    RESUME = "resume"
    RESTART = "restart"
    SKIP = "skip"


@final
class ResumeConfig(AbstractConfig):
    """What becomes of the trials that have ended well, of those that haven't, and of the failed.

    Args:
        finished: SKIP: a trial that has ended well stays as it is.
        unfinished: RESUME, or SKIP to leave them as they are.
        errored: SKIP, RESUME from the last checkpoint, or RESTART from nothing.

    Raises:
        SettingsError: If a value is none of these.
        NotInPbtune: If trials that have ended well should go on, or unfinished ones start anew.
    """

    ResumeType = ResumeType

    def __init__(
        self,
        finished: str = ResumeType.SKIP,
        unfinished: str = ResumeType.RESUME,
        errored: str = ResumeType.SKIP,
    ) -> None:
        self.finished = _checked("finished", finished)
        self.unfinished = _checked("unfinished", unfinished)
        self.errored = _checked("errored", errored)
        if self.finished is not ResumeType.SKIP:
            full = f"ray.tune.ResumeConfig(finished={finished!r})"
            raise NotInPbtune(full, "use Tuner.restore(path, stop=...) with wider bounds")
        if self.unfinished is ResumeType.RESTART:
            full = f"ray.tune.ResumeConfig(unfinished={unfinished!r})"
            raise NotInPbtune(full, "begin a new run: fit() on a taken name makes name_1")

    def flags(self) -> tuple[bool, bool, bool]:
        """(resume_unfinished, resume_errored, restart_errored) of ``Tuner.restore``."""
        return (
            self.unfinished is ResumeType.RESUME,
            self.errored is ResumeType.RESUME,
            self.errored is ResumeType.RESTART,
        )


def _checked(name: str, value: str) -> ResumeType:
    try:
        return ResumeType(value)
    except ValueError:
        shown = ", ".join(repr(it.value) for it in ResumeType)
        message = f"{name} must be one of {shown}, not {value!r}"
        raise SettingsError(message) from None
