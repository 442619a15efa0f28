"""What pbtune warns with, at the line of the user's that led to it."""

import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Final

_PACKAGE: Final = str(Path(__file__).parents[1])


class PbtuneWarning(UserWarning):
    """Something about a run that its user should know; training goes on."""


def warn(text: str) -> None:
    """Warn at the innermost line outside this package.

    Args:
        text: What the user should know, and what to do about it.

    Raises:
        PbtuneWarning: If warnings are errors.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  CPython's and PyPy's only way
    level = 2
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    warnings.warn(text, PbtuneWarning, stacklevel=level if frame is not None else 2)
