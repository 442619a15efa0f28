"""A folder at a URL: any file system that fsspec knows, and patience while it can't be reached."""

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, final

from pbtune.errors import SettingsError, StorageUnreachable

FIRST_PAUSE_S: Final = 0.1
PAUSE_S_MAX: Final = 10.0
_FINAL_ERRORS: Final = (
    *(FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError),
    *(TypeError, ValueError, LookupError, AttributeError, NotImplementedError, ImportError),
)
"""What trying again can't help against; everything else may be the network's."""
_T = TypeVar("_T")


@final
class Remote:
    """A folder at a URL; each call is tried again while the storage can't be reached.

    Args:
        url: The folder's.
        patience_s: For how long; None waits for ever, since what waits is not lost.
        sleep: Waits between two tries.

    Raises:
        SettingsError: If nothing that is installed can open such a URL.
    """

    def __init__(
        self,
        url: str,
        patience_s: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Imported here: it takes 20 ms, and local runs do without. It has no types.
        fsspec: Any = importlib.import_module("fsspec")
        self.url = url.rstrip("/")
        self._patience_s = patience_s
        self._sleep = sleep
        # In a folder of a disk, folders have to be made, and a copy isn't whole at once.
        self._is_folder = self.url.startswith(("file:", "local:"))
        options = {"auto_mkdir": True} if self._is_folder else {}
        try:
            found: tuple[Any, str] = fsspec.url_to_fs(self.url, **options)
        except (ImportError, ValueError) as error:
            message = (
                f"storage_path={self.url!r} can't be opened: {error}. Install what knows such URLs:"
                f" pip install s3fs, gcsfs or adlfs"
            )
            raise SettingsError(message) from error
        self.fs, root = found
        self.root = root.rstrip("/")

    def call(self, what: Callable[[], _T]) -> _T:
        """Make a call, again and again if it has to be.

        Raises:
            StorageUnreachable: If patience ends.
        """
        pause_s, waited_s, is_told = FIRST_PAUSE_S, 0.0, False
        while True:
            try:
                return what()
            except _FINAL_ERRORS:
                raise
            # The boundary of the storage's library, which raises errors of its own.
            except Exception as error:
                if self._patience_s is not None and waited_s >= self._patience_s:
                    message = f"{self.url} can't be reached: {error or type(error).__name__}"
                    raise StorageUnreachable(message) from error
                if not is_told and waited_s >= 1.0:
                    text = f"{self.url} can't be reached ({error}): waiting for it"
                    print(text, file=sys.stderr, flush=True)  # noqa: T201  the trial's log
                    is_told = True
            self._sleep(pause_s)
            waited_s += pause_s
            pause_s = min(pause_s * 2, PAUSE_S_MAX)

    def names(self, folder: str = "") -> dict[str, str]:
        """What is in a folder: "file" or "directory" by name; empty if there is no such folder."""
        path = self._path(folder)

        def listed() -> list[dict[str, Any]]:
            self.fs.invalidate_cache()
            try:
                return self.fs.ls(path, detail=True)
            except FileNotFoundError:
                return []

        found: dict[str, str] = {}
        for entry in self.call(listed):
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            if name and str(entry["name"]).strip("/") != path.strip("/"):
                found[name] = str(entry["type"])
        return found

    def sizes(self, folder: str) -> dict[str, int]:
        """The size of each file below a folder, by its name from there."""
        path = self._path(folder)

        def listed() -> dict[str, dict[str, Any]]:
            self.fs.invalidate_cache()
            return self.fs.find(path, detail=True)

        base = path.strip("/")
        return {
            name.strip("/")[len(base) + 1 :]: int(entry["size"])
            for name, entry in self.call(listed).items()
        }

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None if it isn't there."""
        try:
            return self.call(lambda: self.fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def write(self, name: str, body: bytes) -> None:
        """Put a small file in its place, whole."""
        self.call(lambda: self.fs.pipe_file(self._path(name), body))

    def create(self, name: str, body: bytes) -> bool:
        """Put a small file in its place if there is none.

        Returns:
            Whether it is there as given, and not another's.
        """
        path = self._path(name)

        def made() -> bool:
            try:
                if self._is_folder:
                    with self.fs.open(path, "xb") as file:
                        file.write(body)
                else:
                    self.fs.pipe_file(path, body, mode="create")
            except FileExistsError:
                return False
            except OSError as error:
                # Some libraries don't say it by FileExistsError: HTTP's 412.
                if "recondition" not in str(error):
                    raise
                return False
            return True

        # Where a try whose answer was lost has succeeded, the next one finds its file.
        return self.call(made) or self.read(name) == body

    def upload(self, pairs: dict[str, str]) -> None:
        """Send local files to these names."""
        if pairs:
            targets = [self._path(name) for name in pairs.values()]
            self.call(lambda: self.fs.put(list(pairs), targets))

    def replace(self, source: Path, name: str) -> None:
        """Put a local file in the place of what bears this name: one or the other is there."""
        if not self._is_folder:
            self.upload({str(source): name})
            return
        temporary = f"{name}.new"
        self.upload({str(source): temporary})
        self.call(lambda: self.fs.mv(self._path(temporary), self._path(name)))

    def download(self, pairs: dict[str, str]) -> None:
        """Fetch these names to local files."""
        if pairs:
            sources = [self._path(name) for name in pairs]
            self.call(lambda: self.fs.get(sources, list(pairs.values())))

    def remove(self, name: str, *, recursive: bool = False) -> None:
        """Delete; what is gone is fine."""
        try:
            self.call(lambda: self.fs.rm(self._path(name), recursive=recursive))
        except FileNotFoundError:
            return

    def check(self) -> None:
        """Raise unless a file can be written there.

        Raises:
            StorageUnreachable: If it can't.
        """
        try:
            self.write(".pbtune-probe", b"")
            self.remove(".pbtune-probe")
        except OSError as error:
            message = (
                f"the run can't be stored at {self.url}: {error or type(error).__name__}. Check the"
                f" URL, the credentials and whether the bucket exists"
            )
            raise StorageUnreachable(message) from error

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root
