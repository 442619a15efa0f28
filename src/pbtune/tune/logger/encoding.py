"""Tune's JSON: NaN and infinities bare, and text for what JSON doesn't know."""

import json
from typing import Any

from pbtune.core.exact import flatten as flatten


def dumps(value: object, **options: Any) -> str:  # noqa: ANN401  those of json.dumps
    """JSON as Tune writes it; Python's own ``json`` reads it, NaN too."""
    return json.dumps(value, default=_plain, **options)


def _plain(value: object) -> object:
    for method in ("tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    return str(value)
