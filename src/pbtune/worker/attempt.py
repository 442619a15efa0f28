"""Call the user's function for one attempt, and tell the driver how it ended."""

import importlib
import os
import pickle
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Final, NoReturn, cast, final

import msgspec

from pbtune.checkpoints.store import AbstractCheckpointStore
from pbtune.core.values import resolved
from pbtune.errors import MetricMissing, Unpicklable
from pbtune.worker import api
from pbtune.worker.channel import AbstractChannel
from pbtune.worker.config import WatchedConfig
from pbtune.worker.protocol import Begin, End, Errored, Finished, WorkerSettings
from pbtune.worker.session import Session, Unwound
from pbtune.worker.space import Space

Trainable = Callable[[dict[str, object]], object]
_CALLERS: Final = frozenset({__name__, "pbtune.worker.class_runner", "pbtune.tune.trainable"})
"""The modules between a worker's loop and the user's code."""


def numpy_random() -> ModuleType | None:
    """The module of numpy's global generator; None while numpy isn't imported."""
    # numpy 2.4 loads it when it is first asked for, which may be after the seeding.
    return importlib.import_module("numpy.random") if sys.modules.get("numpy") else None


def seed_globals(seed: int) -> None:
    """Seed the global generators: ``random``, and numpy's when it is imported."""
    random.seed(seed)
    generator = numpy_random()
    if generator is not None:
        generator.seed(seed)


@final
class Runner:
    """Runs attempts of one function, one after the other, in this process.

    Args:
        settings: What all attempts have in common.
        trainable: The user's function of a config.
        objects: What configs refer to and can't be stored, by path.
        channel: The way to the driver.
        store: Where checkpoints are committed.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        trainable: Trainable,
        objects: Mapping[str, object],
        channel: AbstractChannel,
        store: AbstractCheckpointStore,
    ) -> None:
        self._settings = settings
        self._trainable = trainable
        self._objects = objects
        self._channel = channel
        self._store = store
        self.space = Space(Path(settings.run_dir), channel)
        self._pid = os.getpid()

    @property
    def holds_object(self) -> bool:
        """Whether an object of the user's class lives on into the next attempt."""
        return bool(getattr(self._trainable, "holds_object", False))

    def run(self, begin: Begin) -> Begin | End | None:
        """Carry out one order.

        Returns:
            The order that interrupted the function; None if it came to an end of its own.
        """
        try:
            config = self._config(begin)
        except Unpicklable as error:
            self._channel.tell(error_message(begin, error))
            return None
        session = Session(self._settings, begin, config, self._channel, self._store, self.space)
        seed_globals(begin.seed)
        api.enter(session)
        error: BaseException | None = None
        try:
            error = self._call(config)
        finally:
            if os.getpid() != self._pid:
                end_forked_child(error or sys.exc_info()[1])
            api.leave()
            session.close()
        if session.next_order is not None:
            return session.next_order
        if error is not None:
            return self._failed(begin, error)
        self._channel.tell(Finished(begin.trial, begin.attempt, session.notices()))
        return None

    def _failed(self, begin: Begin, error: BaseException) -> Begin | End | None:
        """Say how an attempt failed; for want of space not before there is some."""
        is_lost = self.space.is_to_blame(begin, error)
        if is_lost:
            order = self.space.awaited(begin)
            if order is not None:
                return order
        self._channel.tell(msgspec.structs.replace(error_message(begin, error), lost=is_lost))
        return None

    def _config(self, begin: Begin) -> dict[str, object]:
        config = cast("dict[str, object]", pickle.loads(begin.config))  # noqa: S301  the driver's own
        try:
            config = cast("dict[str, object]", resolved(config, self._objects))
        except KeyError as error:
            message = (
                f"config has the object {error.args[0]!r}, which a function of the search space"
                f" made before the run was resumed: it can't be stored. Make it in the training"
                f" function, from a value that can be."
            )
            raise Unpicklable(message) from error
        if begin.is_copy and self._settings.mutated:
            heads = {path.partition("/")[0] for path in self._settings.mutated}
            config = WatchedConfig(config, heads)
        return config

    def _call(self, config: dict[str, object]) -> BaseException | None:
        """Run the function to its end; what it raised, unless that was our own interrupt."""
        try:
            result = self._trainable(config)
            if isinstance(result, Iterator):
                for value in cast("Iterator[object]", result):
                    api.report_value(value)
            else:
                api.report_value(result)
        except Unwound:
            return None
        except KeyboardInterrupt:
            # Only in the user's own process: workers ignore the signal.
            raise
        # The process boundary of user code: whatever it raises ends this attempt and no other.
        except BaseException as error:  # noqa: BLE001
            return error
        return None


def end_forked_child(error: BaseException | None) -> NoReturn:
    """End a child that came out of the function: only its parent may go on with the channel."""
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error)
        code = 1
    sys.stdout.flush()
    os._exit(code)


def error_message(begin: Begin, error: BaseException) -> Errored:
    """What the driver is told about an exception; the traceback starts at the user's function."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_globals.get("__name__") in _CALLERS:
        tb = tb.tb_next
    text = "".join(traceback.format_exception(type(error), error, tb))
    name = type(error).__qualname__
    if isinstance(error, SystemExit):
        said = f"the training function called sys.exit({error.code!r})"
    else:
        said = _said(error)
    fatal = isinstance(error, MetricMissing)
    return Errored(begin.trial, begin.attempt, name, _sendable(said), _sendable(text), fatal)


def _said(error: BaseException) -> str:
    # The boundary of user code again: an exception's text may itself raise.
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001
        return f"its text can't be shown: str() raised {type(problem).__qualname__}"


def _sendable(text: str) -> str:
    """Text without lone surrogates, which names of files bring and no frame can hold."""
    return text.encode(errors="backslashreplace").decode()
