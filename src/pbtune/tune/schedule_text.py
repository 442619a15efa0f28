"""A schedule as text: the cells of a CSV, and files."""

import json
import os
from pathlib import Path

from pbtune.core.values import Ref


def cell(value: object) -> object:
    """What stands in a CSV: numbers and text as they are, lists and dicts as JSON."""
    if isinstance(value, Ref):
        return value.path
    return json.dumps(value, default=str) if isinstance(value, (list, tuple, dict)) else value


def written(text: str, path: str | os.PathLike[str] | None) -> str:
    """The text, which is also written to a file if one is named."""
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
