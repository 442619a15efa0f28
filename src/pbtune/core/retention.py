"""Which checkpoints a trial keeps for itself, and which may be deleted.

What other members need is counted in ``Experiment.references``: a checkpoint that retention evicts
lives on until nobody needs it. So ``num_to_keep`` can be 1, where Tune deletes donors (2.60:
"path to checkpoint does not exist", ray#8441).
"""

import math

import msgspec

from pbtune.core.decisions import Evicted, Released
from pbtune.core.experiment import Experiment
from pbtune.core.trial import Kept


class Retention(msgspec.Struct, frozen=True):
    """``CheckpointConfig``: how many checkpoints a trial keeps, and by which score.

    ``num_to_keep`` None keeps all. Without ``score_attribute`` the newest are kept.
    """

    num_to_keep: int | None = None
    score_attribute: str | None = None
    score_order: str = "max"

    def evict(self, state: Experiment, trial: str) -> list[Evicted]:
        """What the trial has too many of, after a save. Its newest stays besides the best."""
        kept = state.trials[trial].kept
        if self.num_to_keep is None or len(kept) <= self.num_to_keep:
            return []
        worst_first = sorted(range(len(kept)), key=lambda at: self._worth(kept[at], at))
        newest = len(kept) - 1
        out = sorted(at for at in worst_first[: -self.num_to_keep] if at != newest)
        return [Evicted(trial, tuple(kept[at].checkpoint for at in out))] if out else []

    def _worth(self, keep: Kept, age_index: int) -> tuple[bool, float, int]:
        if self.score_attribute is None:
            return (True, 0.0, age_index)
        score = math.nan if keep.score is None else keep.score
        if math.isnan(score):
            return (False, 0.0, age_index)
        return (True, -score if self.score_order == "min" else score, age_index)


def release(state: Experiment) -> list[Released]:
    """The decision that what nobody needs may go; at most one per commit."""
    return [Released(state.garbage)] if state.garbage else []
