"""What a run's records fold to, kept beside them: a resume then folds only what came after.

It is a cache. The records alone say what has happened; one that was kept by other code than this is
left aside, and everything is folded again.
"""

import zlib
from functools import cache
from typing import Final

import msgspec

from pbtune.core import experiment, trial
from pbtune.core.events import Noticed, Saved
from pbtune.core.exact import decode_struct, encode_struct
from pbtune.core.experiment import Experiment, with_views
from pbtune.core.trial import Config

MEANING: Final = 1
"""Raised when ``fold`` makes something else of the same records."""
_VIEWS: Final = ("ranking", "waiting", "slots", "references", "live_count", "gated_count")


class Saving(msgspec.Struct, frozen=True):
    """A saved checkpoint, and the segment and the config that its trial had then."""

    record: Saved
    segment: int
    config: Config


class Folded(msgspec.Struct, frozen=True):
    """The state after some record, and what else a driver knows then.

    ``savings`` are the saved checkpoints that have not been released, by id; ``notices`` what the
    user has been told.
    """

    state: Experiment = Experiment()
    savings: dict[str, Saving] = {}
    notices: tuple[Noticed, ...] = ()


def encode_folded(folded: Folded) -> bytes:
    """The exact JSON of it, but for the views that its trials imply."""
    empty = {name: getattr(Experiment(), name) for name in _VIEWS}
    state = msgspec.structs.replace(folded.state, **empty)
    return encode_struct(msgspec.structs.replace(folded, state=state))


def decode_folded(body: bytes | str) -> Folded:
    """It as it was.

    Raises:
        ValueError: If it has another shape.
    """
    folded = decode_struct(body, Folded)
    return msgspec.structs.replace(folded, state=with_views(folded.state))


@cache
def folded_by() -> str:
    """What this code is known by: its meaning, and the fields of all that a state is made of."""
    kinds = [Folded, Saving, Saved, Noticed, Experiment, experiment.Pin, experiment.Interval]
    kinds += [trial.Trial, trial.Rank, trial.RestorePoint, trial.Origin, trial.Kept, trial.Trace]
    shape = [(kind.__name__, kind.__struct_fields__) for kind in kinds]
    return f"{MEANING}-{zlib.crc32(repr(shape).encode()):08x}"
