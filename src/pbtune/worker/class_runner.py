"""Turn a class of the user's into the function that a ``Runner`` calls.

  made or reset ─► load_checkpoint ─► step ─► save_checkpoint, if one is due ─► report ─┐
                                       ▲                                                │
                                       └────────────────────────────────────────────────┘

The object outlives an attempt only if its class can be reset: then the next attempt in this process
reuses it. Otherwise ``cleanup`` is called as soon as the attempt is over. Classes are met by their
methods alone, since a worker knows nothing of what a user types.
"""

import contextlib
import gc
import os
import pickle
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol, cast, final

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.errors import UserError
from pbtune.worker import api
from pbtune.worker.by_value import dump
from pbtune.worker.protocol import Begin
from pbtune.worker.session import Session, Unwound

DICT_NAME: Final = "_dict_checkpoint.pkl"
"""Tune's name for the file of a checkpoint that a class returned as a dict."""


class Living(Protocol):
    """What is asked of an object of the user's class; ``tune.Trainable`` answers it."""

    def advance_once(self) -> dict[str, object]:
        """One ``step``, counted; what it returned."""
        ...

    def go_on_from(self, checkpoint_dir: str | None, iteration: int, time_total_s: float) -> None:
        """Load the checkpoint, if there is one, and count from its iteration."""
        ...

    def reset(self, new_config: dict[str, object]) -> bool:
        """Take another config; False if that can't be done on a living object."""
        ...

    def save_checkpoint(self, checkpoint_dir: str) -> object:
        """The user's own method."""
        ...

    def stop(self) -> None:
        """Give back what the object holds."""
        ...

    @property
    def iteration(self) -> int:
        """Steps so far."""
        ...


@final
class ClassLoop:
    """Calls the methods of a class in Tune's order, as one training function.

    Args:
        trainable: The class; called with a config.
        is_resettable: Whether the class has a ``reset_config`` of its own.
        can_save: Whether the class has a ``save_checkpoint`` of its own.
        frequency: Save every so many iterations; 0 for never by itself.
        at_end: Whether the report that ends a trial comes with a checkpoint.
    """

    def __init__(
        self,
        trainable: Callable[[dict[str, object]], Living],
        *,
        is_resettable: bool,
        can_save: bool,
        frequency: int,
        at_end: bool,
    ) -> None:
        self.__wrapped__ = trainable
        self._is_resettable = is_resettable
        self._can_save = can_save
        self._frequency = frequency
        self._at_end = at_end
        self._object: Living | None = None

    @property
    def holds_object(self) -> bool:
        """Whether an object waits for the next attempt, with its threads and children."""
        return self._object is not None

    def __call__(self, config: dict[str, object]) -> None:
        """Run one attempt; it ends by an exception, since only a report can end it."""
        session = api.current()
        pid = os.getpid()
        try:
            living = self._living(config)
            checkpoint = session.get_checkpoint()
            living.go_on_from(
                None if checkpoint is None else checkpoint.path,
                session.begin.step,
                session.begin.time_total_s,
            )
            while True:
                self._turn(living, session)
        # The boundary of user code: whatever ended it, its object must be cleaned up; but not by a
        # child that it forked.
        except BaseException as error:
            keeps = isinstance(error, Unwound) and isinstance(session.next_order, Begin)
            if os.getpid() == pid and not (keeps and self._is_resettable):
                self._give_up()
            raise

    def _living(self, config: dict[str, object]) -> Living:
        if self._object is not None:
            if self._object.reset(config):
                return self._object
            self._give_up()
            # A model is often in a circle of references, and the next one takes as much memory.
            gc.collect()
        self._object = self.__wrapped__(config)
        return self._object

    def _give_up(self) -> None:
        """Clean the object up, and let go of it."""
        living, self._object = self._object, None
        if living is None:
            return
        # The boundary of user code: the attempt is over, and its trial must not fail by this.
        try:
            living.stop()
        except Exception:  # noqa: BLE001
            traceback.print_exc()

    def _turn(self, living: Living, session: Session) -> None:
        before = session.step
        result = living.advance_once()
        if session.step != before:
            message = (
                "step() called tune.report(): a class reports by what step() returns, and saves"
                " in save_checkpoint()"
            )
            raise UserError(message)
        if not self._is_due(living, session, result):
            session.report(result, None)
            return
        with session.new_checkpoint() as folder:
            save_state(living, folder)
            session.report(result, Checkpoint(folder))

    def _is_due(self, living: Living, session: Session, result: Mapping[str, object]) -> bool:
        if not self._can_save:
            return False
        if result.get("should_checkpoint"):
            return True
        if self._frequency and living.iteration % self._frequency == 0:
            return True
        return session.awaits_checkpoint(result, at_end=self._at_end)


def save_state(living: Living, folder: str) -> None:
    """Let an object save itself into a folder; a dict that it returns is stored there too.

    Raises:
        UserError: If ``save_checkpoint`` returned something else.
    """
    saved = living.save_checkpoint(folder)
    if isinstance(saved, dict):
        with Path(folder, DICT_NAME).open("wb") as file:
            dump(saved, file)
    elif isinstance(saved, (str, os.PathLike)):
        given = cast("str | os.PathLike[str]", saved)
        if os.path.realpath(given) != os.path.realpath(folder):
            message = (
                f"save_checkpoint() returned {os.fspath(given)!r}, but it was to write into"
                f" {folder!r}: return None, the same path, or a dict"
            )
            raise UserError(message)
    elif saved is not None:
        message = (
            f"save_checkpoint() returned a {type(saved).__name__}: return None after writing into"
            f" the directory that it is given, or return a dict"
        )
        raise UserError(message)


def saved_state(folder: str) -> object:
    """What ``load_checkpoint`` is given: the dict that was saved, or else the folder."""
    with contextlib.suppress(FileNotFoundError), Path(folder, DICT_NAME).open("rb") as file:
        return pickle.load(file)  # noqa: S301  the user's own, from the run's folder
    return folder
