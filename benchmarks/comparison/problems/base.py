"""What a problem is: something to train, whose best schedule is known or can be bounded."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Config = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One member's training between two reports.

    Args:
        state: What its checkpoint holds; training makes a new one.
        config: Its hyperparameters, which hold for the whole job.
        start: Steps that the state has been trained.
        end: Steps that it will have been trained.
        stream: The address of its random numbers.
    """

    state: Any
    config: Config
    start: int
    end: int
    stream: tuple[int, ...]


@dataclass(frozen=True)
class Bound:
    """What could be reached, computed for this problem."""

    name: str
    value: float


class Problem(ABC):
    """A problem for one seed: everything random in it follows from that.

    Attributes:
        name: As in tables and files.
        title: As in headlines.
        mode: "max" or "min".
        total: Steps that each member trains.
        population: Members.
        intervals: Perturbation intervals that are compared.
        main_interval: The one of these at which all variants are compared.
        space: The search space.
        decays: The hyperparameters that a cosine schedule would decay; none if that makes no sense.
        has_restarts: Whether ``train`` shrinks and perturbs when ``config["restarts"]`` grows.
        uses_area: Whether runs are compared by the area under the curve, not by its end.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    mode: ClassVar[str] = "max"
    total: int
    population: int = 16
    intervals: ClassVar[tuple[int, ...]]
    main_interval: ClassVar[int]
    space: Mapping[str, object]
    decays: ClassVar[tuple[str, ...]] = ()
    has_restarts: ClassVar[bool] = False
    uses_area: ClassVar[bool] = False

    def __init__(self, seed: int, stream: int | None = None) -> None:
        """Make the problem.

        Args:
            seed: Of the task itself and of the population's first configs.
            stream: Of what is drawn in training; as ``seed`` if it is left out. A schedule is
                trained again on the same task, with another stream.
        """
        self.seed = seed
        self.stream = seed if stream is None else stream

    @abstractmethod
    def begin(self, index: int) -> Any:
        """The state of a member before its first step; ``index`` counts members."""

    @abstractmethod
    def train(self, jobs: Sequence[Job]) -> list[Any]:
        """The state after each job."""

    @abstractmethod
    def score(self, state: Any) -> float:
        """What the population is ranked by."""

    def test(self, state: Any) -> float:
        """The same on what nobody was selected by."""
        return self.score(state)

    @classmethod
    @abstractmethod
    def bounds(cls, seeds: Sequence[int]) -> list[Bound]:
        """What could be reached, as means over seeds where it depends on them."""


def in_groups(
    jobs: Sequence[Job], train: Callable[[list[Job], int, int], Sequence[Any]]
) -> list[Any]:
    """Train jobs together that go from the same step to the same step.

    Args:
        jobs: Any.
        train: Gives the new states of jobs with a common start and end.
    """
    found: list[Any] = [None] * len(jobs)
    spans = {(job.start, job.end) for job in jobs}
    for start, end in sorted(spans):
        at = [place for place, job in enumerate(jobs) if (job.start, job.end) == (start, end)]
        states = train([jobs[place] for place in at], start, end)
        for place, state in zip(at, states, strict=True):
            found[place] = state
    return found


def column(jobs: Sequence[Job], key: str) -> Array:
    """One hyperparameter of all jobs."""
    return np.array([job.config[key] for job in jobs], dtype=float)
