"""The user's function on its way to a worker, and the name of what can't make it."""

import contextlib
import types
from collections.abc import Callable, Iterator

from pbtune.errors import Unpicklable
from pbtune.worker.process import Job


def pickled(job: Job) -> bytes:
    """The job as bytes; functions of ``__main__`` and closures travel by value.

    Raises:
        Unpicklable: If something in it can't be pickled; it says where.
    """
    import cloudpickle  # noqa: PLC0415  heavy, and not needed to define a run

    # The process boundary of user code: __reduce__ of the user's objects may raise anything.
    try:
        return cloudpickle.dumps(job)
    except Exception as error:
        where = next(_culprits(job, cloudpickle.dumps), None) or "something in it"
        message = (
            f"the training function can't be sent to a worker process: {where} can't be pickled"
            f" ({type(error).__name__}: {error}). Make it inside the function, or pass what it is"
            f" made from."
        )
        raise Unpicklable(message) from error


def _fails(value: object, dumps: Callable[[object], bytes]) -> bool:
    # The same boundary: whatever pickling the user's object raises is the answer.
    try:
        dumps(value)
    except Exception:  # noqa: BLE001
        return True
    return False


def _culprits(job: Job, dumps: Callable[[object], bytes]) -> Iterator[str]:
    """The deepest names that fail by themselves, from the function inwards."""
    for path, value in job.objects.items():
        if _fails(value, dumps):
            yield f"param_space[{path!r}] = {_shown(value)}"
    yield from _inside(job.trainable, dumps, set())


def _inside(function: object, dumps: Callable[[object], bytes], seen: set[int]) -> Iterator[str]:
    inner = getattr(function, "func", None)
    if inner is not None and callable(inner):
        for name, value in getattr(function, "keywords", {}).items():
            if _fails(value, dumps):
                yield f"the argument {name!r} = {_shown(value)}"
        yield from _inside(inner, dumps, seen)
    if not isinstance(function, types.FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    for kind, name, value in _named(function):
        if not _fails(value, dumps):
            continue
        if isinstance(value, types.FunctionType):
            yield from _inside(value, dumps, seen)
        yield f"the {kind} {name!r} = {_shown(value)} of {function.__qualname__}()"


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
