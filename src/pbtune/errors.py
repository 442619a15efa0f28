"""Every error that pbtune raises, in one tree.

PbtuneError
├── UserError                 your script: fix it and run again
│   ├── SettingsError             a setting out of its range (also a ValueError)
│   │   ├── SpaceError                a search space that can't be sampled or mutated
│   │   │   └── SpaceTypeError            a mutation of a kind that can't be (also a TypeError)
│   │   └── SchedulerNotPorted        a scheduler written for Ray Tune (also a TypeError)
│   ├── MetricMissing             report() lacks a metric that the run needs (also a ValueError)
│   ├── MetricUnstorable          report() got a value that can't be stored (also a ValueError)
│   ├── CheckpointMissing         a checkpoint directory that isn't there (also a ValueError)
│   ├── Unpicklable               the function can't travel to a worker (also a TypeError)
│   ├── NotInATrial               report() and its kin, called outside a trial (also a RuntimeError)
│   ├── TrialFailed               a trial's exception, as Result.error (also a RuntimeError)
│   ├── TrialsFailed              tune.run's trials that failed (also a RuntimeError)
│   ├── NoResult                  a question that these results can't answer (also a RuntimeError)
│   └── NotInPbtune               a name of Ray Tune's that pbtune lacks (also an ImportError)
├── EnvironmentFault          the machine: disk, permissions, processes
│   ├── StorageUnwritable         a folder that can't be written (also an OSError)
│   │   ├── StorageFull               no space left: the run waits for it
│   │   └── StorageUnreachable        a URL that doesn't answer, or refuses
│   ├── RunLocked                 another driver is at work on this run (also an OSError)
│   ├── RunUnreadable             a journal that is missing, damaged or of a newer version
│   └── WorkerDied                a worker process ended by itself
└── EngineBug                 ours: please report it, with the message

Catch the branch that you can do something about::

    try:
        results = tuner.fit()
    except pbtune.errors.UserError as error:
        sys.exit(str(error))
"""

import builtins
import functools
from collections.abc import Callable, Iterable
from typing import cast


class PbtuneError(Exception):
    """The root; raised only through its branches. Tune's name for it is ``tune.TuneError``."""


class UserError(PbtuneError):
    """Something in the user's script; the message says what, which, and what to do now."""


class SettingsError(UserError, ValueError):
    """A setting is out of its range, or two settings contradict each other."""


class SpaceError(SettingsError):
    """A search space, or a mutation of it, that can't be sampled."""


class SpaceTypeError(SpaceError, TypeError):
    """A mutation that is neither a domain, a list, a function nor a dict of them."""


class SchedulerNotPorted(SettingsError, TypeError):
    """A scheduler class that overrides what Ray Tune's engine would call.

    Args:
        name: The class.
        hooks: The methods that it overrides.
    """

    def __init__(self, name: str, hooks: Iterable[str]) -> None:
        self.name = name
        self.hooks = tuple(hooks)
        told = ", ".join(f"{hook}()" for hook in self.hooks)
        super().__init__(
            f"{name} overrides {told}, which only Ray Tune calls: pbtune's schedulers decide as"
            f" pure functions of the journal. Port it: derive from"
            f" pbtune.tune.schedulers.AbstractScheduler, and let on_report(experiment, report,"
            f" objective) return [] where on_trial_result gave CONTINUE, and"
            f" [Completed(report.trial, reason)] where it gave STOP. docs/schedulers.md shows how."
        )

    def __reduce__(self) -> tuple[type["SchedulerNotPorted"], tuple[str, tuple[str, ...]]]:
        """Keep the attributes when pickled."""
        return SchedulerNotPorted, (self.name, self.hooks)


class MetricMissing(UserError, ValueError):
    """A report lacks a metric that the run can't do without.

    Args:
        key: The metric that is missing.
        needed_by: What needs it, as the end of "which ...": "PBT ranks by".
        present: The keys that the report has.
    """

    def __init__(self, key: str, needed_by: str, present: Iterable[str]) -> None:
        self.key = key
        self.present = tuple(present)
        has = ", ".join(self.present) or "nothing"
        super().__init__(f"report() lacks {key!r}, which {needed_by}. It has: {has}.")

    @classmethod
    def told(cls, message: str) -> "MetricMissing":
        """The error of a worker, of which only the message has travelled."""
        error = cls("", "", ())
        error.args = (message,)
        return error

    def __reduce__(self) -> tuple[Callable[[str], "MetricMissing"], tuple[str]]:
        """Travel as text: the message already says everything."""
        return MetricMissing.told, (str(self),)


class MetricUnstorable(UserError, ValueError):
    """A reported value is of a type that can't be stored exactly."""


class CheckpointMissing(UserError, ValueError):
    """A checkpoint directory that doesn't exist, or isn't a directory."""


class Unpicklable(UserError, TypeError):
    """The training function, or something that it refers to, can't be sent to a worker."""


class NotInATrial(UserError, RuntimeError):
    """A call that makes sense only inside a trial, in the process that runs it."""


class TrialFailed(UserError, RuntimeError):
    """A trial's function raised, or its process died, and its retries were used up.

    Args:
        trial: Its id.
        error: The name of the exception's type; "WorkerDied" for a process.
        message: What the exception said.
        traceback_text: The whole traceback as text; empty for a process that died.
    """

    def __init__(self, trial: str, error: str, message: str, traceback_text: str = "") -> None:
        self.trial = trial
        self.error = error
        self.message = message
        self.traceback_text = traceback_text
        super().__init__(f"{trial} failed: {error}: {message}\n{traceback_text}".rstrip())

    @classmethod
    def of(cls, trial: str, error: str, message: str, traceback_text: str = "") -> "TrialFailed":
        """As the constructor; where Python itself has the exception, it is one of those too.

        So ``isinstance(result.error, ValueError)`` and ``except KeyError`` hold, as in Tune.
        """
        return _kind_of(error)(trial, error, message, traceback_text)

    def __str__(self) -> str:
        """The message; KeyError, whose kin this may be, would quote it."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Callable[..., "TrialFailed"], tuple[str, str, str, str]]:
        """Keep the attributes when pickled."""
        return TrialFailed.of, (self.trial, self.error, self.message, self.traceback_text)


@functools.cache
def _kind_of(error: str) -> type[TrialFailed]:
    found = getattr(builtins, error, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return TrialFailed
    if issubclass(TrialFailed, found):
        return TrialFailed
    try:
        kind = type(TrialFailed.__name__, (TrialFailed, found), {"__module__": __name__})
    except TypeError:
        # Its objects are laid out in another way, as OSError's are.
        return TrialFailed
    return cast("type[TrialFailed]", kind)


class TrialsFailed(UserError, RuntimeError):
    """Trials of ``tune.run`` failed; ``Tuner.fit`` gives them as ``results.errors`` instead.

    Args:
        errors: The failed trials' errors.
    """

    def __init__(self, errors: Iterable[TrialFailed]) -> None:
        self.errors = tuple(errors)
        names = ", ".join(error.trial for error in self.errors)
        first = self.errors[0]
        super().__init__(f"trials did not complete: {names}. The first: {first}")

    def __reduce__(self) -> tuple[type["TrialsFailed"], tuple[tuple[TrialFailed, ...]]]:
        """Keep the errors when pickled."""
        return TrialsFailed, (self.errors,)


class NoResult(UserError, RuntimeError):
    """The results can't answer: nothing was reported, or only NaN."""


class NotInPbtune(UserError, ImportError):
    """A name of Ray Tune's that pbtune doesn't have.

    Args:
        name: The full name, "ray.tune.X".
        why: The reason, or what to use instead.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} is not in pbtune: {why}")


class EnvironmentFault(PbtuneError):
    """The machine, not the script: retried where that can help, else said."""


class StorageUnwritable(EnvironmentFault, OSError):
    """A folder that pbtune has to write to can't be written."""


class StorageFull(StorageUnwritable):
    """No space is left. Nothing was stored; the same can be tried again when there is some."""


class StorageUnreachable(StorageUnwritable):
    """The storage at a URL doesn't answer, or refuses what is asked. Nothing was stored."""


class RunLocked(EnvironmentFault, OSError):
    """A second driver asked for a run that another one is working on."""


class RunUnreadable(EnvironmentFault):
    """A run folder without a journal, or with one that this version can't read."""


class WorkerDied(EnvironmentFault):
    """A worker process ended without being told to: a signal, ``os._exit`` or out of memory."""


class EngineBug(PbtuneError):
    """A promise of the engine is broken. It is our fault; the message carries what we need to know.

    Args:
        what: The broken promise.
        story: The records that led there, one a line.
    """

    def __init__(self, what: str, story: str = "") -> None:
        self.story = story
        tail = f"\n{story}" if story else ""
        super().__init__(f"{what}. This is a bug in pbtune; please report it with this text.{tail}")
