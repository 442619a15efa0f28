"""The search space: what a hyperparameter may be, and how it is drawn.

Ranges, inclusive ends and quantisation as in Tune (RAY_TUNE semantics, ray 2.60, tune/search/
sample.py). Draws take a generator; nothing here knows a global one.
"""

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, cast, final

from pbtune.core.domain import AbstractDomain
from pbtune.errors import SpaceError

_DIVISIBLE_TOLERANCE: Final = 1e-9


class UserCalls(Protocol):
    """The door to the user's callables, so that the core never runs them by itself."""

    def call(
        self, function: Callable[..., object], args: tuple[object, ...], address: str
    ) -> object:
        """What ``function(*args)`` gives, with the global generators seeded from the address."""
        ...


@final
class Float(AbstractDomain, frozen=True):
    """A float in [lower, upper); with ``q`` a multiple of it in [lower, upper].

    ``is_log``: uniform on the logarithmic scale.
    """

    lower: float
    upper: float
    is_log: bool = False
    q: float | None = None

    def draw(self, rng: random.Random) -> float:
        """One value."""
        if self.is_log:
            value = math.exp(rng.uniform(math.log(self.lower), math.log(self.upper)))
        else:
            value = rng.uniform(self.lower, self.upper)
        return self.clip(value)

    def clip(self, value: float) -> float:
        """The nearest value of the domain, always a float."""
        if self.q is not None:
            value = round(value / self.q) * self.q
        return float(min(max(value, self.lower), self.upper))

    def step(self) -> float | None:
        """The least distance of two values; None if there is none."""
        return self.q

    def contains(self, value: object) -> bool:
        """Whether the value lies within the bounds."""
        return _is_number(value) and self.lower <= cast("float", value) <= self.upper

    @property
    def domain_str(self) -> str:
        """The bounds as they were given."""
        return f"({self.lower}, {self.upper})"


@final
class Integer(AbstractDomain, frozen=True):
    """An int in [lower, upper]; with ``q`` a multiple of it. ``is_log`` as for Float."""

    lower: int
    upper: int
    is_log: bool = False
    q: int = 1

    def draw(self, rng: random.Random) -> int:
        """One value."""
        if self.is_log:
            top = self.upper + 1 if self.q == 1 else self.upper
            value = math.exp(rng.uniform(math.log(self.lower), math.log(top)))
            return self.clip(math.floor(value) if self.q == 1 else value)
        return self.clip(rng.randrange(self.lower, self.upper + 1, self.q))

    def clip(self, value: float) -> int:
        """The nearest value of the domain, always an int."""
        rounded = round(value / self.q) * self.q
        return min(max(rounded, self.lower), self.upper)

    def step(self) -> int:
        """The least distance of two values."""
        return self.q

    def contains(self, value: object) -> bool:
        """Whether the value lies within the bounds."""
        return _is_number(value) and self.lower <= cast("float", value) <= self.upper

    @property
    def domain_str(self) -> str:
        """The bounds as they were given: without ``q`` the upper one is exclusive."""
        return f"({self.lower}, {self.upper + (self.q == 1)})"


@final
class Normal(AbstractDomain, frozen=True):
    """A normally distributed float without bounds; with ``q`` a multiple of it."""

    mean: float
    sd: float
    q: float | None = None

    def draw(self, rng: random.Random) -> float:
        """One value."""
        return self.clip(rng.gauss(self.mean, self.sd))

    def clip(self, value: float) -> float:
        """The nearest value of the domain, always a float."""
        return float(value if self.q is None else round(value / self.q) * self.q)

    def step(self) -> float | None:
        """The least distance of two values; None if there is none."""
        return self.q

    def contains(self, value: object) -> bool:
        """Whether the value is a number."""
        return _is_number(value)

    @property
    def domain_str(self) -> str:
        """No bounds."""
        return "(-inf, inf)"


@final
class Categorical(AbstractDomain, frozen=True):
    """One of several values, returned as it was given.

    ``is_ordered``: neighbours are alike, so explore moves to one of them. True for numbers that
    rise or fall all the way.
    """

    categories: tuple[object, ...]
    is_ordered: bool = False

    def draw(self, rng: random.Random) -> object:
        """One value."""
        return rng.choice(self.categories)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.categories)

    def __getitem__(self, index: int) -> object:
        """One of them."""
        return self.categories[index]

    def contains(self, value: object) -> bool:
        """Whether the value is one of the categories."""
        return value in self.categories

    @property
    def domain_str(self) -> str:
        """The categories."""
        return str(list(self.categories))


@final
class Function(AbstractDomain, frozen=True):
    """A value computed by the user's function, of nothing or of the config so far."""

    function: Callable[..., object]

    def contains(self, value: object) -> bool:
        """True: what a function may give is not known before it is called."""
        del value
        return True

    @property
    def domain_str(self) -> str:
        """A call of it."""
        return f"{self.function}()"


Number = Float | Integer | Normal
Domain = Number | Categorical | Function
_DOMAINS: Final = (Float, Integer, Normal, Categorical, Function)
GRID: Final = "grid_search"


def is_domain(value: object) -> bool:
    """Whether a value of a search space is drawn rather than taken as it is."""
    return isinstance(value, _DOMAINS)


def is_grid(value: object) -> bool:
    """Whether a value of a search space is a grid search."""
    return isinstance(value, dict) and set(cast("dict[str, object]", value)) == {GRID}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(name: str, *arguments: object) -> str:
    return f"tune.{name}({', '.join(map(repr, arguments))})"


def _checked(name: str, lower: float, upper: float, *, is_log: bool = False) -> None:
    for bound in (lower, upper):
        if not isinstance(bound, (int, float)) or not math.isfinite(bound):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"{_shown(name, lower, upper)}: bounds must be finite numbers, not {bound!r}"
            raise SpaceError(message)
    if lower > upper:
        message = f"{_shown(name, lower, upper)}: the lower bound is above the upper one; swap them"
        raise SpaceError(message)
    if is_log and lower <= 0:
        message = f"{_shown(name, lower, upper)}: a logarithmic scale needs a lower bound > 0"
        raise SpaceError(message)


def _checked_q(name: str, lower: float, upper: float, q: float) -> None:
    if not q > 0:
        message = f"{_shown(name, lower, upper, q)}: q must be > 0"
        raise SpaceError(message)
    for bound in (lower, upper):
        if abs(round(bound / q) * q - bound) > _DIVISIBLE_TOLERANCE * max(1.0, abs(bound)):
            message = f"{_shown(name, lower, upper, q)}: {bound} is no multiple of q = {q}"
            raise SpaceError(message)


def uniform(lower: float, upper: float) -> Float:
    """A float in [lower, upper)."""
    _checked("uniform", lower, upper)
    return Float(lower, upper)


def quniform(lower: float, upper: float, q: float) -> Float:
    """A multiple of q in [lower, upper]; both bounds must be multiples."""
    _checked("quniform", lower, upper)
    _checked_q("quniform", lower, upper, q)
    return Float(lower, upper, q=q)


def loguniform(lower: float, upper: float, base: float = 10) -> Float:
    """A float in [lower, upper), uniform on the logarithmic scale; ``base`` has no effect."""
    del base
    _checked("loguniform", lower, upper, is_log=True)
    return Float(lower, upper, is_log=True)


def qloguniform(lower: float, upper: float, q: float, base: float = 10) -> Float:
    """As ``loguniform``, rounded to multiples of q; both ends are included."""
    del base
    _checked("qloguniform", lower, upper, is_log=True)
    _checked_q("qloguniform", lower, upper, q)
    return Float(lower, upper, is_log=True, q=q)


def randn(mean: float = 0.0, sd: float = 1.0) -> Normal:
    """A normally distributed float."""
    if not sd > 0:
        message = f"{_shown('randn', mean, sd)}: sd must be > 0"
        raise SpaceError(message)
    return Normal(mean, sd)


def qrandn(mean: float, sd: float, q: float) -> Normal:
    """A normally distributed float, rounded to multiples of q."""
    if not (sd > 0 and q > 0):
        message = f"{_shown('qrandn', mean, sd, q)}: sd and q must be > 0"
        raise SpaceError(message)
    return Normal(mean, sd, q)


def _checked_whole(name: str, *arguments: float) -> None:
    for number in arguments:
        if number != int(number):
            message = f"{_shown(name, *arguments)}: {number} is no whole number"
            raise SpaceError(message)


def _integer(name: str, lower: int, upper: int, *, is_log: bool = False) -> Integer:
    _checked(name, lower, upper, is_log=is_log)
    _checked_whole(name, lower, upper)
    if lower == upper:
        message = f"{_shown(name, lower, upper)} is empty: the upper bound is exclusive"
        raise SpaceError(message)
    return Integer(int(lower), int(upper) - 1, is_log)


def _quantised(name: str, lower: int, upper: int, q: int, *, is_log: bool = False) -> Integer:
    _checked(name, lower, upper, is_log=is_log)
    _checked_q(name, lower, upper, q)
    _checked_whole(name, lower, upper, q)
    return Integer(int(lower), int(upper), is_log, int(q))


def randint(lower: int, upper: int) -> Integer:
    """An int in [lower, upper)."""
    return _integer("randint", lower, upper)


def qrandint(lower: int, upper: int, q: int = 1) -> Integer:
    """A multiple of q in [lower, upper]; with q = 1 the upper bound is exclusive, as in Tune."""
    if q == 1:
        return _integer("qrandint", lower, upper)
    return _quantised("qrandint", lower, upper, q)


def lograndint(lower: int, upper: int, base: float = 10) -> Integer:
    """An int in [lower, upper), uniform on the logarithmic scale; ``base`` has no effect."""
    del base
    return _integer("lograndint", lower, upper, is_log=True)


def qlograndint(lower: int, upper: int, q: int, base: float = 10) -> Integer:
    """As ``lograndint``, rounded to multiples of q; both ends are included."""
    del base
    return _quantised("qlograndint", lower, upper, q, is_log=True)


def choice(categories: Sequence[object]) -> Categorical:
    """One of the categories, each as likely; the value itself is returned."""
    values = tuple(categories)
    if not values:
        message = "tune.choice([]) is empty: give at least one category"
        raise SpaceError(message)
    return Categorical(values, _is_ordered(values))


def _is_ordered(values: tuple[object, ...]) -> bool:
    if len(values) <= 1 or not all(_is_number(value) for value in values):
        return False
    numbers = cast("tuple[float, ...]", values)
    rises = [left < right for left, right in itertools.pairwise(numbers)]
    falls = [left > right for left, right in itertools.pairwise(numbers)]
    return all(rises) or all(falls)


def sample_from(func: Callable[..., object]) -> Function:
    """What a function gives, called with nothing or with the config as far as it is drawn."""
    if not callable(func):
        message = f"tune.sample_from needs a function, not {func!r}"
        raise SpaceError(message)
    return Function(func)


def grid_search(values: Sequence[object]) -> dict[str, object]:
    """Every one of the values, each ``num_samples`` times."""
    if not isinstance(values, (list, tuple)) or not values:
        message = f"tune.grid_search needs a list of at least one value, not {values!r}"
        raise SpaceError(message)
    return {GRID: list(values)}


def describe(mutations: Mapping[str, object], prefix: str = "") -> dict[str, dict[str, object]]:
    """What is known of each mutated hyperparameter, by '/'-joined path: for readers and plots."""
    known: dict[str, dict[str, object]] = {}
    for key, value in mutations.items():
        path = f"{prefix}{key}"
        if isinstance(value, (Float, Integer)):
            known[path] = {"log": value.is_log, "lower": value.lower, "upper": value.upper}
        elif isinstance(value, dict):
            known.update(describe(cast("dict[str, object]", value), f"{path}/"))
        else:
            known[path] = {"log": False}
    return known
