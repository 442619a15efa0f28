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
from collections.abc import Callable
from functools import partial
from io import TextIOWrapper
from mmap import mmap
from pathlib import Path
from typing import Any, Final, NoReturn, cast, final

import msgspec

from pbtune.checkpoints.remote_store import open_store
from pbtune.worker.attempt import Runner, Trainable, error_message
from pbtune.worker.channel import PipeChannel
from pbtune.worker.payload import unpacked
from pbtune.worker.protocol import LOG_NAME, Begin, Begun, End, Unfit, WorkerSettings
from pbtune.worker.uploading import THREAD, UploadingChannel, uploading

BINARY: Final[int] = getattr(os, "O_BINARY", 0)
"""On Windows: that a log has the line ends that it is given, as everywhere."""
ENCODING: Final = (
    {"encoding": "utf-8", "errors": "backslashreplace"} if sys.platform == "win32" else {}
)
"""Of what is printed: Windows would take its old code page for what is no console."""
STORAGE_THREADS: Final = ("fsspecIO", "asyncio_", THREAD)
"""What uploads start when there is a first one: it belongs to the worker, not to an attempt."""


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
    settings = job.settings
    store = open_store(Path(settings.run_dir), settings.durability, settings.storage_url)
    if settings.storage_url:
        surroundings.ignored = STORAGE_THREADS
    talking = uploading(channel, store)
    runner = Runner(job.settings, job.trainable, job.objects, talking, store)
    # What exists now lives as long as the process: collecting after an attempt then costs
    # microseconds, not the 1.7 ms that a heap with numpy takes.
    gc.collect()
    gc.freeze()
    serve(talking, runner, surroundings, job.settings)


def serve(
    channel: PipeChannel | UploadingChannel,
    runner: Runner,
    surroundings: "Surroundings",
    settings: WorkerSettings,
    prepare: Callable[[Begin], None] | None = None,
) -> NoReturn:
    """Run one order after the other.

    Args:
        channel: The way to the driver.
        runner: Runs attempts.
        surroundings: What is put back after each of them.
        settings: What all attempts have in common.
        prepare: Called before each attempt, when the one before it has been left.
    """
    following: Begin | End | None = None
    while True:
        order = channel.next_order() if following is None else following
        following = None
        if not isinstance(order, Begin):
            channel.stream(Begun(0))
            continue
        channel.stream(Begun(order.attempt))
        if prepare is not None:
            prepare(order)
        following = begun(order, runner, surroundings, settings) or runner.run(order)
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
class _Superseded(Exception):
    """Another order came before the attempt could begin."""


def begun(
    order: Begin, runner: Runner, surroundings: "Surroundings", settings: WorkerSettings
) -> Begin | End | None:
    """Send the attempt's output to its trial's logs, as soon as there is space for them.

    Returns:
        An order that came meanwhile.
    """

    def superseded(another: Begin | End) -> NoReturn:
        raise _Superseded(another)

    redirect = partial(
        surroundings.redirect, Path(settings.run_dir, order.trial), settings.log_names
    )
    try:
        runner.space.retried(order, redirect, superseded)
    except _Superseded as why:
        return cast("Begin | End", why.args[0])
    return None


@final
class Surroundings:
    """What of a process an attempt may change, as it was before the first one.

    Args:
        is_alone: Whether the process is the worker's own, and attempts run on its main thread.

    Attributes:
        ignored: How the names of threads begin that may outlive an attempt.
    """

    def __init__(self, *, is_alone: bool = True) -> None:
        self._is_alone = is_alone
        # Ray's threads, which Python learns of when they first run its code.
        self.ignored: tuple[str, ...] = () if is_alone else ("Dummy-",)
        self._threads = frozenset(threading.enumerate())
        self._cwd = os.getcwd()  # noqa: PTH109  a string is all that chdir needs
        self._environ = dict(_environment())
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._streams = (sys.stdout, sys.stderr)
        for stream in self._streams:
            # What is printed must be in the log when the process dies by a signal.
            cast("TextIOWrapper", stream).reconfigure(line_buffering=True, **ENCODING)
        self._log_dir: Path | None = None
        self._made: set[Path] = set()

    def redirect(self, trial_dir: Path, names: tuple[str, str] = (LOG_NAME, LOG_NAME)) -> None:
        """Send what is printed from now on, by C code and children too, to the trial's logs."""
        if self._log_dir == trial_dir:
            return
        if trial_dir not in self._made:
            # Even where it is there already, making it waits for the folder's lock.
            trial_dir.mkdir(mode=0o700, exist_ok=True)
            self._made.add(trial_dir)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | BINARY
        for fd, name in enumerate(names, start=1):
            log = os.open(trial_dir / name, flags, 0o600)
            os.dup2(log, fd)
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
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        with contextlib.suppress(OSError):
            os.chdir(self._cwd)
        if _environment() != self._environ:
            _put_back(self._environ)
        os.umask(self._umask)
        if self._is_alone:
            # Only the main thread may.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if any(stream.closed for stream in self._streams):
            return "the function closed the standard output"
        new = [it.name for it in threading.enumerate() if it not in self._threads]
        threads = [name for name in new if not name.startswith(self.ignored)]
        if threads:
            return f"threads outlive the function: {', '.join(threads)}"
        return _children()


def _environment() -> dict[Any, Any]:
    """What ``os.environ`` wraps: to compare it takes 1 µs, and by the wrapper's names 100."""
    return cast("dict[Any, Any]", vars(os.environ)["_data"])


def _put_back(environment: dict[Any, Any]) -> None:
    changed = {**_environment()}
    wrapper = cast("Any", os.environ)
    for name in changed.keys() - environment.keys():
        del os.environ[wrapper.decodekey(name)]
    for name, value in environment.items():
        if changed.get(name) != value:
            os.environ[wrapper.decodekey(name)] = wrapper.decodevalue(value)


def _children() -> str | None:
    if not hasattr(os, "waitid"):
        return None
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return "child processes outlive the function"
