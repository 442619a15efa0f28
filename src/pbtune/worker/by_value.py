"""Functions and classes by value, with the names of the files that they were written in.

cloudpickle 3.1.3 gives all code that travels by value the file name ``<dynamic-code>``. A traceback
then shows no source lines, and says of no frame whose it is.
"""

import functools
import io
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    import pickle
    from collections import ChainMap


def dumps(
    value: object,
    protocol: int | None = None,
    buffer_callback: Callable[["pickle.PickleBuffer"], object] | None = None,
) -> bytes:
    """As ``pickle.dumps``, but what can't be imported elsewhere travels as its code.

    Raises:
        Exception: Whatever pickling the user's objects raises.
    """
    file = io.BytesIO()
    _pickler()(file, protocol=protocol, buffer_callback=buffer_callback).dump(value)
    return file.getvalue()


def dump(value: object, file: BinaryIO) -> None:
    """``dumps`` into a file."""
    _pickler()(file).dump(value)


@functools.cache
def _pickler() -> type[Any]:
    """Cloudpickle's pickler, whose code objects keep their file names."""
    import cloudpickle  # noqa: PLC0415  heavy, and not needed to define a run

    table = cast("ChainMap[type, Any]", cloudpickle.Pickler.dispatch_table)
    reduce_code = table[types.CodeType]

    def reduce(code: types.CodeType) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _named, (code.co_filename, *reduce_code(code)[:2])

    class ByValue(cloudpickle.Pickler):
        dispatch_table = table.new_child({types.CodeType: reduce})

    return ByValue


def _named(
    filename: str, make: Callable[..., types.CodeType], arguments: tuple[object, ...]
) -> types.CodeType:
    return make(*arguments).replace(co_filename=filename)
