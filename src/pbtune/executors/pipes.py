"""Pipes for what workers stream: read without waiting, and with room for what comes between.

A pipe keeps what it was given when its writer is killed. A socket would do on POSIX, but not on
Windows, where the end of a process resets its connections.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Final

PIPE_BYTES: Final = 1 << 20
"""Room for streamed reports between two looks: about 5,000 of five metrics."""
_F_SETPIPE_SZ: Final = 1031
"""Linux only."""


def _posix_pipe() -> tuple[int, int]:
    import fcntl  # noqa: PLC0415  Windows has none

    read_fd, write_fd = os.pipe()
    if sys.platform == "linux":
        # An unprivileged user's pipes have a common limit, beyond which they stay as they are.
        with contextlib.suppress(OSError):
            fcntl.fcntl(read_fd, _F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(read_fd, False)
    return read_fd, write_fd


wide_pipe: Callable[[], tuple[int, int]] = _posix_pipe
"""Makes a pipe: the end that ``read_now`` reads, and the end that is written to."""
read_now: Callable[[int, int], bytes] = os.read
"""Reads up to so many bytes; b"" at the end of file; raises BlockingIOError if nothing is there."""

if sys.platform == "win32":
    from pbtune.executors.processes import windows

    wide_pipe, read_now = windows.wide_pipe, windows.read_now
