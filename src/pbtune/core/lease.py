"""A lease: which coming reports block, as data that a worker can check by itself."""

import msgspec

from pbtune.core.events import Observed


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """A report blocks when ``key`` has reached ``at_least``.

    With ``needs_checkpoint`` it blocks only if it carries one. ``is_stop`` marks a rule that ends
    the trial, where a checkpoint matters too. A flattened key; a value that is missing, or that
    can't be compared, doesn't block.
    """

    key: str
    at_least: float
    needs_checkpoint: bool = False
    is_stop: bool = False


class Lease(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """What a worker may do without asking. A truthy ``done`` always blocks.

    With ``every`` each report blocks: under a stopper that is a Python function.
    """

    rules: tuple[Rule, ...] = ()
    every: bool = False


def reached(value: Observed, at_least: float) -> bool:
    """Whether a reported value has reached a bound; NaN, text and None never have."""
    return isinstance(value, (int, float)) and value >= at_least
