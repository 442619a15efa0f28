"""Values and stories as JSON that any browser can read: exact where it can be, capped in size."""

import json
import math
import re
from collections.abc import Mapping
from typing import Final, cast

import msgspec

from pbtune.core.exact import flatten
from pbtune.core.trial import Config
from pbtune.core.values import Ref

TEXT_MAX: Final = 2_000
LONG_TEXT_MAX: Final = 64_000
KEYS_MAX: Final = 200
DIGITS: Final = 6
_EXACT_IN_A_BROWSER: Final = 2**53
_CONTROLS: Final = re.compile(
    # The control sequences of terminals, then what else no page should be asked to show.
    "\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|\x1b\\[[0-?]*[ -/]*[@-~]|\x1b."
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def plain(value: object) -> object:
    """A value for a page: JSON without NaN and without numbers that a browser would round."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT_IN_A_BROWSER else str(value)[:TEXT_MAX]
    if isinstance(value, float):
        return value if math.isfinite(value) else {"nan": "NaN", "inf": "∞"}.get(str(value), "-∞")
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Ref):
        return f"<object at {text(value.path)}>"
    return text(str(value))


def text(value: str, limit: int = TEXT_MAX) -> str:
    """A user's text: without control characters, with its end left out if it is too long."""
    clean = _CONTROLS.sub("", value[: 2 * limit])
    return clean if len(clean) <= limit else f"{clean[:limit]}…"


def last_text(value: str, limit: int = LONG_TEXT_MAX) -> str:
    """As ``text``, with the beginning left out."""
    clean = _CONTROLS.sub("", value[-2 * limit :])
    return clean if len(clean) <= limit else f"…{clean[-limit:]}"


def flat(config: Mapping[str, object]) -> dict[str, object]:
    """A config or a report by '/'-joined path; at most ``KEYS_MAX`` of them."""
    items = list(flatten(config).items())[:KEYS_MAX]
    return {text(path): plain(value) for path, value in items}


def differences(old: Config, new: Config) -> list[dict[str, object]]:
    """What differs between two configs, by '/'-joined path."""
    before, after = flatten(old), flatten(new)
    paths = [it for it in {**before, **after} if before.get(it) != after.get(it)]
    return [
        {"path": text(it), "old": plain(before.get(it)), "new": plain(after.get(it))}
        for it in paths[:KEYS_MAX]
    ]


def rounded(value: float | None) -> float | None:
    """A number with as many digits as a chart can show."""
    return None if value is None else float(f"{value:.{DIGITS}g}")


def text_json(value: object) -> bytes:
    """JSON of what is plain already. ASCII: lone surrogates can't be written as UTF-8."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def numbers_json(value: Mapping[str, object]) -> bytes:
    """JSON of many numbers, fast; NaN becomes null."""
    return msgspec.json.encode(cast("dict[str, object]", value))
