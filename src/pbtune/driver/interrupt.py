"""Signals: a flag that the loop looks at, and the way out afterwards.

Ctrl-C, SIGTERM, SIGUSR1 (the early warning of Slurm's) and SIGHUP (a terminal that was closed) end
the run within a grace period, and leave it resumable. A second Ctrl-C leaves at once.
"""

import contextlib
import signal
import threading
from collections.abc import Generator
from types import FrameType
from typing import Any, Final, final

NAMES: Final = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP", "SIGBREAK")
"""Those of them that the system has; Windows lacks two, and alone has Ctrl-Break."""


@final
class Interrupt:
    """Whether, and by which signal, the run was asked to stop.

    Args:
        is_immediate: Whether the user's function runs in this very thread, where only an exception
            can end it.
    """

    def __init__(self, *, is_immediate: bool = False) -> None:
        self._is_immediate = is_immediate
        self.signal: signal.Signals | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Whether the loop should stop."""
        return self.signal is not None

    @contextlib.contextmanager
    def watching(self) -> Generator[None]:
        """Take the signals while the loop runs. Only the main thread can; elsewhere nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for name in NAMES:
            number = getattr(signal, name, None)
            if number is None:
                continue
            # Under nohup a terminal may close.
            if name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in self._previous.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            # Asked twice: no more waiting for functions that are being left.
            raise KeyboardInterrupt
        self.signal = self.signal or signal.Signals(number)
        if self._is_immediate:
            raise KeyboardInterrupt

    def leave(self) -> None:
        """Do what the signal would have done, now that the journal is closed.

        Raises:
            KeyboardInterrupt: For Ctrl-C; an uncaught one ends Python with exit code 130.
        """
        if self.signal is None:
            return
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        # By its own handler or default: the exit code then tells the truth (143 for SIGTERM).
        # Not by os.kill, which on Windows ends a process without asking.
        signal.raise_signal(self.signal)
