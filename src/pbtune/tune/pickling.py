"""The user's function on its way to a worker, and the name of what can't make it."""

import contextlib
import pickle
import types
from collections.abc import Callable, Iterator
from typing import final

from pbtune.core.trial import Config
from pbtune.core.values import Ref, resolved
from pbtune.errors import Unpicklable
from pbtune.tune import as_ray
from pbtune.worker.by_value import dumps
from pbtune.worker.payload import packed
from pbtune.worker.process import Job


@final
class _OpenDoor:
    """Unpickling it makes ``ray`` name our modules there, as they are named here."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return as_ray.install, ()


@final
class _BehindDoor:
    """A job whose function, and the modules that it is found in, may import ``ray``."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __reduce__(self) -> tuple[Callable[[None, Job], Job], tuple[_OpenDoor, Job]]:
        # The door stands first: it is open before the function is unpickled.
        return _second, (_OpenDoor(), self._job)


def _second(_door: None, job: Job) -> Job:
    return job


def pickled(job: Job) -> bytes:
    """The job for workers; functions of ``__main__`` and closures travel by value.

    Raises:
        Unpicklable: If something in it can't be pickled; it says where.
    """
    # The process boundary of user code: __reduce__ of the user's objects may raise anything.
    try:
        return packed(_BehindDoor(job) if as_ray.is_installed() else job, dumps)
    except Exception as error:
        where = next(_culprits(job), None) or "something in it"
        message = (
            f"the training function can't be sent to a worker process: {where} can't be pickled"
            f" ({type(error).__name__}: {error}). Make it inside the function, or pass what it is"
            f" made from."
        )
        raise Unpicklable(message) from error


def _fails(value: object) -> bool:
    # The same boundary: whatever pickling the user's object raises is the answer.
    try:
        dumps(value)
    except Exception:  # noqa: BLE001
        return True
    return False


def _culprits(job: Job) -> Iterator[str]:
    """The deepest names that fail by themselves, from the function inwards."""
    for path, value in job.objects.items():
        if _fails(value):
            yield f"param_space[{path!r}] = {_shown(value)}"
    yield from _inside(job.trainable, set())


def _inside(thing: object, seen: set[int]) -> Iterator[str]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    inner = getattr(thing, "func", None) or getattr(thing, "__wrapped__", None)
    if callable(inner):
        for name, value in getattr(thing, "keywords", {}).items():
            if _fails(value):
                yield f"the argument {name!r} = {_shown(value)}"
        yield from _inside(inner, seen)
    if isinstance(thing, type):
        for member in _members(thing):
            yield from _inside(member, seen)
    if isinstance(thing, types.FunctionType):
        yield from _inside_function(thing, seen)


def _inside_function(function: types.FunctionType, seen: set[int]) -> Iterator[str]:
    for kind, name, value in _named(function):
        if not _fails(value):
            continue
        if isinstance(value, types.FunctionType):
            yield from _inside(value, seen)
        yield f"the {kind} {name!r} = {_shown(value)} of {function.__qualname__}()"


def _members(klass: type) -> Iterator[object]:
    """What a class and its bases in the same module define; other modules are imported."""
    for base in klass.__mro__:
        if base.__module__ == klass.__module__:
            for member in vars(base).values():
                yield getattr(member, "__func__", member)


def _named(function: types.FunctionType) -> Iterator[tuple[str, str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        # An empty cell belongs to a name that is defined later.
        with contextlib.suppress(ValueError):
            yield "closure variable", name, cell.cell_contents
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield "global", name, function.__globals__[name]
    defaults = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    for name, value in zip(names[len(names) - len(defaults) :], defaults, strict=True):
        yield "default of", name, value


def _shown(value: object) -> str:
    text = repr(value)
    limit = 80
    return text if len(text) <= limit else text[: limit - 1] + "…"


@final
class Packing:
    """Pickles configs for workers that already have the run's objects.

    Objects that the user's callables make later, during the run, travel with the config.

    Args:
        objects: The run's objects by path; what is in it now has been sent.
    """

    def __init__(self, objects: dict[str, object]) -> None:
        self._objects = objects
        self._sent = frozenset(objects)

    def __call__(self, config: Config) -> bytes:
        """The config, as the worker unpickles it."""
        late = {path: it for path, it in self._objects.items() if path not in self._sent}
        if not late:
            return pickle.dumps(config)
        # What was sent keeps its name.
        known = {path: Ref(path) for path in self._sent}
        return dumps(resolved(config, {**known, **late}))
