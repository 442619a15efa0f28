"""What every domain of a search space can be asked by a user: Tune's ``Domain``.

``sample`` without a seed draws from the system's entropy and may give numpy's arrays; both lie
outside the core. So it goes through a port, which ``pbtune.tune`` fills.
"""

from abc import abstractmethod
from typing import Any, ClassVar, Protocol

import msgspec


class Sampler(Protocol):
    """The door to drawing for a user: not for decisions, whose randomness has an address."""

    def __call__(
        self, domain: "AbstractDomain", config: object, size: int, random_state: object
    ) -> object:
        """One value of the domain, or ``size`` of them."""
        ...


class AbstractDomain(msgspec.Struct, frozen=True):
    """What a hyperparameter may be."""

    sampler: ClassVar[Sampler]

    @abstractmethod
    def contains(self, value: object) -> bool:
        """Whether a value is one of the domain's."""

    @property
    @abstractmethod
    def domain_str(self) -> str:
        """The domain in a message, as Tune writes it."""

    def is_valid(self, value: object) -> bool:
        """Tune's name for ``contains``."""
        return self.contains(value)

    def sample(self, config: object = None, size: int = 1, random_state: object = None) -> Any:  # noqa: ANN401  whatever the domain holds
        """Draw values, as a user does by hand.

        Args:
            config: What a ``sample_from`` function gets, or a list of ``size`` of them.
            size: How many values, >= 1.
            random_state: A seed, a numpy generator, a ``random.Random``, or None for values that
                nobody can foresee. Inside a trial or a function that pbtune calls, None draws from
                Python's global generator, which pbtune has seeded there.

        Returns:
            A plain Python value if ``size`` is 1. Else a list; of numbers a numpy array, if numpy
            is imported.
        """
        return type(self).sampler(self, config, size, random_state)
