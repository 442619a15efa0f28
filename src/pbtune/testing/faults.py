"""When things go wrong: counted operations for crashes, and chances for everything else."""

import random
from typing import final

from pbtune.testing.clock import VirtualClock
from pbtune.testing.options import Options


class Violation(Exception):
    """A promise was broken."""


class Crash(BaseException):
    """The driver's process is gone. No handler may take it for an error of the driver's."""


@final
class Faults:
    """The fate of one run.

    Everything that leaves the driver's process is an operation; it dies just before the one that
    ``crashes`` counts to.

    Attributes:
        op_count: Operations of all drivers so far.
        rng: For chances, and for how long things take.
    """

    def __init__(self, options: Options, clock: VirtualClock) -> None:
        self.options = options
        self.clock = clock
        self.op_count = 0
        self.died_at: list[str] = []
        self.rng = random.Random(f"world/{options.seed}")  # noqa: S311  no secret is made here
        self._until_s = clock.at_s + options.faults_until_s
        self._crashes = list(options.crashes)
        self._left = self._crashes.pop(0) if self._crashes else 0
        self._interrupts = sorted(options.interrupts)
        self._is_interrupting = False
        self._is_dead = False

    @property
    def are_over(self) -> bool:
        """Whether nothing more goes wrong: the liveness phase."""
        return self.clock.at_s >= self._until_s and not self._left and not self._interrupts

    def op(self, name: str) -> None:
        """The driver is about to do something that others can see.

        Raises:
            Crash: If it doesn't come to that.
        """
        if self._is_dead:
            raise Crash
        self.op_count += 1
        if self._left:
            self._left -= 1
            if not self._left:
                self._is_dead = True
                self.died_at.append(name)
                raise Crash

    def revive(self) -> None:
        """A new driver begins."""
        if self._is_dead:
            self._is_dead = False
            self._left = self._crashes.pop(0) if self._crashes else 0
        self._is_interrupting = False

    def happens(self, rate: float) -> bool:
        """Whether a fault of a kind happens here."""
        return rate > 0 and self.clock.at_s < self._until_s and self.rng.random() < rate

    def interrupts(self) -> bool:
        """Whether the driver has been asked to stop."""
        if self._interrupts and self.clock.at_s >= self._interrupts[0]:
            self._interrupts.pop(0)
            self._is_interrupting = True
        return self._is_interrupting
