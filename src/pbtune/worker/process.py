"""The main loop of a worker process: take an order, run it, clean up, take the next.

What an attempt does to its process must not reach the next one: its output goes to its trial's own
log, directory, environment and signal handlers are put back, and a process in which threads or
children outlive the function runs no other attempt.
"""

import contextlib
import faulthandler
import gc
import os
import signal
import socket
import sys
import threading
from io import TextIOWrapper
from mmap import mmap
from pathlib import Path
from typing import Final, cast, final

import msgspec

from pbtune.checkpoints.store import LocalStore
from pbtune.worker.attempt import Runner, Trainable, error_message
from pbtune.worker.channel import PipeChannel
from pbtune.worker.payload import unpacked
from pbtune.worker.protocol import Begin, Begun, End, Unfit, WorkerSettings

LOG_NAME: Final = "output.log"


class Job(msgspec.Struct, frozen=True):
    """What every worker of a run is given once, as a cloudpickle from the driver."""

    settings: WorkerSettings
    trainable: Trainable
    objects: dict[str, object]


def work(control: socket.socket, stream_fd: int, payload: mmap) -> None:
    """Serve orders until the driver is gone. Never returns normally.

    Args:
        control: The socket that orders come by.
        stream_fd: The pipe that streamed reports go into.
        payload: A ``Job``, packed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    channel = PipeChannel(control, stream_fd)
    surroundings = Surroundings()
    try:
        job = cast("Job", unpacked(payload))
    # The process boundary of user code: importing its modules may raise anything.
    except BaseException as error:  # noqa: BLE001
        order = channel.next_order()
        if isinstance(order, Begin):
            channel.tell(error_message(order, error))
        channel.next_order()
        return
    store = LocalStore(Path(job.settings.run_dir), durability=job.settings.durability)
    runner = Runner(job.settings, job.trainable, job.objects, channel, store)
    # What exists now lives as long as the process: collecting after an attempt then costs
    # microseconds, not the 1.7 ms that a heap with numpy takes.
    gc.collect()
    gc.freeze()
    serve(channel, runner, surroundings, Path(job.settings.run_dir))


def serve(
    channel: PipeChannel, runner: Runner, surroundings: "Surroundings", run_dir: Path
) -> None:
    """Run one order after the other."""
    following: Begin | End | None = None
    while True:
        order = channel.next_order() if following is None else following
        following = None
        if not isinstance(order, Begin):
            channel.stream(Begun(0))
            continue
        channel.stream(Begun(order.attempt))
        surroundings.redirect(run_dir / order.trial)
        following = runner.run(order)
        gc.collect()
        if runner.holds_object:
            # Its threads, children and environment are its own affair.
            surroundings.flush()
            continue
        reason = surroundings.restore()
        if reason is not None:
            channel.tell(Unfit(order.attempt, reason))
            # The driver ends this process; until then it must not begin what it was ordered.
            while True:
                channel.next_order()


@final
class Surroundings:
    """What of a process an attempt may change, as it was before the first one."""

    def __init__(self) -> None:
        self._cwd = os.getcwd()  # noqa: PTH109  a string is all that chdir needs
        self._environ = dict(os.environ)
        self._thread_count = threading.active_count()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._streams = (sys.stdout, sys.stderr)
        for stream in self._streams:
            # What is printed must be in the log when the process dies by a signal.
            cast("TextIOWrapper", stream).reconfigure(line_buffering=True)
        self._log_dir: Path | None = None

    def redirect(self, trial_dir: Path) -> None:
        """Send what is printed from now on, by C code and children too, to the trial's log."""
        if self._log_dir == trial_dir:
            return
        trial_dir.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        log = os.open(trial_dir / LOG_NAME, flags, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        self._log_dir = trial_dir

    def flush(self) -> None:
        """Put the streams back, with nothing in them that belongs to this attempt's log."""
        sys.stdout, sys.stderr = self._streams
        for stream in self._streams:
            with contextlib.suppress(ValueError, OSError):
                stream.flush()

    def restore(self) -> str | None:
        """Undo what the attempt changed.

        Returns:
            Why this process should run no other attempt; None if it is clean.
        """
        self.flush()
        # A timer that the function left running would end the next attempt.
        signal.setitimer(signal.ITIMER_REAL, 0)
        with contextlib.suppress(OSError):
            os.chdir(self._cwd)
        if os.environ != self._environ:
            os.environ.clear()
            os.environ.update(self._environ)
        os.umask(self._umask)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if any(stream.closed for stream in self._streams):
            return "the function closed the standard output"
        if threading.active_count() > self._thread_count:
            names = ", ".join(thread.name for thread in threading.enumerate()[1:])
            return f"threads outlive the function: {names}"
        return _children()


def _children() -> str | None:
    if not hasattr(os, "waitid"):
        return None
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return "child processes outlive the function"
