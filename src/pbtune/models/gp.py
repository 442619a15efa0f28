"""A small Gaussian process over past intervals, and the config that promises most under it.

One kernel for all kinds of hyperparameters: a squared exponential over numbers and the score before
(scaled to [0, 1]), mixed with the share of equal categories (CoCaBO's sum and product), times a
forgetting factor per generation. Its four parameters are fitted by coordinate search over a grid:
deterministic, and good enough for the few hundred noisy rows that a population gives.

    gain(config, score, t) ~ GP(0, s² · k_mixed · (1 - eps)^(|t - t'| / 2) + noise)
    config = argmax  mean + sqrt(beta) · standard deviation

The deviation knows the other members' configs too, as if they had been tried (GP-BUCB), so that a
generation's proposals differ.
"""

import functools
import math
from typing import Any, Final, NamedTuple

import numpy as np

from pbtune.core.encoding import Point
from pbtune.core.proposals import Question, Row

Array = np.ndarray[Any, np.dtype[np.float64]]

FIT_ROW_COUNT_MAX: Final = 64
SWEEP_COUNT: Final = 2
GAIN_CLIP: Final = 2.0
MIX: Final = 0.5
JITTER: Final = 1e-6
CORNER: Final = 1e12
"""More than any gains' squared length in the kernel's metric, so that a root exists."""
BETA_FACTORS: Final = (0.2, 0.4)
"""c1 and c2 of beta = c1 · log(c2 · rows), as in PB2."""
UNIFORM_COUNT: Final = 256
NEAR_COUNT: Final = 128
LOCAL_STARTS: Final = 4
LOCAL_COUNT: Final = 24
LOCAL_SPREADS: Final = (0.1, 0.05, 0.02)
CATEGORY_CHANGE_PROBABILITY: Final = 0.2


class Parameters(NamedTuple):
    """The kernel's: lengthscales in shares of a range, forgetting a generation, noise variance."""

    length: float = 0.4
    score_length: float = 1.0
    forgetting: float = 0.1
    noise: float = 0.2


GRID: Final[dict[str, tuple[float, ...]]] = {
    "length": (0.05, 0.1, 0.2, 0.4, 0.8, 1.6),
    "score_length": (0.25, 0.5, 1.0, 4.0),
    "forgetting": (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5),
    "noise": (0.01, 0.05, 0.2, 0.5, 1.0),
}


class Places(NamedTuple):
    """Where the kernel is evaluated: one row a place."""

    numbers: Array
    categories: Array
    scores: Array
    times: Array

    def joined(self, other: "Places") -> "Places":
        """These places, and then the others."""
        return Places(*(np.concatenate(both) for both in zip(self, other, strict=True)))


class Distances(NamedTuple):
    """What the kernel needs of two sets of places, apart from its parameters."""

    numbers: Array
    scores: Array
    times: Array
    equal: Array | None


def distances(left: Places, right: Places) -> Distances:
    """All pairs. Numbers are a mean of squares, so that the dimension doesn't change the scale."""
    width = max(left.numbers.shape[1], 1)
    squares = (
        (left.numbers**2).sum(1)[:, None]
        + (right.numbers**2).sum(1)[None, :]
        - 2 * left.numbers @ right.numbers.T
    )
    equal = None
    if left.categories.shape[1]:
        pairs = zip(left.categories.T, right.categories.T, strict=True)
        equal = np.mean([mine[:, None] == theirs[None, :] for mine, theirs in pairs], axis=0)
    return Distances(
        np.maximum(squares, 0.0) / width,
        (left.scores[:, None] - right.scores[None, :]) ** 2,
        np.abs(left.times[:, None] - right.times[None, :]),
        equal,
    )


def kernel(between: Distances, parameters: Parameters) -> Array:
    """Correlations in [0, 1]; 1 for a place and itself."""
    exponent = between.numbers / parameters.length**2 + between.scores / parameters.score_length**2
    forgetting = math.log1p(-parameters.forgetting) / 2
    smooth = np.exp(-0.5 * exponent)
    if between.equal is not None:
        product, mean = smooth * between.equal, (smooth + between.equal) / 2
        smooth = MIX * product + (1 - MIX) * mean
    return smooth * np.exp(forgetting * between.times)


def misfit(between: Distances, gains: Array, parameters: Parameters) -> float:
    """The negative log likelihood with the best signal variance, and a weak pull to the default."""
    count = len(gains)
    # With the gains as a last row, its factor is the triangular solve that numpy doesn't have.
    matrix = np.empty((count + 1, count + 1))
    matrix[:count, :count] = kernel(between, parameters)
    matrix[count, :count] = gains
    matrix.flat[:: count + 2] += parameters.noise + JITTER
    matrix[count, count] = CORNER
    lower = np.linalg.cholesky(matrix)
    white = lower[count, :count]
    variance = max(float(white @ white) / count, JITTER)
    fit = 0.5 * count * math.log(variance) + float(np.log(np.diag(lower)[:count]).sum())
    default = Parameters()
    pull = math.log(parameters.length / default.length) ** 2
    pull += math.log(parameters.score_length / default.score_length) ** 2
    pull += math.log(parameters.noise / default.noise) ** 2 / 4
    pull += ((parameters.forgetting - default.forgetting) / 0.2) ** 2
    return fit + 0.25 * pull


def fitted(places: Places, gains: Array) -> Parameters:
    """The parameters of the newest rows, one after the other and then again."""
    newest = Places(*(part[-FIT_ROW_COUNT_MAX:] for part in places))
    gains = gains[-FIT_ROW_COUNT_MAX:]
    between, best = distances(newest, newest), Parameters()
    least = misfit(between, gains, best)
    for _ in range(SWEEP_COUNT):
        before = best
        for name, values in GRID.items():
            for value in values:
                if value == getattr(best, name):
                    continue
                candidate = best._replace(**{name: value})
                found = misfit(between, gains, candidate)
                if found < least:
                    least, best = found, candidate
        if best == before:
            break
    return best


class Posterior:
    """Mean and deviation of the gain, at any place.

    Args:
        places: Past intervals.
        gains: Theirs, standardised.
        pending: Places that count as tried for the deviation.
        parameters: The kernel's.
    """

    def __init__(
        self, places: Places, gains: Array, pending: Places, parameters: Parameters
    ) -> None:
        self.parameters = parameters
        self._places, self._tried = places, places.joined(pending)
        inverse = self._inverse(places)
        self._weights = inverse.T @ (inverse @ gains)
        variance = float(gains @ self._weights) / max(len(gains), 1)
        self._deviation = math.sqrt(max(variance, JITTER))
        self._whitening = self._inverse(self._tried)

    def _inverse(self, places: Places) -> Array:
        matrix = kernel(distances(places, places), self.parameters)
        matrix[np.diag_indices(len(matrix))] += self.parameters.noise + JITTER
        inverse: Array = np.asarray(np.linalg.inv(np.linalg.cholesky(matrix)), dtype=np.float64)
        return inverse

    def __call__(self, at: Places) -> tuple[Array, Array]:
        """Means and standard deviations."""
        across = kernel(distances(self._tried, at), self.parameters)
        mean = across[: len(self._weights)].T @ self._weights
        rest = 1.0 - ((self._whitening @ across) ** 2).sum(0)
        return mean, self._deviation * np.sqrt(np.maximum(rest, 0.0))


class Search:
    """The best place by an upper confidence bound, within the question's region."""

    def __init__(self, question: Question, posterior: Posterior, score: float) -> None:
        self._rng = np.random.default_rng(question.seed)
        self._posterior = posterior
        self._score, self._time = score, float(question.generation)
        self._numbers = np.array(question.centre.numbers, dtype=float)
        self._categories = np.array(question.centre.categories, dtype=float)
        self._counts = np.array(question.category_counts, dtype=float)
        self._changes_max = question.changes_max
        self._low = np.clip(self._numbers - question.side / 2, 0.0, 1.0)
        self._high = np.clip(self._numbers + question.side / 2, 0.0, 1.0)
        c1, c2 = BETA_FACTORS
        beta = max(c1 * math.log(c2 * max(len(question.rows), 1)), 0.0)
        self._root_beta = math.sqrt(beta)

    def best(self) -> Point:
        """Uniform candidates and some near the centre, then a local search from the best."""
        centre = (self._numbers[None, :], self._categories[None, :])
        numbers, categories = self._joined(
            self._uniform(UNIFORM_COUNT), self._near(*centre, NEAR_COUNT, LOCAL_SPREADS[0])
        )
        bounds = self._bound(numbers, categories)
        for spread in LOCAL_SPREADS:
            top = np.argsort(-bounds, kind="stable")[:LOCAL_STARTS]
            near = self._near(numbers[top], categories[top], LOCAL_COUNT, spread)
            numbers, categories = self._joined((numbers[top], categories[top]), near)
            bounds = self._bound(numbers, categories)
        at = int(np.argmax(bounds))
        return Point(
            tuple(float(number) for number in numbers[at]),
            tuple(int(index) for index in categories[at]),
        )

    def _bound(self, numbers: Array, categories: Array) -> Array:
        count = len(numbers)
        at = Places(numbers, categories, np.full(count, self._score), np.full(count, self._time))
        mean, deviation = self._posterior(at)
        return mean + self._root_beta * deviation

    def _uniform(self, count: int) -> tuple[Array, Array]:
        numbers = self._rng.uniform(self._low, self._high, (count, len(self._numbers)))
        return numbers, self._within(self._any_categories(count))

    def _near(
        self, numbers: Array, categories: Array, count: int, spread: float
    ) -> tuple[Array, Array]:
        numbers = np.repeat(numbers, count, axis=0)
        categories = np.repeat(categories, count, axis=0)
        moved = numbers + spread * self._rng.standard_normal(numbers.shape)
        changed = self._rng.random(categories.shape) < CATEGORY_CHANGE_PROBABILITY
        fresh = np.where(changed, self._any_categories(len(categories)), categories)
        return np.clip(moved, self._low, self._high), self._within(fresh)

    def _any_categories(self, count: int) -> Array:
        return np.floor(self._rng.random((count, len(self._counts))) * self._counts)

    def _within(self, categories: Array) -> Array:
        """At most so many categories other than the centre's: the rest is put back, by chance."""
        if categories.shape[1] <= self._changes_max:
            return categories
        order = self._rng.random(categories.shape).argsort(axis=1)
        return np.where(order < self._changes_max, categories, self._categories)

    def _joined(self, left: tuple[Array, Array], right: tuple[Array, Array]) -> tuple[Array, Array]:
        return np.concatenate([left[0], right[0]]), np.concatenate([left[1], right[1]])


class Learned(NamedTuple):
    """What rows say, whoever asks: scores are in shares of the span from ``low``."""

    places: Places
    gains: Array
    low: float
    span: float
    parameters: Parameters


@functools.lru_cache(maxsize=2)
def learned(rows: tuple[Row, ...]) -> Learned:
    """Rows as places with standardised gains, and the kernel that fits them.

    Remembered, since all who are replaced at one gate ask about the same rows.
    """
    before = np.array([row.score_before for row in rows])
    gains = np.array([row.gain for row in rows])
    deviation = float(gains.std())
    standard = np.zeros_like(gains)
    if deviation > 0:
        standard = np.clip((gains - gains.mean()) / deviation, -GAIN_CLIP, GAIN_CLIP)
    low, high = float(before.min()), float(before.max())
    span = (high - low) or 1.0
    times = np.array([float(row.generation) for row in rows])
    points = tuple(row.point for row in rows)
    places = _places(points, (before - low) / span, times, points[0])
    return Learned(places, standard, low, span, fitted(places, standard))


def _places(points: tuple[Point, ...], scores: Array, times: Array, like: Point) -> Places:
    count = len(points)
    numbers = np.array([point.numbers for point in points], dtype=float)
    categories = np.array([point.categories for point in points], dtype=float)
    return Places(
        numbers.reshape(count, len(like.numbers)),
        categories.reshape(count, len(like.categories)),
        scores,
        times,
    )


def propose(question: Question) -> Point:
    """The config to train under next. The same question gives the same answer.

    Args:
        question: At least one row; all numbers finite.
    """
    known = learned(question.rows)
    score = (question.score - known.low) / known.span
    count = len(question.pending)
    now = np.full(count, float(question.generation))
    pending = _places(question.pending, np.full(count, score), now, question.centre)
    posterior = Posterior(known.places, known.gains, pending, known.parameters)
    return Search(question, posterior, score).best()
