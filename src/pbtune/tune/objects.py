"""``put`` and ``get``, for scripts that keep a data set in Ray's object store.

An object that was put is held by its reference, and travels with the function or the config that
names it: once to the process that starts workers, as with ``tune.with_parameters``.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast, final

Value = TypeVar("Value")


@final
class ObjectRef(Generic[Value]):
    """Stands for an object. ``get`` gives the object itself, here and in a training function."""

    __slots__ = ("_value",)

    def __init__(self, value: Value) -> None:
        self._value = value

    def __repr__(self) -> str:
        """What kind of object it stands for; the object itself may be large."""
        return f"ObjectRef({type(self._value).__name__})"


def put(value: Value) -> ObjectRef[Value]:
    """A reference to an object."""
    return ObjectRef(value)


def get(object_refs: Any, *, timeout: float | None = None) -> Any:  # noqa: ANN401  any object
    """The object behind a reference, or the objects behind a list of them.

    Args:
        object_refs: What ``put`` gave, or a list of that.
        timeout: Accepted; there is nothing to wait for.

    Raises:
        TypeError: If it is something else.
    """
    del timeout
    if isinstance(object_refs, ObjectRef):
        return cast("ObjectRef[Any]", object_refs)._value  # noqa: SLF001  its own module's
    if isinstance(object_refs, Sequence) and not isinstance(object_refs, (str, bytes)):
        return [get(it) for it in cast("Sequence[Any]", object_refs)]
    message = f"get() takes what put() gave, or a list of that, not {object_refs!r}"
    raise TypeError(message)
