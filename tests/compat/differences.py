"""Where pbtune answers a case otherwise than Ray Tune 2.60, on purpose."""

from typing import NamedTuple


class Difference(NamedTuple):
    """What pbtune answers, and why."""

    ours: object
    because: str


DIFFERENCES: dict[str, Difference] = {}
