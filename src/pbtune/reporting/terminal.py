"""What a run shows while it trains: a live table, or plain lines at a calm pace.

A thread of its own reads the journal, so that looking never slows training; a last line always says
where the run is.
"""

import math
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, cast, final

from pbtune.core.trial import Status
from pbtune.journal.reader import JournalReader
from pbtune.reporting.lineage import number
from pbtune.reporting.snapshot import RunView

if TYPE_CHECKING:
    from rich.table import Table

REFRESH_S: Final = 0.25
FIRST_LINE_S: Final = 2.0
LINE_S_MAX: Final = 30.0
ROWS_MAX: Final = 20
LOG_NAME: Final = "output.log"
_READ_BYTES: Final = 1 << 16


@final
class TerminalView:
    """Shows one run.

    Args:
        run_dir: The run's folder; its journal exists.
        verbose: 0 shows only the last line, 1 the population, 2 also what trials print.
        stream: Where to; a live table if it is a terminal.
        last_stream: Where the last line goes.
    """

    def __init__(
        self, run_dir: Path, verbose: int, stream: TextIO, last_stream: TextIO | None = None
    ) -> None:
        self._run_dir = run_dir
        self._verbose = verbose
        self._stream = stream
        self._last_stream = last_stream or sys.stderr
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._verbose >= 1:
            self._thread = threading.Thread(target=self._guarded, name="pbtune-view", daemon=True)
            self._thread.start()

    def stop(self, *, is_interrupted: bool = False) -> None:
        """Show the end, and say where the run is, or how it goes on."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        line = f"The run is in {self._run_dir}"
        if is_interrupted:
            line = f"Interrupted. To go on: pbtune resume {self._run_dir}"
        print(line, file=self._last_stream, flush=True)

    def _guarded(self) -> None:
        # An observer's call: it may not stop training, whatever happens to the screen.
        try:
            with JournalReader(self._run_dir) as reader:
                if self._stream.isatty():
                    self._live(reader)
                else:
                    self._lines(reader)
        except Exception as error:  # noqa: BLE001
            warnings.warn(f"the view of the run stopped: {error!r}", RuntimeWarning, stacklevel=1)

    def _lines(self, reader: JournalReader) -> None:
        view, logs = RunView(reader), self._logs(self._print)
        began_s = time.monotonic()
        pace_s, next_s = FIRST_LINE_S, began_s + FIRST_LINE_S
        while not self._stopping.wait(REFRESH_S):
            view.refresh()
            logs.follow(view)
            if time.monotonic() >= next_s:
                self._print(summary(view, reader))
                pace_s = min(pace_s * 1.5, LINE_S_MAX)
                next_s = time.monotonic() + pace_s
        view.refresh()
        logs.follow(view, is_last=True)
        self._print(summary(view, reader))

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    def _live(self, reader: JournalReader) -> None:
        from rich.console import Console  # noqa: PLC0415  heavy
        from rich.live import Live  # noqa: PLC0415  heavy

        # A run, a value or a printed line may look like rich's markup: "[/lr]", ":warning:".
        console = Console(file=self._stream, markup=False, emoji=False, highlight=False)
        view = RunView(reader)
        logs = self._logs(lambda line: console.print(line, soft_wrap=True))
        with Live(console=console, auto_refresh=False) as live:
            while True:
                is_last = self._stopping.wait(REFRESH_S)
                view.refresh()
                logs.follow(view, is_last=is_last)
                live.update(table(view, reader), refresh=True)
                if is_last:
                    return

    def _logs(self, write: Callable[[str], None]) -> "Logs":
        return Logs(self._run_dir, write if self._verbose > 1 else None)


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


def summary(view: RunView, reader: JournalReader) -> str:
    """The run in one line."""
    counts = dict.fromkeys(Status, 0)
    for trial in view.trials:
        counts[trial.status] += 1
    states = ", ".join(
        f"{count} {status.value.lower()}" for status, count in counts.items() if count
    )
    parts = [
        f"{view.header.name}: {view.last_at - view.header.created_at:.1f} s",
        f"{reader.report_count():,} reports",
        states,
        f"{len(view.exploits)} exploits",
    ]
    best = max(scores(view, reader), default=None, key=itemgetter(0))
    if best is not None and view.header.metric is not None:
        score = -best[0] if view.header.mode == "min" else best[0]
        parts.append(f"best {view.header.metric} {score:.5g} ({best[1]})")
    return " | ".join(parts)


def scores(view: RunView, reader: JournalReader) -> list[tuple[float, str]]:
    """Members' last scores in their order, oriented so that larger is better; NaN is left out."""
    metric = view.header.metric
    if metric is None:
        return []
    sign = -1 if view.header.mode == "min" else 1
    last = reader.last_reports()
    found = [
        (sign * number(last[trial.id].metrics(), metric), trial.id)
        for trial in view.trials
        if trial.id in last
    ]
    return [(score, trial) for score, trial in found if not math.isnan(score)]


def table(view: RunView, reader: JournalReader) -> "Table":
    """The population as a rich table, the best first; at most ``ROWS_MAX`` members."""
    from rich.table import Table  # noqa: PLC0415  heavy

    metric = view.header.metric
    shown = Table(title=summary(view, reader), title_justify="left", title_style="")
    paths = view.header.mutated
    for name in ("trial", "status", "step", metric or "reports", *paths, "from", "failures"):
        is_text = name in {"trial", "status", "from"}
        shown.add_column(name, justify="left" if is_text else "right")
    rank = {trial: score for score, trial in scores(view, reader)}
    members = sorted(view.trials, key=lambda it: (-rank.get(it.id, -math.inf), it.index))
    for trial in members[:ROWS_MAX]:
        score = rank.get(trial.id, math.nan)
        value = -score if view.header.mode == "min" else score
        shown.add_row(
            trial.id,
            trial.status.value,
            str(trial.step),
            "" if math.isnan(value) else f"{value:.5g}",
            *(text(trial.config, path) for path in paths),
            trial.parent or "",
            str(trial.failures or ""),
        )
    hidden = len(members) - ROWS_MAX
    if hidden > 0:
        shown.caption = f"and {hidden} more"
    return shown


def text(config: object, path: str) -> str:
    """A hyperparameter for people."""
    value = config
    for key in path.split("/"):
        value = value.get(key) if isinstance(value, dict) else None
    return f"{value:.4g}" if isinstance(value, float) else str(value)
