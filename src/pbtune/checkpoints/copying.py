"""Copies of directories: by reflink or inside the kernel where the file system can."""

import errno
import os
import stat
import sys
from typing import Final, Protocol

import msgspec

from pbtune.checkpoints.moving import remove_closed

_CHUNK_BYTES: Final = 1 << 20
_KERNEL_BYTES: Final = 1 << 30
# Windows translates line ends unless it is told not to, and its files are never inherited.
_ALWAYS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READ: Final = os.O_RDONLY | _ALWAYS
_MAKE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | _ALWAYS
_CANT: Final = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}
)


class Tree(msgspec.Struct, frozen=True):
    """What a directory holds. ``digest`` is the SHA-256 of its sorted names, sizes and contents."""

    bytes: int
    file_count: int
    digest: str


class Digest(Protocol):
    """What ``hashlib`` makes."""

    def update(self, data: bytes, /) -> None:
        """Take more."""

    def digest(self) -> bytes:
        """Of what it was given so far."""
        ...

    def hexdigest(self) -> str:
        """The same, to be read."""
        ...


Part = tuple[str, int, bytes]
"""Name, size and SHA-256 of one file."""


def copy_tree(source: str, target: str, *, sync: bool) -> Tree:
    """Copy a directory into a new one. Links are followed: a checkpoint stands for itself.

    Args:
        source: An existing directory.
        target: Must not exist.
        sync: Whether every file has reached the disk when this returns.

    Returns:
        What ``measure`` of the copy would give.
    """
    parts: list[Part] = []
    _copy_folder(source, target, "", parts, sync=sync)
    return _tree(parts)


def _copy_folder(source: str, target: str, prefix: str, parts: list[Part], *, sync: bool) -> None:
    os.mkdir(target, 0o700)  # noqa: PTH102  the hot path of every report with a checkpoint
    with os.scandir(source) as entries:
        for entry in entries:
            to = f"{target}/{entry.name}"
            if entry.is_dir():
                _copy_folder(entry.path, to, f"{prefix}{entry.name}/", parts, sync=sync)
            else:
                length, digest = _copy_file(entry.path, to, sync=sync)
                parts.append((f"{prefix}{entry.name}", length, digest))
    if sync:
        sync_directory(target)


def _copy_file(source: str, target: str, *, sync: bool) -> tuple[int, bytes]:
    from_fd = os.open(source, _READ)
    try:
        status = os.fstat(from_fd)
        to_fd = os.open(target, _MAKE, stat.S_IMODE(status.st_mode) | stat.S_IRUSR)
        try:
            if status.st_size < _CHUNK_BYTES:
                # Small files are the rule: two calls are cheaper than a copy in the kernel.
                length, digest = _copy_by_reading(from_fd, to_fd, status.st_size)
            else:
                _copy_in_kernel(from_fd, to_fd)
                os.lseek(to_fd, 0, os.SEEK_SET)
                length, digest = _digest(to_fd, status.st_size)
            if sync:
                os.fsync(to_fd)
        finally:
            os.close(to_fd)
    finally:
        os.close(from_fd)
    return length, digest


def _copy_by_reading(from_fd: int, to_fd: int, size: int) -> tuple[int, bytes]:
    content = os.read(from_fd, size + 1)
    digest, length = sha256(content), len(content)
    _write(to_fd, content)
    # What has grown since its size was asked for is read to its end.
    while length != size and (content := os.read(from_fd, _CHUNK_BYTES)):
        digest.update(content)
        length += len(content)
        _write(to_fd, content)
    return length, digest.digest()


def _copy_in_kernel(from_fd: int, to_fd: int) -> None:
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


def sha256(content: bytes = b"") -> Digest:
    """A SHA-256. Loading OpenSSL takes 4 ms, which no start of a run should wait for."""
    import hashlib  # noqa: PLC0415  heavy

    return hashlib.sha256(content)


def sync_directory(path: str) -> None:
    """Make a directory's names survive a loss of power; no effect where directories can't be."""
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def measure(path: str) -> Tree:
    """Size, count and digest of a directory's files."""
    parts: list[Part] = []
    for name, file in _files(path, ""):
        fd = os.open(file, _READ)
        try:
            parts.append((name, *_digest(fd, os.fstat(fd).st_size)))
        finally:
            os.close(fd)
    return _tree(parts)


def _digest(fd: int, size: int) -> tuple[int, bytes]:
    content = os.read(fd, min(size, _CHUNK_BYTES) + 1)
    digest, length = sha256(content), len(content)
    while length != size and (content := os.read(fd, _CHUNK_BYTES)):
        digest.update(content)
        length += len(content)
    return length, digest.digest()


def _tree(parts: list[Part]) -> Tree:
    digest = sha256()
    for name, length, inner in sorted(parts):
        digest.update(f"{name}\0{length}\0".encode(errors="surrogateescape"))
        digest.update(inner)
    return Tree(sum(length for _, length, _ in parts), len(parts), digest.hexdigest())


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
    """Delete a directory; one that is gone is fine.

    The common case, a few plain files, is worth its own few calls: shutil.rmtree opens every folder
    to be safe against links that somebody swaps in, which the run's own 0700 folder rules out.
    """
    try:
        with os.scandir(path) as entries:
            listed = list(entries)
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                remove_tree(entry.path)
            else:
                os.unlink(entry.path)  # noqa: PTH108  the hot path
        os.rmdir(path)  # noqa: PTH106
    except FileNotFoundError:
        return
    except PermissionError:
        if sys.platform != "win32":
            raise
        remove_closed(path)
