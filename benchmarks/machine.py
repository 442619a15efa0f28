"""What the figures were measured on: enough to compare, nothing that names the machine."""

import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path


def core_count() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """The processor's own name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return platform.processor() or platform.machine()


def file_system() -> str:
    """The type of the file system that runs and temporary files are on: TMPDIR chooses it."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return "unknown"
    folder = Path(tempfile.gettempdir()).resolve()
    found = (0, "unknown")
    for line in mounts.read_text().splitlines():
        _, place, kind, *_ = line.split()
        point = Path(place)
        if point == folder or point in folder.parents:
            # The deepest mount counts; of two at one place, the later.
            found = max(found, (len(point.parts), kind), key=lambda item: item[0])
    return found[1]


def describe() -> dict[str, str]:
    """The machine, without its name or any path."""
    described = {
        "processor": cpu_model(),
        "cores": str(core_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "file system": file_system(),
    }
    if hasattr(os, "getloadavg"):
        # Others' work on the same cores makes every figure worse, so say what there was.
        described["load before"] = f"{os.getloadavg()[0]:.2f}"
    return described
