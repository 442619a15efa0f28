"""What the user's function calls: ``report``, ``get_checkpoint``, ``get_context`` and ours."""

import warnings
from collections.abc import Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import NoReturn, cast, final

from pbtune.checkpoints.checkpoint import Checkpoint
from pbtune.errors import NotInATrial
from pbtune.worker.session import Session

_current: list[Session] = []


def enter(session: Session) -> None:
    """Make a session the one that the user's calls go to."""
    _current.append(session)


def leave() -> None:
    """Undo the last ``enter``."""
    _current.pop()


def current() -> Session:
    """The session of the attempt that this process runs.

    Raises:
        NotInATrial: Outside an attempt.
    """
    if not _current:
        message = "this can only run inside a trial"
        raise NotInATrial(message)
    return _current[-1]


def is_in_trial() -> bool:
    """Whether a trial runs in this process, with the global generators seeded for it."""
    return bool(_current)


def _session(call: str) -> Session | None:
    if _current:
        return _current[-1]
    message = f"{call} was called outside a trial and does nothing here"
    # Once a call site, as in Tune: a training function may also be run by hand.
    warnings.warn(message, UserWarning, stacklevel=3)
    return None


def report(metrics: dict[str, object], *, checkpoint: Checkpoint | None = None) -> None:
    """Report metrics, and a checkpoint if there is one, from inside a training function.

    Returns at once unless the report can change something; then it waits for the verdict, and may
    leave the function by a SystemExit, as in Tune. With a checkpoint, its directory is copied
    before this returns, so its files may be changed or deleted afterwards.

    Args:
        metrics: Values by name; nested dicts are flattened with "/". Numbers (NaN too), text,
            booleans, None, lists, and numpy's scalars are stored exactly.
        checkpoint: The state to go on from; ``Checkpoint.from_directory(path)``, or a folder from
            ``new_checkpoint()``, which is moved, not copied.

    Raises:
        MetricMissing: If the metric that the population is ranked by isn't there.
        MetricUnstorable: If a value can't be stored.
        CheckpointMissing: If the checkpoint's directory doesn't exist.
        NotInATrial: If called in a process that the training function forked.
    """
    session = _session("report()")
    if session is not None:
        session.report(metrics, checkpoint)


def get_checkpoint() -> Checkpoint | None:
    """The checkpoint to go on from: another member's after an exploit; the newest one later on.

    Returns:
        None in a trial that starts from nothing.
    """
    session = _session("get_checkpoint()")
    return None if session is None else session.get_checkpoint()


def checkpoint_due() -> bool:
    """Whether the coming report is one where a checkpoint matters.

    True when the trial's interval is over or a stop rule is about to end it, as far as the counted
    key can be foreseen. Saving only then loses nothing and saves the disk's time.
    """
    session = _session("checkpoint_due()")
    return True if session is None else session.checkpoint_due()


@contextmanager
def new_checkpoint() -> Iterator[str]:
    """A fresh folder inside the run, for a checkpoint that is written once.

    ``report(metrics, checkpoint=Checkpoint.from_directory(path))`` moves the folder to its place
    instead of copying it; do so before or right after the ``with`` block ends, and write nothing
    more to it. A block that raises removes the folder.

    Raises:
        NotInATrial: Outside a trial.
    """
    if not _current:
        message = "new_checkpoint() makes a folder in the trial's run; there is no trial here"
        raise NotInATrial(message)
    with _current[-1].new_checkpoint() as path:
        yield path


@final
class TrialResources(dict[str, float]):
    """What one trial has, by resource; also under the names of Tune's placement groups."""

    @property
    def required_resources(self) -> dict[str, float]:
        """All of it: {"CPU": 2.0, "GPU": 0.5}."""
        return dict(self)

    @property
    def bundles(self) -> list[dict[str, float]]:
        """One bundle: a trial is one process."""
        return [dict(self)]


@final
class TuneContext:
    """Who and where this trial is. Outside a trial every answer is None."""

    def __init__(self, session: Session | None) -> None:
        self._session = session

    def get_experiment_name(self) -> str | None:
        """The run's name."""
        return None if self._session is None else self._session.settings.run_name

    def get_trial_name(self) -> str | None:
        """The trial's name: the training's, and the trial's id."""
        if self._session is None:
            return None
        return "_".join(filter(None, [self._session.settings.trainable_name, self.get_trial_id()]))

    def get_trial_id(self) -> str | None:
        """The trial's id: "t0", "t1", …."""
        return None if self._session is None else self._session.begin.trial

    def get_trial_dir(self) -> str | None:
        """The trial's own folder, for files that should stay with the run."""
        return None if self._session is None else str(self._session.trial_dir)

    def get_trial_resources(self) -> TrialResources | None:
        """The resources of one trial, such as {"CPU": 1.0}."""
        return None if self._session is None else TrialResources(self._session.settings.resources)

    def get_storage(self) -> str | None:
        """The run's folder."""
        return None if self._session is None else self._session.settings.run_dir

    def get_world_size(self) -> int:
        """Always 1: a trial is one process."""
        return 1

    def get_world_rank(self) -> int:
        """Always 0: a trial is one process."""
        return 0

    def get_local_rank(self) -> int:
        """Always 0: a trial is one process."""
        return 0

    def get_local_world_size(self) -> int:
        """Always 1: a trial is one process."""
        return 1

    def get_node_rank(self) -> int:
        """Always 0: a trial is one process."""
        return 0

    def get_metadata(self) -> NoReturn:
        """Not here, and never usable in Tune.

        Raises:
            DeprecationWarning: Always, as in Tune.
        """
        message = "get_metadata() has never been usable in Tune, and isn't here"
        raise DeprecationWarning(message)


def get_context() -> TuneContext:
    """The trial that this code runs in."""
    return TuneContext(_current[-1] if _current else None)


def report_value(value: object) -> None:
    """Report what a training function returned or yielded: a dict, or a number as ``_metric``.

    Nothing, or an empty container, is no report, as in Tune; the number 0 is one.
    """
    if isinstance(value, (int, float)) or hasattr(value, "item"):
        report({"_metric": value})
    elif value is None or (isinstance(value, Sized) and len(value) == 0):
        return
    elif isinstance(value, Mapping):
        report(dict(cast("Mapping[str, object]", value)))
    else:
        message = (
            f"a training function may return or yield a dict or a number, not"
            f" {type(value).__name__}"
        )
        raise TypeError(message)
