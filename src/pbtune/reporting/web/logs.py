"""The end of what a member printed: one file name, no links, no more than a screenful or two."""

import errno
import os
import re
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import Final

LOG_NAME: Final = "output.log"
TAIL_BYTES: Final = 64_000
_TRIAL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Windows has neither; there it is looked at where a path leads.
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def tail(run_dir: Path, trial: str) -> tuple[str, bool]:
    """The end of a trial's log.

    Args:
        run_dir: The run's folder. It may come from a stranger: nothing in it is followed out of it.
        trial: A trial's id, as the run's journal has it.

    Returns:
        The text, and whether something before it is left out. Empty if there is no such file.
    """
    if _TRIAL.fullmatch(trial) is None:
        return "", False
    try:
        with ExitStack() as stack:
            fd = _opened(run_dir, trial, stack)
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return "", False
            start = max(0, status.st_size - TAIL_BYTES)
            os.lseek(fd, start, os.SEEK_SET)
            return os.read(fd, TAIL_BYTES).decode(errors="replace"), start > 0
    except OSError:
        return "", False


def _opened(run_dir: Path, trial: str, stack: ExitStack) -> int:
    if os.open not in os.supports_dir_fd:
        path = run_dir / trial / LOG_NAME
        if path.resolve() != run_dir.resolve() / trial / LOG_NAME:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        stack.callback(os.close, fd)
        return fd
    folder = os.open(run_dir / trial, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)
    stack.callback(os.close, folder)
    fd = os.open(LOG_NAME, os.O_RDONLY | _NO_LINK, dir_fd=folder)
    stack.callback(os.close, fd)
    return fd
