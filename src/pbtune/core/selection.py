"""Selection: whether a ready member is replaced, and by whom it may be.

Truncation, binary tournament and t-test are those of Population Based Training (Jaderberg et al.
2017, arXiv:1711.09846); the gap is that of DexPBT and Sample Factory. Each draws from the stream of
the member's own decision, so that the order in which members are judged doesn't matter.
"""

import math
import random
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, final

import msgspec

from pbtune.core.history import SCORES_COUNT_MAX
from pbtune.core.ranking import Entry, quantiles
from pbtune.core.trial import Trial

BETA_STEP_COUNT_MAX: Final = 300
BETA_PRECISION: Final = 1e-12


class SelectionMeta(msgspec.StructMeta, ABCMeta):
    """Lets a selection be both abstract and a struct."""


class Contest(msgspec.Struct, frozen=True):
    """One member against the population, all as they were last ranked.

    ``ranking`` holds the member too, worst first; ``fraction`` is the share of the population that
    counts as the bottom, and as the top; ``rng`` is the stream of this decision. ``scores`` are the
    member's last ones, this report's included.
    """

    trial: str
    ranking: Sequence[Entry]
    trials: Mapping[str, Trial]
    fraction: float
    rng: random.Random
    scores: tuple[float, ...] = ()

    def own_score(self) -> float:
        """The member's score; NaN if it is none."""
        for is_number, score, _, name in self.ranking:
            if name == self.trial:
                return score if is_number else math.nan
        return math.nan

    def opponent(self) -> Entry | None:
        """Another member, each as likely; None if there is none."""
        others = [entry for entry in self.ranking if entry[-1] != self.trial]
        return self.rng.choice(others) if others else None


class AbstractSelection(msgspec.Struct, metaclass=SelectionMeta, frozen=True):
    """A rule of selection."""

    @property
    def needs_scores(self) -> bool:
        """Whether it looks at more than the last score."""
        return False

    @abstractmethod
    def rivals(self, contest: Contest) -> list[str] | None:
        """Those whom the member may be replaced by, each as likely.

        Returns:
            None if it trains on. An empty list: it should be replaced, and nobody's score is a
            number.
        """


@final
class Truncation(AbstractSelection, frozen=True):
    """A member of the bottom goes on from one of the top. The default, and Tune's rule."""

    def rivals(self, contest: Contest) -> list[str] | None:
        """See the base class."""
        bottom, top = quantiles(contest.ranking, contest.fraction)
        if not any(name == contest.trial for *_, name in bottom):
            return None
        return [name for is_number, *_, name in top if is_number]


@final
class BinaryTournament(AbstractSelection, frozen=True):
    """A member meets one other, chosen uniformly, and is replaced by it if that is better."""

    def rivals(self, contest: Contest) -> list[str] | None:
        """See the base class."""
        opponent, score = contest.opponent(), contest.own_score()
        if opponent is None:
            return None
        is_number, theirs, _, name = opponent
        # NaN loses against every number, and two of them leave each other alone.
        return [name] if is_number and not theirs <= score else None


@final
class TTest(AbstractSelection, frozen=True):
    """As the tournament, but the other must be better by Welch's t-test over the last scores.

    Departure from the paper: it tests the last episodes of one evaluation, and this the scores
    that the two members' weights were last ranked by.

    Args:
        window: Scores of each side, in [2, 32].
        alpha: The two-sided p-value below which a difference counts, in (0, 1).
    """

    window: int = 10
    alpha: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If one is left.
        """
        if not 2 <= self.window <= SCORES_COUNT_MAX or not 0 < self.alpha < 1:  # noqa: PLR2004  a variance needs two
            message = f"TTest needs a window in [2, {SCORES_COUNT_MAX}] and alpha in (0, 1)"
            raise ValueError(message)

    @property
    def needs_scores(self) -> bool:
        """See the base class."""
        return True

    def rivals(self, contest: Contest) -> list[str] | None:
        """See the base class."""
        opponent = contest.opponent()
        if opponent is None or not opponent[0]:
            return None
        name = opponent[-1]
        if math.isnan(contest.own_score()):
            return [name]
        rank = contest.trials[name].rank
        theirs = () if rank is None else rank.scores[-self.window :]
        mine = contest.scores[-self.window :]
        return [name] if _mean(theirs) > _mean(mine) and welch(mine, theirs) < self.alpha else None


@final
class GapThreshold(AbstractSelection, frozen=True):
    """A member of the bottom goes on from one of the top that is better by a margin, if any is.

    Args:
        relative: The least margin as a share of the member's own score's size, >= 0.
        absolute: The least margin in units of the score, >= 0; the larger one counts.
    """

    relative: float = 0.1
    absolute: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If one is left.
        """
        if not (self.relative >= 0 and self.absolute >= 0):
            message = "GapThreshold needs margins >= 0"
            raise ValueError(message)

    def rivals(self, contest: Contest) -> list[str] | None:
        """See the base class."""
        bottom, top = quantiles(contest.ranking, contest.fraction)
        if not any(name == contest.trial for *_, name in bottom):
            return None
        score, numbers = contest.own_score(), [entry for entry in top if entry[0]]
        # Neither NaN nor an infinity has a size that a margin could be a share of.
        if not math.isfinite(score):
            return [name for *_, name in numbers]
        margin = max(self.absolute, self.relative * abs(score))
        return [name for _, theirs, _, name in numbers if theirs - score > margin] or None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def welch(left: Sequence[float], right: Sequence[float]) -> float:
    """The two-sided p-value of Welch's t-test.

    Args:
        left: One side's scores.
        right: The other's.

    Returns:
        A probability in [0, 1]; 1 if a side has fewer than two scores, or one is not finite.
    """
    if min(len(left), len(right)) < 2 or not all(map(math.isfinite, (*left, *right))):  # noqa: PLR2004  a variance needs two
        return 1.0
    means = (_mean(left), _mean(right))
    shares: list[tuple[float, int]] = []
    for values, mean in zip((left, right), means, strict=True):
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        shares.append((variance / len(values), len(values) - 1))
    total = sum(share for share, _ in shares)
    if total == 0:
        return 1.0 if means[0] == means[1] else 0.0
    freedom = total**2 / sum(share**2 / count for share, count in shares)
    squared = (means[0] - means[1]) ** 2 / total
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + squared))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    fraction = d
    for m in range(1, BETA_STEP_COUNT_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for term in (even, odd):
            d = 1 / ((1 + term * d) or tiny)
            c = (1 + term / c) or tiny
            change = c * d
            fraction *= change
        if abs(change - 1) < BETA_PRECISION:
            break
    return front * fraction
