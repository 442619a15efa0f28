"""What a run shows in a notebook: one display that is updated in place, and no output per look."""

import importlib
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any, Final, final

from pbtune.journal.reader import JournalReader
from pbtune.reporting import html
from pbtune.reporting.population import Population

REFRESH_S: Final = 0.5
BUSY_SHARE_MAX: Final = 0.05
"""Looking takes at most this share of a core."""


def is_notebook() -> bool:
    """Whether this process is a notebook's kernel; IPython on a terminal is none."""
    library: Any = sys.modules.get("IPython")
    shell = None if library is None else library.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


@final
class NotebookView:
    """Shows one run; as ``TerminalView``, where there is a kernel. Its thread ends with the cell.

    Args:
        run_dir: The run's folder; its journal exists.
        verbose: 0 shows nothing.
    """

    def __init__(self, run_dir: Path, verbose: int) -> None:
        self._run_dir = run_dir
        self._verbose = verbose
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._display: Any = None
        self._handle: Any = None

    def start(self) -> None:
        """Make the display in the cell that runs now, and begin to look."""
        if self._verbose >= 1:
            self._display = importlib.import_module("IPython.display")
            made = self._display.HTML(html.of_folder(self._run_dir))
            self._handle = self._display.display(made, display_id=True)
            self._thread = threading.Thread(
                target=self._guarded, name="pbtune-notebook", daemon=True
            )
            self._thread.start()

    def stop(self, *, is_interrupted: bool = False) -> None:
        """Show the end, and how an interrupted run goes on."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if is_interrupted:
            print(f"Interrupted. To go on: Tuner.restore({str(self._run_dir)!r}, …).fit()")  # noqa: T201  the cell's output

    def _guarded(self) -> None:
        # An observer's call: it may not stop training, whatever happens to the notebook.
        try:
            with JournalReader(self._run_dir) as reader:
                self._look(Population(reader))
        except Exception as error:  # noqa: BLE001
            warnings.warn(f"the view of the run stopped: {error!r}", RuntimeWarning, stacklevel=1)

    def _look(self, population: Population) -> None:
        pace_s, is_last = REFRESH_S, False
        while not is_last:
            is_last = self._stopping.wait(pace_s)
            began_s = time.monotonic()
            population.refresh()
            look = population.look(None if is_last else time.time())
            self._handle.update(self._display.HTML(html.fragment(html.run(look))))
            pace_s = max(REFRESH_S, (time.monotonic() - began_s) / BUSY_SHARE_MAX)
