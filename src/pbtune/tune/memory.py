"""How much memory the machine has."""

import os
import sys


def memory_bytes() -> int:
    """The size of its physical memory."""
    if sys.platform == "win32":
        return _memory_bytes_on_windows()
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _memory_bytes_on_windows() -> int:
    """By GlobalMemoryStatusEx of sysinfoapi.h: Windows has no sysconf."""
    import ctypes  # noqa: PLC0415  heavy, and not needed elsewhere

    class Status(ctypes.Structure):
        """MEMORYSTATUSEX."""

        _fields_ = (
            ("dwLength", ctypes.c_uint32),
            ("dwMemoryLoad", ctypes.c_uint32),
            ("ullTotalPhys", ctypes.c_uint64),
            ("ullAvailPhys", ctypes.c_uint64),
            ("ullTotalPageFile", ctypes.c_uint64),
            ("ullAvailPageFile", ctypes.c_uint64),
            ("ullTotalVirtual", ctypes.c_uint64),
            ("ullAvailVirtual", ctypes.c_uint64),
            ("ullAvailExtendedVirtual", ctypes.c_uint64),
        )

    status = Status(dwLength=ctypes.sizeof(Status))
    # By its name, since the module has it on Windows alone.
    kernel32 = vars(ctypes)["WinDLL"]("kernel32")
    if not kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        error = vars(ctypes)["WinError"]()
        raise error
    return int(status.ullTotalPhys)
