"""Copies of directories: by reflink or inside the kernel where the file system can."""

import errno
import hashlib
import os
import shutil
import stat
from typing import Final

import msgspec

_CHUNK_BYTES: Final = 1 << 20
_KERNEL_BYTES: Final = 1 << 30
_CANT: Final = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}
)


class Tree(msgspec.Struct, frozen=True):
    """What a directory holds. ``digest`` is the SHA-256 of its sorted names, sizes and contents."""

    bytes: int
    file_count: int
    digest: str


def copy_tree(source: str, target: str, *, sync: bool) -> None:
    """Copy a directory into a new one. Links are followed: a checkpoint stands for itself.

    Args:
        source: An existing directory.
        target: Must not exist.
        sync: Whether every file has reached the disk when this returns.
    """
    os.mkdir(target, 0o700)  # noqa: PTH102  the hot path of every report with a checkpoint
    with os.scandir(source) as entries:
        for entry in entries:
            to = os.path.join(target, entry.name)  # noqa: PTH118
            if entry.is_dir():
                copy_tree(entry.path, to, sync=sync)
            else:
                _copy_file(entry.path, to, sync=sync)
    if sync:
        sync_directory(target)


def _copy_file(source: str, target: str, *, sync: bool) -> None:
    from_fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        to_fd = os.open(target, flags, stat.S_IMODE(os.fstat(from_fd).st_mode) | stat.S_IRUSR)
        try:
            _copy_contents(from_fd, to_fd)
            if sync:
                os.fsync(to_fd)
        finally:
            os.close(to_fd)
    finally:
        os.close(from_fd)


def _copy_contents(from_fd: int, to_fd: int) -> None:
    first = os.read(from_fd, _CHUNK_BYTES)
    # Small files are the rule, and two calls are cheaper than asking for a copy in the kernel.
    if len(first) < _CHUNK_BYTES:
        _write(to_fd, first)
        while rest := os.read(from_fd, _CHUNK_BYTES):
            _write(to_fd, rest)
        return
    os.lseek(from_fd, 0, os.SEEK_SET)
    if hasattr(os, "copy_file_range"):
        try:
            while os.copy_file_range(from_fd, to_fd, _KERNEL_BYTES):
                pass
        except OSError as error:
            if error.errno not in _CANT:
                raise
    position = os.lseek(to_fd, 0, os.SEEK_CUR)
    os.lseek(from_fd, position, os.SEEK_SET)
    while chunk := os.read(from_fd, _CHUNK_BYTES):
        _write(to_fd, chunk)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_directory(path: str) -> None:
    """Make a directory's names survive a loss of power; no effect where directories can't be."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def measure(path: str) -> Tree:
    """Size, count and digest of a directory's files."""
    digest = hashlib.sha256()
    size = count = 0
    for name, file in sorted(_files(path, "")):
        with open(file, "rb", buffering=0) as stream:  # noqa: PTH123  the hot path
            content = stream.read(_CHUNK_BYTES)
            length = len(content)
            inner = hashlib.sha256(content)
            while content:
                content = stream.read(_CHUNK_BYTES)
                inner.update(content)
                length += len(content)
        digest.update(f"{name}\0{length}\0".encode(errors="surrogateescape"))
        digest.update(inner.digest())
        size += length
        count += 1
    return Tree(size, count, digest.hexdigest())


def _files(path: str, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    with os.scandir(path) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir():
                found += _files(entry.path, f"{name}/")
            else:
                found.append((name, entry.path))
    return found


def remove_tree(path: str) -> None:
    """Delete a directory; one that is gone is fine."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
