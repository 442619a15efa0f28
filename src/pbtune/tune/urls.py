"""Storage paths that are URLs: the journal is on this machine's disk, the rest at the URL."""

import os
from pathlib import Path
from typing import Final

from pbtune.checkpoints.cache import default_cache
from pbtune.errors import NotInPbtune

PATIENCE_S: Final = 20.0
"""For how long the driver waits for a storage; workers, who hold something, wait for ever."""
_SEPARATOR: Final = "://"


def is_url(path: object) -> bool:
    """Whether a storage path is a URL."""
    return _SEPARATOR in os.fspath(path) if isinstance(path, (str, os.PathLike)) else False


def local_root(url: str) -> Path:
    """The local folder for the runs of a URL; two URLs have two."""
    import hashlib  # noqa: PLC0415  3 ms of OpenSSL that few runs need

    digest = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:8]
    return default_cache() / f"remote-{digest}"


def check_local(name: str, storage_filesystem: object) -> None:
    """Raise NotInPbtune if a call of Ray Tune's names a filesystem."""
    if storage_filesystem is not None:
        full = f"ray.tune.{name}(storage_filesystem=...)"
        raise NotInPbtune(full, "runs live in local folders so far; give a path")
