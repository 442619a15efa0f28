"""What every result of a run shares, and who reads its rows."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

import msgspec


@final
class RunFacts(msgspec.Struct, frozen=True):
    """What a trial's result has to know of its run; ``tag`` is the trial's own."""

    run_dir: Path
    score_attribute: str | None = None
    score_order: str = "max"
    objects: Mapping[str, object] | None = None
    tag: str = ""


class AbstractRunReader(ABC):
    """Something that was read from a run already, and knows its folder."""

    @property
    @abstractmethod
    def experiment_path(self) -> str:
        """The run's folder."""


SCOPES: Final = {"all": 0, "last": 1, "avg": 0, "last-5-avg": 5, "last-10-avg": 10}
