"""What a loss of power could take: a ledger of what was written and not yet flushed.

A file's content is safe after its ``fsync``, a name (of a file, a directory, or after a rename)
after the ``fsync`` of its directory. Nothing else is promised by POSIX, and file systems differ in
what they do besides (Pillai et al., OSDI 2014).
"""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, cast, final
from unittest import mock

_open, _write, _fsync, _mkdir, _rename = os.open, os.write, os.fsync, os.mkdir, os.rename
# Linux alone has it.
_copy: Any = getattr(os, "copy_file_range", None)
_MODE: Final = 0o777


@final
class Ledger:
    """Notes what goes through ``os`` while it is open; see ``watching``.

    Attributes:
        contents: Files whose newest content isn't flushed.
        names: Directories of which a new name isn't flushed.
        torn: Names that a rename gave to something that wasn't flushed itself.
    """

    def __init__(self) -> None:
        self.contents: set[str] = set()
        self.names: set[str] = set()
        self.torn: list[str] = []
        self._paths: dict[int, str] = {}

    def written(self, folder: Path) -> None:
        """Everything in a folder was written by others, who flushed nothing."""
        for parent, folders, files in os.walk(folder):
            self.names.add(parent)
            self.contents.update(f"{parent}/{name}" for name in files)
            self.names.update(f"{parent}/{name}" for name in folders)

    def losses(self, root: Path) -> list[str]:
        """What under a folder, itself included, could be gone or old after a loss of power."""
        return sorted(it for it in self.contents | self.names if Path(it).is_relative_to(root))

    @contextmanager
    def watching(self) -> Generator[None, None, None]:
        """Note what is done meanwhile, in this process."""
        with ExitStack() as undo:
            names = ("open", "write", "copy_file_range", "fsync", "mkdir", "rename")
            for name in filter(partial(hasattr, os), names):
                undo.enter_context(mock.patch.object(os, name, getattr(self, f"_{name}")))
            yield

    def _open(
        self, path: str | Path, flags: int, mode: int = _MODE, *, dir_fd: int | None = None
    ) -> int:
        name = _absolute(path)
        is_new = bool(flags & os.O_CREAT) and not Path(name).exists()
        fd = _open(path, flags, mode, dir_fd=dir_fd)
        self._paths[fd] = name
        if is_new:
            self.contents.add(name)
            self.names.add(_parent(name))
        return fd

    def _write(self, fd: int, data: bytes) -> int:
        self._changed(fd)
        return _write(fd, data)

    def _copy_file_range(self, source: int, target: int, count: int) -> int:
        self._changed(target)
        return cast("int", _copy(source, target, count))

    def _changed(self, fd: int) -> None:
        if fd in self._paths:
            self.contents.add(self._paths[fd])

    def _fsync(self, fd: int) -> None:
        _fsync(fd)
        name = self._paths.get(fd, "")
        self.contents.discard(name)
        self.names.discard(name)

    def _mkdir(self, path: str | Path, mode: int = _MODE, *, dir_fd: int | None = None) -> None:
        _mkdir(path, mode, dir_fd=dir_fd)
        self.names.add(_parent(_absolute(path)))

    def _rename(self, old: str | Path, new: str | Path) -> None:
        before, after = _absolute(old), _absolute(new)
        if self.losses(Path(before)):
            self.torn.append(after)
        _rename(old, new)
        self.contents = {_moved(it, before, after) for it in self.contents}
        self.names = {_moved(it, before, after) for it in self.names}
        self.names |= {_parent(before), _parent(after)}


def _absolute(path: str | Path) -> str:
    return str(Path(path).absolute())


def _parent(path: str) -> str:
    return str(Path(path).parent)


def _moved(path: str, before: str, after: str) -> str:
    is_inside = path == before or path.startswith(f"{before}/")
    return after + path[len(before) :] if is_inside else path
