"""One attempt as the user's function sees it: ``report`` and its kin.

A report that the lease lets pass is encoded, sent one way, and returns; one that blocks waits for
the driver's verdict, which may be to leave the function (``Unwound``).
"""

import errno
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast, final

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.checkpoints.store import AbstractCheckpointStore, Committed
from pbtune.core.events import Observed
from pbtune.core.exact import encode_metrics
from pbtune.core.lease import Lease, Rule, reached
from pbtune.errors import CheckpointMissing, MetricMissing, MetricUnstorable, NotInATrial
from pbtune.worker.channel import AbstractChannel
from pbtune.worker.config import WatchedConfig
from pbtune.worker.host import this_host
from pbtune.worker.protocol import Asked, Begin, End, Proceed, Streamed, Unfit, WorkerSettings

SWALLOWED_COUNT_MAX: Final = 3
"""Interrupts that a function may swallow before its process is given up."""
_MISSING: Final = object()
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_RETRY_S: Final = 1.0
_FORESEEN: Final = frozenset({"training_iteration", "time_total_s", "done"})
"""Keys whose next value is known, or can't be."""
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1


class Unwound(SystemExit):
    """Leaves the user's function when its trial stops, pauses or goes on from another's weights.

    A SystemExit, as in Tune: ``except Exception`` doesn't catch it, ``finally`` blocks run.
    """


def found(metrics: Mapping[str, object], key: str) -> object:
    """The value under a flattened key ("eval/loss"), or a marker if there is none."""
    value = metrics.get(key, _MISSING)
    if value is _MISSING and "/" in key:
        head, _, rest = key.partition("/")
        nested = metrics.get(head)
        if isinstance(nested, Mapping):
            return found(cast("Mapping[str, object]", nested), rest)
    return value


def plain(value: object) -> Observed:
    """A reported value as plain data: numpy's and torch's scalars by ``item()``."""
    if value is _MISSING or value is None:
        return None
    if type(value) in (float, bool, str):
        return cast("Observed", value)
    item = getattr(value, "item", None)
    if callable(item):
        value = item()
    if isinstance(value, int) and not isinstance(value, bool):
        # A frame holds 64 bits; decisions need no more than a float's precision.
        return int(value) if _INT_MIN <= value <= _INT_MAX else float(value)
    for kind in (bool, float, str):
        # A subclass as what it is, since no frame can hold it.
        if isinstance(value, kind):
            return kind(value)
    return str(value)


@final
class Session:
    """The engine's side of one attempt.

    Args:
        settings: What all attempts of the run have in common.
        begin: The order that this attempt carries out.
        config: The config that the user's function is called with.
        channel: The way to the driver.
        store: Where checkpoints are committed.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        begin: Begin,
        config: Mapping[str, object],
        channel: AbstractChannel,
        store: AbstractCheckpointStore,
    ) -> None:
        self.settings = settings
        self.begin = begin
        self.config = config
        self.next_order: Begin | End | None = None
        self._channel = channel
        self._store = store
        self._pid = os.getpid()
        self._step = begin.step
        self._time_total_s = begin.time_total_s
        self._rules: tuple[Rule, ...] = begin.lease.rules
        self._every = begin.lease.every
        # Every lease of a run has rules for the same keys.
        self._counted = {rule.key for rule in self._rules} - _FORESEEN
        self._number = begin.checkpoint_number
        self._checkpoint = begin.checkpoint
        self._asked_for_checkpoint = False
        self._staged: dict[str, Path] = {}
        self._notices: list[tuple[str, str]] | None = []
        self._swallowed_count = 0
        self._last_values: dict[str, tuple[float, float]] = {}
        self._running_since_s = time.monotonic()

    @property
    def step(self) -> int:
        """Reports so far, those before this attempt's checkpoint included."""
        return self._step

    @property
    def trial_dir(self) -> Path:
        """The trial's own folder in the run."""
        return Path(self.settings.run_dir, self.begin.trial)

    def report(self, metrics: Mapping[str, object], checkpoint: Checkpoint | None) -> None:
        """See ``api.report``."""
        now_s = time.monotonic()
        self._check_caller()
        body = self._encoded(metrics)
        total_s = self._time_total_s + now_s - self._running_since_s
        committed = None if checkpoint is None else self._commit(checkpoint)
        step = self._step + 1
        # From here on the report counts; what failed above left no trace.
        self._step = step
        if self._counted:
            self._foresee(metrics)
        if self._blocks(metrics, step, total_s, has_checkpoint=committed is not None):
            self._ask(metrics, body, total_s, committed)
            return
        observed = None if committed is None else self._observed(metrics)
        self._channel.stream(
            Streamed(
                self.begin.trial,
                self.begin.attempt,
                step,
                total_s,
                time.time(),
                body,
                observed,
                committed,
                self._host(),
            )
        )
        order = self._channel.poll()
        if order is not None:
            self._unwind(order)

    def get_checkpoint(self) -> Checkpoint | None:
        """See ``api.get_checkpoint``."""
        self._asked_for_checkpoint = True
        if self._checkpoint is None:
            return None
        return Checkpoint(str(self._store.path_of(self._checkpoint)))

    def checkpoint_due(self) -> bool:
        """See ``api.checkpoint_due``."""
        now_s = time.monotonic() - self._running_since_s + self._time_total_s
        coming = {"training_iteration": float(self._step + 1), "time_total_s": now_s}
        for key, (before, last) in self._last_values.items():
            coming.setdefault(key, last + (last - before))
        return any(coming.get(rule.key, float("nan")) >= rule.at_least for rule in self._rules)

    def awaits_checkpoint(self, metrics: Mapping[str, object], *, at_end: bool) -> bool:
        """Whether a report of these metrics is one that a checkpoint should come with.

        Exact where ``checkpoint_due`` foresees, because what will be reported is known.

        Args:
            metrics: What is about to be reported.
            at_end: Whether reports that end the trial count.
        """
        if metrics.get("done"):
            return at_end
        step = self._step + 1
        total_s = self._time_total_s + time.monotonic() - self._running_since_s
        for rule in self._rules:
            value = metrics.get(rule.key, _MISSING)
            if value is _MISSING:
                value = self._filled(metrics, rule.key, step, total_s)
            if reached(plain(value), rule.at_least) and (at_end or not rule.is_stop):
                return True
        return False

    @contextmanager
    def new_checkpoint(self) -> Iterator[str]:
        """See ``api.new_checkpoint``."""
        self._check_caller()
        folder = self._store.stage(self.begin.trial)
        self._staged[str(folder)] = folder
        try:
            yield str(folder)
        except BaseException:
            if self._staged.pop(str(folder), None) is not None:
                self._store.discard(folder)
            raise

    def notices(self) -> tuple[tuple[str, str], ...]:
        """What the first interval of an attempt showed; each is given once."""
        if self._notices is None or not self.begin.is_copy:
            return ()
        self._notices = None
        seen: list[tuple[str, str]] = []
        if isinstance(self.config, WatchedConfig):
            seen += [("unread-hyperparameter", key) for key in sorted(self.config.unread)]
        if not self._asked_for_checkpoint:
            seen.append(("checkpoint-ignored", self.begin.trial))
        return tuple(seen)

    def _host(self) -> tuple[int, str, str] | None:
        """Where the attempt runs; with its first report alone."""
        if self._step != self.begin.step + 1:
            return None
        return this_host()

    def close(self) -> None:
        """Give back what the attempt left behind."""
        for folder in self._staged.values():
            shutil.rmtree(folder, ignore_errors=True)
        self._staged.clear()

    def _check_caller(self) -> None:
        if os.getpid() != self._pid:
            message = (
                "report() was called in a process that the training function forked; only the"
                " function's own process can report: send the values there first"
            )
            raise NotInATrial(message)
        if self.next_order is not None:
            self._swallowed_count += 1
            if self._swallowed_count == SWALLOWED_COUNT_MAX:
                self._channel.tell(
                    Unfit(self.begin.attempt, "the function swallows SystemExit and goes on")
                )
            raise Unwound(0)

    def _encoded(self, metrics: Mapping[str, object]) -> bytes:
        if not isinstance(metrics, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"report() takes a dict of metrics, not {type(metrics).__name__}"
            raise MetricUnstorable(message)
        for key, by in self.settings.needed:
            if key not in metrics and found(metrics, key) is _MISSING:
                raise MetricMissing(key, by, (str(name) for name in metrics))
        return encode_metrics(metrics)

    def _blocks(
        self, metrics: Mapping[str, object], step: int, total_s: float, *, has_checkpoint: bool
    ) -> bool:
        if self._every or metrics.get("done"):
            return True
        for rule in self._rules:
            if rule.needs_checkpoint and not has_checkpoint:
                continue
            key = rule.key
            value = metrics.get(key, _MISSING)
            if value is _MISSING:
                value = self._filled(metrics, key, step, total_s)
            try:
                if value >= rule.at_least:  # type: ignore[operator]
                    return True
            except TypeError:
                continue
        return False

    def _filled(self, metrics: Mapping[str, object], key: str, step: int, total_s: float) -> object:
        if key == "training_iteration":
            return step
        if key == "time_total_s":
            return total_s
        return found(metrics, key)

    def _observed(self, metrics: Mapping[str, object]) -> dict[str, Observed]:
        observed: dict[str, Observed] = {}
        for key in self.settings.observed:
            value = plain(found(metrics, key))
            if value is not None:
                observed[key] = value
        return observed

    def _foresee(self, metrics: Mapping[str, object]) -> None:
        for key in self._counted:
            value = plain(found(metrics, key))
            if isinstance(value, (int, float)):
                _, last = self._last_values.get(key, (value, value))
                self._last_values[key] = (last, value)

    def _commit(self, checkpoint: Checkpoint) -> Committed:
        trial = self.begin.trial
        if not isinstance(checkpoint, Checkpoint):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = (
                f"checkpoint={checkpoint!r} is no Checkpoint: pass Checkpoint.from_directory(path)"
            )
            raise CheckpointMissing(message)
        staged = self._staged.pop(checkpoint.path, None)
        if staged is not None:
            committed = self._store.commit_staged(trial, staged, self._number)
        else:
            committed = self._copied(trial, Path(checkpoint.path))
        self._number = committed.number + 1
        self._checkpoint = committed.id
        return committed

    def _copied(self, trial: str, source: Path) -> Committed:
        """The committed copy of a directory; a full disk is waited for."""
        is_told = False
        while True:
            try:
                return self._store.commit_directory(trial, source, self._number)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                if not is_told:
                    text = f"the disk is full: {trial} waits for space to save its checkpoint"
                    print(text, file=sys.stderr, flush=True)  # noqa: T201  into the trial's log
                    is_told = True
            time.sleep(_FULL_RETRY_S)
            order = self._channel.poll()
            if order is not None:
                self._unwind(order)

    def _ask(
        self,
        metrics: Mapping[str, object],
        body: bytes,
        total_s: float,
        committed: Committed | None,
    ) -> None:
        message = Asked(
            self.begin.trial,
            self.begin.attempt,
            self._step,
            total_s,
            time.time(),
            body,
            self._observed(metrics),
            committed,
            self.notices(),
            self._host(),
        )
        order = self._channel.ask(message)
        if isinstance(order, Proceed):
            self._take(order.lease, total_s)
        else:
            self._unwind(order)

    def _take(self, lease: Lease, total_s: float) -> None:
        self._rules, self._every = lease.rules, lease.every
        # Waiting for the verdict is no training time.
        self._time_total_s = total_s
        self._running_since_s = time.monotonic()

    def _unwind(self, order: Begin | End) -> None:
        self.next_order = order
        raise Unwound(0)
