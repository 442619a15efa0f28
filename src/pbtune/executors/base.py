"""What an executor is: slots in which attempts run, reconciled by commands."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from pbtune.core.plan import Command, Running
from pbtune.worker.protocol import Message

Turn = Callable[[list[Message]], None]
"""The driver's loop body: takes messages, and calls ``do`` for what follows from them."""


class AbstractExecutor(ABC):
    """Carries out commands, and brings messages.

    It decides nothing: what runs where is the driver's plan, and ``running`` is what the plan is
    compared with. Messages of one worker arrive in the order in which it sent them.
    """

    @abstractmethod
    def open(self, turn: Turn) -> None:
        """Get ready. An executor that runs functions in this very thread calls ``turn`` itself."""

    @property
    @abstractmethod
    def slot_count(self) -> int:
        """How many attempts can run at once, >= 1."""

    @abstractmethod
    def running(self) -> Sequence[Running]:
        """What each slot does now, in slot order."""

    @abstractmethod
    def do(self, command: Command) -> None:
        """Carry out one command."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[Message]:
        """Messages that have arrived; waits for one up to ``timeout_s``.

        Streamed reports may be held back for 100 ms, but never behind a message of their worker.
        """

    @abstractmethod
    def close(self, grace_s: float) -> list[Message]:
        """End everything; functions that are being left get ``grace_s`` to do so.

        Returns:
            What arrived meanwhile, to be stored.
        """
