"""What a run shows while it trains: a screen in place, or plain lines at a calm pace.

It reads the journal, so that looking never slows training, and works as well for a run of another
process; a last line says where the run is.
"""

import contextlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO, final

from pbtune.journal.lock import holder
from pbtune.journal.reader import JournalReader
from pbtune.reporting.logs import Logs
from pbtune.reporting.population import Look, Population
from pbtune.reporting.words import summary

REFRESH_S: Final = 0.25
FIRST_LINE_S: Final = 2.0
LINE_S_MAX: Final = 30.0
BUSY_SHARE_MAX: Final = 0.05
"""Looking takes at most this share of a core: a large population is looked at less often."""
Wait = Callable[[float], bool]
"""Waits for so many seconds; whether the next look is the last one."""


@final
class TerminalView:
    """Shows one run.

    Args:
        run_dir: The run's folder; its journal exists.
        verbose: 0 shows only the last line, 1 the population, 2 also what trials print.
        stream: Where to; in place if it is a terminal.
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
        # A terminal that was closed has nobody to be told.
        with contextlib.suppress(OSError):
            print(line, file=self._last_stream, flush=True)

    def watch(self, pause: Callable[[float], object] = time.sleep) -> Look:
        """Show a run of another process, until it has ended or its driver is gone.

        A driver that is written down on another machine may be at work: such a run is watched on.

        Args:
            pause: Waits for so many seconds.

        Returns:
            The last look.
        """
        with JournalReader(self._run_dir) as reader:
            population = Population(reader)

            def wait(seconds: float) -> bool:
                # Whether it is over is asked before the wait: the last look sees the last record.
                driver = holder(self._run_dir)
                is_over = population.view.is_ended or driver is None or driver.is_killed
                if not is_over:
                    pause(seconds)
                return is_over

            self._show(population, wait)
            return population.look()

    def _guarded(self) -> None:
        # An observer's call: it may not stop training, whatever happens to the screen.
        try:
            with JournalReader(self._run_dir) as reader:
                self._show(Population(reader), self._stopping.wait)
        except Exception as error:  # noqa: BLE001
            warnings.warn(f"the view of the run stopped: {error!r}", RuntimeWarning, stacklevel=1)

    def _show(self, population: Population, wait: Wait) -> None:
        if self._stream.isatty() and os.environ.get("TERM") != "dumb":
            self._live(population, wait)
        else:
            self._lines(population, wait)

    def _lines(self, population: Population, wait: Wait) -> None:
        logs, warned = self._logs(self._print), set[str]()
        began_s = time.monotonic()
        pace_s, next_s = FIRST_LINE_S, began_s + FIRST_LINE_S
        is_last = False
        while not is_last:
            is_last = wait(REFRESH_S)
            population.refresh()
            logs.follow(population.view, is_last=is_last)
            if is_last or time.monotonic() >= next_s:
                look = population.look(None if is_last else time.time())
                self._print(summary(look))
                for warning in look.warnings:
                    if warning not in warned:
                        warned.add(warning)
                        self._print(f"note: {warning}")
                pace_s = min(pace_s * 1.5, LINE_S_MAX)
                next_s = time.monotonic() + pace_s

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    def _live(self, population: Population, wait: Wait) -> None:
        from rich.console import Console  # noqa: PLC0415  heavy
        from rich.live import Live  # noqa: PLC0415  heavy

        from pbtune.reporting.screen import screen  # noqa: PLC0415  needs rich

        # A run, a value or a printed line may look like rich's markup: "[/lr]", ":warning:".
        console = Console(
            file=self._stream,
            markup=False,
            emoji=False,
            highlight=False,
            no_color=True if os.environ.get("PBTUNE_NO_COLOR") else None,
        )
        logs = self._logs(lambda line: console.print(line, soft_wrap=True))
        pace_s, is_last = REFRESH_S, False
        with Live(console=console, auto_refresh=False) as live:
            while not is_last:
                is_last = wait(pace_s)
                began_s = time.monotonic()
                population.refresh()
                logs.follow(population.view, is_last=is_last)
                look = population.look(None if is_last else time.time())
                live.update(screen(look, console.width, console.height), refresh=True)
                pace_s = max(REFRESH_S, (time.monotonic() - began_s) / BUSY_SHARE_MAX)

    def _logs(self, write: Callable[[str], None]) -> Logs:
        return Logs(self._run_dir, write if self._verbose > 1 else None)
