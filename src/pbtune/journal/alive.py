"""Whether a process of this machine is there."""

import os
import sys
from typing import Any, Final

_SYNCHRONIZE: Final = 0x00100000
_ACCESS_DENIED: Final = 5
_WAIT_TIMEOUT: Final = 0x102


def is_alive(pid: int) -> bool:
    """Whether a process with this number runs; of another user's nothing more is known."""
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It is another user's.
        return True
    return True


def _is_alive_on_windows(pid: int) -> bool:
    """By a handle: there ``os.kill(pid, 0)`` would be a Ctrl-C for that process."""
    import ctypes  # noqa: PLC0415  heavy, and not needed elsewhere
    from ctypes import wintypes  # noqa: PLC0415  likewise heavy

    # By its name, since the module has it on Windows alone.
    kernel32: Any = vars(ctypes)["WinDLL"]("kernel32", use_last_error=True)
    kernel32.OpenProcess.restype = wintypes.HANDLE
    kernel32.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
    kernel32.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
    kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
    handle = kernel32.OpenProcess(_SYNCHRONIZE, 0, pid)
    if not handle:
        return vars(ctypes)["get_last_error"]() == _ACCESS_DENIED
    try:
        # A process that has ended can be opened as long as anybody holds a handle of it.
        return bool(kernel32.WaitForSingleObject(handle, 0) == _WAIT_TIMEOUT)
    finally:
        kernel32.CloseHandle(handle)
