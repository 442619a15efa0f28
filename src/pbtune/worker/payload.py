"""The job of a run as one block of memory that all its workers share.

Pickle's own bytes come first, then the large buffers that it refers to, such as the data of arrays:

    count │ length of each part │ pickle │ buffer │ buffer │ …       each at a multiple of 64 bytes

The template maps the block from a file, privately. So a worker neither reads nor copies an array
until it writes to it, and what it writes no other worker sees.
"""

import os
import pickle
import struct
import tempfile
from collections.abc import Callable
from mmap import ACCESS_COPY, mmap
from typing import BinaryIO, Final

BUFFER_BYTES_MIN: Final = 1 << 12
"""Smaller buffers stay in the pickle: a page of memory is what can be shared."""
_ALIGNMENT: Final = 64
_NUMBER: Final = struct.Struct("<Q")

Dump = Callable[..., bytes]


def packed(job: object, dumps: Dump) -> bytes:
    """An object as such a block.

    Args:
        job: What to pickle.
        dumps: ``pickle.dumps`` or one of its kin.
    """
    buffers: list[memoryview] = []

    def is_inside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < BUFFER_BYTES_MIN:
            return True
        buffers.append(raw)
        return False

    body = dumps(job, protocol=5, buffer_callback=is_inside)
    parts = [memoryview(body), *buffers]
    numbers = [len(parts), *(part.nbytes for part in parts)]
    block = [b"".join(map(_NUMBER.pack, numbers))]
    end = len(block[0])
    for part in parts:
        padding = -end % _ALIGNMENT
        block += [bytes(padding), part]  # type: ignore[list-item]
        end += padding + part.nbytes
    return b"".join(block)


def unpacked(block: bytes | bytearray | mmap) -> object:
    """The object again; its buffers are parts of the block, not copies."""
    view = memoryview(block)
    (count,) = _NUMBER.unpack_from(view)
    end = _NUMBER.size * (count + 1)
    parts: list[memoryview] = []
    for index in range(count):
        (size,) = _NUMBER.unpack_from(view, _NUMBER.size * (index + 1))
        start = end + -end % _ALIGNMENT
        end = start + size
        parts.append(view[start:end])
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  the driver's own


def memory_file() -> BinaryIO:
    """A file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("pbtune-job"), "w+b")
    return tempfile.TemporaryFile()  # type: ignore[return-value]


def mapped(file: int | str) -> mmap:
    """The block in a file; what is written to it stays in this process.

    Args:
        file: Its descriptor, which is left open, or its name.
    """
    if isinstance(file, int):
        return mmap(file, 0, access=ACCESS_COPY)
    with open(file, "rb") as opened:  # noqa: PTH123  as it was given
        return mmap(opened.fileno(), 0, access=ACCESS_COPY)
