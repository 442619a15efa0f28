"""Is a folder on a network file system, where SQLite's WAL doesn't work?"""

from pathlib import Path
from typing import Final

NETWORK: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.sshfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "pvfs2",
        "smb3",
        "smbfs",
        "wekafs",
    }
)
_MOUNTS: Final = Path("/proc/self/mountinfo")
"""Linux only; elsewhere nothing is known, and a folder is taken for local."""


def network_filesystem(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The name of the network file system that a path is on; None if it is local, or unknown.

    Args:
        path: An existing path.
        mounts: The system's table of mounts, as in proc(5), mountinfo.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    folder = path.resolve()
    longest, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        # Octal escapes stand for blanks in names.
        point = Path(before.split()[4].replace("\\040", " "))
        if (folder == point or point in folder.parents) and len(point.parts) > longest:
            longest, kind = len(point.parts), after.split()[0]
    return kind if kind in NETWORK else None
