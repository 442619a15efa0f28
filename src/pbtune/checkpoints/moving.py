"""Renaming and deleting what somebody else may be looking at.

POSIX doesn't mind. Windows moves and deletes nothing that is open: a virus scanner opens each new
file for a moment, and a trial may read its donor's weights from the disk for hours.
"""

import os
import shutil
import stat
import sys
import time
from typing import Final

_PAUSES_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def rename_when_free(source: str, target: str) -> None:
    """Rename, waiting for a moment or two until nobody has anything open in it.

    Raises:
        OSError: As ``os.rename``; PermissionError if somebody still has.
    """
    for pause_s in _PAUSES_S:
        try:
            return os.rename(source, target)  # noqa: PTH104  as on other systems
        except PermissionError:  # noqa: PERF203  a try for each pause
            time.sleep(pause_s)
    return os.rename(source, target)  # noqa: PTH104


def rename(source: str, target: str) -> None:
    """``os.rename``, with patience where it takes some."""
    if sys.platform == "win32":
        rename_when_free(source, target)
    else:
        os.rename(source, target)  # noqa: PTH104  the hot path


def remove_closed(path: str) -> None:
    """Delete a directory on Windows: read-only files too, and of open ones what can be.

    What is left has a temporary name, so the next sweep takes it.
    """
    for parent, _, names in os.walk(path):
        for name in names:
            os.chmod(os.path.join(parent, name), stat.S_IWRITE)  # noqa: PTH101, PTH118
    shutil.rmtree(path, ignore_errors=True)
