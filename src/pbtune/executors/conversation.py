"""What a driver knows of one worker: what it was told, and what it has said."""

import time
from typing import final

from pbtune.core.plan import Running
from pbtune.worker.protocol import (
    Asked,
    AwaitsSpace,
    Begin,
    Begun,
    End,
    Errored,
    Finished,
    Message,
    Order,
    Said,
    Streamed,
    Unfit,
    decode_said,
)


@final
class Conversation:
    """One worker's side of the protocol, without the way that it travels.

    ``trial`` and ``attempt`` are what it was last told to run. ``unanswered`` is the start or end
    that it has not confirmed yet; ``since_s`` when that was sent; ``heard_s`` when it last spoke.
    """

    def __init__(self) -> None:
        self.trial: str | None = None
        self.attempt = 0
        self.is_held = False
        self.unanswered: Begin | End | None = None
        self.since_s = 0.0
        self.heard_s = 0.0
        self.unfit: Unfit | None = None

    def running(self, slot: int) -> Running:
        """What the plan is compared with."""
        return Running(slot, self.trial, self.attempt, self.is_held)

    def told(self, order: Order, now_s: float) -> None:
        """An order is on its way."""
        self.is_held = False
        self.heard_s = now_s
        if isinstance(order, Begin):
            self.trial, self.attempt = order.trial, order.attempt
        elif isinstance(order, End):
            self.trial, self.attempt = None, 0
        if isinstance(order, (Begin, End)):
            self.unanswered, self.since_s = order, now_s

    def understood(self, bodies: list[bytes]) -> list[Message]:
        """The messages in what it said; the rest is noted here."""
        messages: list[Message] = []
        if bodies:
            self.heard_s = time.monotonic()
        for body in bodies:
            said: Said = decode_said(body)
            match said:
                case Begun(attempt=attempt):
                    if self.unanswered is not None and attempt == _attempt(self.unanswered):
                        self.unanswered = None
                case Unfit():
                    self.unfit = said
                case Streamed() | AwaitsSpace():
                    messages.append(said)
                case Asked():
                    self.is_held = self._is_current(said.trial, said.attempt)
                    messages.append(said)
                case Finished() | Errored():
                    if self._is_current(said.trial, said.attempt):
                        self.trial, self.attempt, self.unanswered = None, 0, None
                    messages.append(said)
        return messages

    def _is_current(self, trial: str, attempt: int) -> bool:
        return self.trial == trial and self.attempt == attempt


def _attempt(order: Begin | End) -> int:
    return order.attempt if isinstance(order, Begin) else 0
