"""Warnings that matter: what makes a population search less than its user thinks."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from pbtune.core.trial import Status
from pbtune.reporting.snapshot import RunView

NAMED_MAX: Final = 4
COLLAPSE_MIN: Final = 3
"""Members that a population must have before one lineage is a collapse."""


def concerns(view: RunView, scores: Mapping[str, float]) -> Iterator[str]:
    """What the user should know now.

    Args:
        view: The run.
        scores: The last score of each member that has reported; NaN is one that can't be compared.
    """
    yield from dict.fromkeys(view.notices)
    trials = view.trials
    if view.header.metric is not None:
        lost = [it.id for it in trials if math.isnan(scores.get(it.id, 0.0))]
        if lost:
            yield f"{_members(lost)}: the last {view.header.metric} is NaN or missing"
    founder = surviving_founder(view)
    if founder is not None:
        yield (
            f"all members descend from {founder}: the population has become one lineage, and only"
            f" refines it"
        )
    failed = [it.id for it in trials if it.status is Status.FAILED]
    if failed:
        last = view.failures[failed[-1]][-1] if failed[-1] in view.failures else None
        reason = "" if last is None else f": {last.error}: {last.message}".split("\n", 1)[0]
        yield f"{_members(failed)} failed for good{reason}"


def surviving_founder(view: RunView) -> str | None:
    """The member that all members descend from, if there is one; None while several lineages live.

    Members that failed for good don't count.
    """
    living = [it for it in view.trials if it.status is not Status.FAILED]
    if len(living) < COLLAPSE_MIN or not view.exploits:
        return None
    counts = Counter(view.founders.get((it.id, it.segment), it.id) for it in living)
    return next(iter(counts)) if len(counts) == 1 else None


def _members(names: list[str]) -> str:
    shown = ", ".join(names[:NAMED_MAX])
    rest = len(names) - NAMED_MAX
    return f"{shown} and {rest} more" if rest > 0 else shown
