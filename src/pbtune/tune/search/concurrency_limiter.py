"""``ConcurrencyLimiter``: Tune's older way to say how many trials train at once."""

from typing import final

from pbtune.core.sampling import Initial
from pbtune.errors import SettingsError
from pbtune.tune.search.base import AbstractSearcher, Wanted, checked_limit


@final
class ConcurrencyLimiter(AbstractSearcher):
    """Another searcher, and a limit of how many trials train at once.

    Args:
        searcher: The searcher.
        max_concurrent: The limit, >= 1.
        batch: Accepted; the first members are chosen together anyway.

    Raises:
        SettingsError: If a value is not of its kind.
    """

    def __init__(
        self,
        searcher: AbstractSearcher,
        max_concurrent: int,
        batch: bool = False,  # noqa: FBT001, FBT002  Tune's own signature
    ) -> None:
        if not isinstance(searcher, AbstractSearcher):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"ConcurrencyLimiter needs one of pbtune.tune.search, not {searcher!r}"
            raise SettingsError(message)
        self.searcher = searcher
        self.max_concurrent = checked_limit(max_concurrent)
        if self.max_concurrent == 0:
            message = "ConcurrencyLimiter(max_concurrent=0) would let nothing train: give >= 1"
            raise SettingsError(message)
        self.batch = batch
        self.metric = searcher.metric
        self.mode = searcher.mode
        self.seed = searcher.seed

    def initial(self, wanted: Wanted) -> Initial:
        """The searcher's own."""
        return self.searcher.initial(wanted)
