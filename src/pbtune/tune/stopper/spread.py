"""The population standard deviation, as numpy computes it."""

import math
from collections.abc import Collection


def spread(values: Collection[float]) -> float:
    """How far the values lie apart; NaN if one of them is NaN or infinite."""
    mean = sum(values) / len(values)
    # Not ** 2, which raises where a product is infinite.
    return math.sqrt(sum((value - mean) * (value - mean) for value in values) / len(values))
