"""A member as the user would write it: what it reports follows from its config and its state."""

import math
import zlib
from typing import Final, final

import msgspec

from pbtune.core.events import Observed
from pbtune.core.exact import encode_metrics
from pbtune.core.lease import Lease, reached
from pbtune.core.plan import Start
from pbtune.core.values import is_dict
from pbtune.testing.options import NEVER, WHEN_DUE, Options

_WHOLE: Final = 1 << 32


def chance(*address: object) -> float:
    """A number in [0, 1) that depends on the address alone."""
    return zlib.crc32(repr(address).encode()) / _WHOLE


class Made(msgspec.Struct, frozen=True):
    """One report; ``blocks`` under the lease that held."""

    step: int
    time_total_s: float
    metrics: bytes
    observed: dict[str, Observed]
    saves: bool
    blocks: bool


@final
class Training:
    """One attempt's function, between a start and its end.

    Args:
        options: The run.
        start: What it was started with.
        content: What its checkpoint holds; None without one.
        now_s: The time.

    Raises:
        ValueError: If the checkpoint is damaged.
    """

    def __init__(self, options: Options, start: Start, content: str | None, now_s: float) -> None:
        self.start = start
        self.step = start.step
        self.lease: Lease = start.lease
        self.number = start.checkpoint_number
        self._options = options
        self._time_total_s = start.time_total_s
        self._since_s = now_s
        if content is None:
            # Weights drawn from the global generator: the attempt's seed decides them.
            self._weights = chance("weights", start.seed)
        else:
            step, _, weights = content.partition(":")
            self._weights = float(weights)
            self.loaded_step = int(step)

    loaded_step: int | None = None

    @property
    def content(self) -> str:
        """What a checkpoint of it holds now."""
        return f"{self.step}:{self._weights!r}"

    @property
    def is_over(self) -> bool:
        """Whether the function returns now."""
        return self._options.end == "return" and self.step >= self._options.end_step

    @property
    def is_poisoned(self) -> bool:
        """Whether the user's code raises before its next report, as it would in every attempt."""
        start, options = self.start, self._options
        address = (options.seed, "poison", start.trial, start.segment, self.step)
        return options.poison > 0 and chance(*address) < options.poison

    def report(self, now_s: float) -> Made:
        """Train until the next report."""
        options, config = self._options, self.start.config
        self.step += 1
        net = config["net"]
        units = net["units"] if is_dict(net) else None
        gain = 1.0 - abs(_number(config["lr"]) - 0.4) + _number(units) / 64
        self._weights += gain + chance("noise", config["origin"], self.step)
        score = round(self._weights, options.digit_count)
        if chance(options.seed, "nan", self.start.trial, self.step) < options.nan_share:
            score = math.nan
        values: dict[str, Observed] = {"score": score, "epoch": self.step / 2}
        is_end = self.step >= options.end_step
        if is_end and options.end == "done":
            values["done"] = True
        total_s = self._time_total_s + now_s - self._since_s
        saves = self._saves(total_s)
        return Made(
            step=self.step,
            time_total_s=total_s,
            metrics=encode_metrics(values),
            observed=values,
            saves=saves,
            blocks=self._blocks(values, total_s, saves=saves),
        )

    def go_on(self, lease: Lease, now_s: float) -> None:
        """The verdict came; waiting for it was no training time."""
        self.lease = lease
        self._since_s = now_s

    def asked(self, made: Made) -> None:
        """A report blocks: the time stands still."""
        self._time_total_s = made.time_total_s

    def _saves(self, total_s: float) -> bool:
        rhythm = self._options.rhythm
        if rhythm == WHEN_DUE:
            coming = {
                "training_iteration": float(self.step),
                "time_total_s": total_s,
                "epoch": self.step / 2,
            }
            return any(coming.get(rule.key, math.nan) >= rule.at_least for rule in self.lease.rules)
        return rhythm != NEVER and self.step % rhythm == 0

    def _blocks(self, values: dict[str, Observed], total_s: float, *, saves: bool) -> bool:
        """As ``Session`` does it."""
        if self.lease.every or values.get("done"):
            return True
        filled = {"training_iteration": self.step, "time_total_s": total_s, **values}
        return any(
            reached(filled.get(rule.key), rule.at_least)
            for rule in self.lease.rules
            if saves or not rule.needs_checkpoint
        )


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
