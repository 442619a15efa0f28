"""Where runs whose storage is a URL keep what they have on this machine's disk."""

import os
from pathlib import Path


def default_cache() -> Path:
    """The folder for their journals and caches: ``PBTUNE_STORAGE``, or the user's cache folder."""
    given = os.environ.get("PBTUNE_STORAGE", "")
    if given and "://" not in given:
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "pbtune"
