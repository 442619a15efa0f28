"""What trials print: their files followed, and each line given on with the trial's name."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast, final

from pbtune.reporting.snapshot import RunView

LOG_NAME: Final = "output.log"
_READ_BYTES: Final = 1 << 16


@final
class Logs:
    """Follows what trials print, and gives it on with the trial's name in front."""

    def __init__(self, run_dir: Path, write: Callable[[str], None] | None) -> None:
        self._run_dir = run_dir
        self._write = write
        self._places: dict[Path, int] = {}

    def follow(self, view: RunView, *, is_last: bool = False) -> None:
        """Give on what is new; half a line waits for its end, or for the run's."""
        if self._write is None:
            return
        names = cast("list[str]", view.header.settings.get("log_names", [LOG_NAME]))
        for trial in view.experiment.trials:
            for path in (self._run_dir / trial / name for name in dict.fromkeys(names)):
                for text in self._read(path, is_last=is_last) if path.exists() else ():
                    for line in text.decode(errors="replace").splitlines():
                        self._write(f"({trial}) {line}")

    def _read(self, path: Path, *, is_last: bool) -> Iterator[bytes]:
        is_full = True
        with path.open("rb") as file:
            while is_full:
                file.seek(self._places.get(path, 0))
                chunk = file.read(_READ_BYTES)
                is_full = len(chunk) == _READ_BYTES
                end = chunk.rfind(b"\n") + 1
                if (is_full and end == 0) or (is_last and not is_full):
                    end = len(chunk)
                self._places[path] = self._places.get(path, 0) + end
                yield chunk[:end]
