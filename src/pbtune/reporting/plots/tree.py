"""Where each segment of a lineage tree stands: rows without crossings, drawn from the journal."""

from collections.abc import Mapping
from typing import Final

import msgspec

from pbtune.core.trial import Status
from pbtune.reporting.plots.data import Data, starts

Key = tuple[str, int]
ROWS_MAX: Final = 300
"""More branches than this are pruned: those that died first, and had the shortest life."""


class Branch(msgspec.Struct):
    """One segment in the tree: its life as steps, where it came from, and who came from it."""

    key: Key
    start: int
    end: int
    parent: Key | None
    is_alive: bool
    children: list[Key]
    row: float = 0.0


def grown(data: Data) -> tuple[dict[Key, Branch], int]:
    """The branches with their rows, and how many were left out.

    A branch that survives, or that a surviving one descends from, is never left out.
    """
    branches = _branches(data)
    kept = _pruned(branches)
    left_out = len(branches) - len(kept)
    for branch in kept.values():
        branch.children = [child for child in branch.children if child in kept]
    _place(kept)
    return kept, left_out


def _branches(data: Data) -> dict[Key, Branch]:
    view = data.view
    sources: dict[Key, Key] = {
        (it.record.trial, it.segment): (it.record.donor, view.savings[it.record.checkpoint].segment)
        for it in view.exploits
    }
    branches: dict[Key, Branch] = {}
    for series, start in starts(data):
        trial = view.experiment.trials[series.trial]
        is_alive = series.segment == trial.segment and trial.status is not Status.FAILED
        branches[series.key] = Branch(series.key, start, max(series.steps), None, is_alive, [])
    for key, branch in branches.items():
        source = sources.get(key)
        # A donor without reports of its own stands for the one that it was copied from.
        while source is not None and source not in branches:
            source = sources.get(source)
        if source is not None:
            branch.parent = source
            branches[source].children.append(key)
    return branches


def _pruned(branches: Mapping[Key, Branch]) -> dict[Key, Branch]:
    needed: set[Key] = set()
    for branch in branches.values():
        key: Key | None = branch.key if branch.is_alive else None
        while key is not None and key not in needed:
            needed.add(key)
            key = branches[key].parent
    # Dead leaves by length of life: the longest stay, and their parents with them.
    rest = sorted(
        (it for it in branches.values() if it.key not in needed),
        key=lambda it: (it.start - it.end, it.key),
    )
    for branch in rest:
        key = branch.key
        path: list[Key] = []
        while key is not None and key not in needed:
            path.append(key)
            key = branches[key].parent
        if len(needed) + len(path) <= ROWS_MAX:
            needed.update(path)
    return {key: branch for key, branch in branches.items() if key in needed}


def _place(branches: Mapping[Key, Branch]) -> None:
    """Give every branch a row of its own.

    Children that begin later are nearer to their parent, so that no link crosses a branch; they go
    above and below it in turn.
    """
    order: list[Key] = []
    roots = [branch.key for branch in branches.values() if branch.parent is None]
    # Not by recursion: a lineage may be longer than Python's stack.
    stack: list[tuple[Key, bool]] = [(key, False) for key in reversed(roots)]
    while stack:
        key, is_own = stack.pop()
        if is_own:
            order.append(key)
            continue
        children = sorted(branches[key].children, key=lambda it: (branches[it].start, it))
        above, below = children[0::2], children[1::2]
        # Popped from the end: the earliest above first, itself, the earliest below last.
        stack += [(it, False) for it in below]
        stack.append((key, True))
        stack += [(it, False) for it in reversed(above)]
    for row, key in enumerate(order):
        branches[key].row = float(row)
