"""Slots of warm worker processes on this machine."""

import pickle
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

import msgspec

from pbtune.core.plan import Command, Continue, Running, Start, Stop
from pbtune.core.trial import Config
from pbtune.errors import EnvironmentFault
from pbtune.executors.base import AbstractExecutor, Turn
from pbtune.executors.inline import begin_order
from pbtune.executors.processes.handle import Handle
from pbtune.executors.processes.launcher import AbstractLauncher
from pbtune.worker.protocol import Begin, Died, End, Message, Proceed
from pbtune.worker.template import Exited
from pbtune.worker.waiting import IN, WATCHES_PIPES, poll

TICK_S: Final = 0.1
"""How long a streamed report may wait to be stored."""
UNWIND_GRACE_S: Final = 30.0
"""How long a function may take to be left, before its process is killed."""

FAULTS: Final = {
    0xC0000005: "an access violation",
    0xC0000017: "a lack of memory",
    0xC00000FD: "a stack overflow",
    0xC0000409: "a fast fail",
}
"""Exit codes by which Windows says what POSIX says by signals (ntstatus.h)."""
_CRASHED: Final = "; a C extension crashed: the trial's output.log has its traceback"
_HINTS: Final = {
    "SIGKILL": "; the system does this when memory runs out",
    "SIGSEGV": _CRASHED,
    "SIGABRT": "; the trial's output.log may say why",
    "an access violation": _CRASHED,
    "a fast fail": "; the trial's output.log may say why",
}


class Conduct(msgspec.Struct, frozen=True):
    """How an executor treats its processes.

    ``reuse``: a process may run one attempt after the other. ``unwind_grace_s``: how long a
    function may take to be left, before its process is killed. ``environments``: what is set in the
    environment of each slot's processes, such as its GPUs. ``pack`` pickles a config. A worker that
    trains and says nothing for longer than ``silence_s_max`` is killed, and its attempt has failed;
    None waits for ever.
    """

    reuse: bool = True
    unwind_grace_s: float = UNWIND_GRACE_S
    environments: Sequence[Mapping[str, str]] = ()
    pack: Callable[[Config], bytes] = pickle.dumps
    silence_s_max: float | None = None


@final
class ProcessExecutor(AbstractExecutor):
    """One warm process a slot.

    Args:
        slot_count: Processes at once, >= 1.
        launch: Starts what makes processes. Called again if that dies.
        conduct: How processes are treated.
    """

    def __init__(
        self,
        slot_count: int,
        launch: Callable[[], AbstractLauncher],
        conduct: Conduct | None = None,
    ) -> None:
        self._slot_count = slot_count
        self._launch = launch
        self._conduct = conduct or Conduct()
        self._environments = self._conduct.environments or ({},) * slot_count
        self._launcher = launch()
        self._handles: list[Handle | None] = [None] * slot_count
        self._leaving: dict[int, Handle] = {}
        self._by_fd: dict[int, Handle] = {}
        self._poll = poll()
        self._poll.register(self._launcher.control, IN)
        self._next_worker = 0
        self._next_tick_s = 0.0
        self._arrived: list[Message] = []
        self._sent_again: set[tuple[str, int]] = set()

    def open(self, turn: Turn) -> None:
        """Messages are fetched by ``wait``; nothing to prepare."""
        del turn

    @property
    def slot_count(self) -> int:
        """See the base class."""
        return self._slot_count

    def running(self) -> Sequence[Running]:
        """See the base class."""
        return [
            Running(slot) if handle is None else handle.running()
            for slot, handle in enumerate(self._handles)
        ]

    def do(self, command: Command) -> None:
        """See the base class."""
        handle = self._handles[command.slot]
        now_s = time.monotonic()
        match command:
            case Continue(attempt=attempt, lease=lease):
                if handle is not None:
                    handle.send(Proceed(attempt, lease), now_s)
            case Stop(attempt=attempt):
                if handle is not None:
                    handle.send(End(attempt), now_s)
            case Start():
                self._start(handle, command, now_s)

    def _start(self, handle: Handle | None, start: Start, now_s: float) -> None:
        if handle is not None and not self._conduct.reuse:
            self._leave(handle)
            handle = None
        if handle is None:
            handle = self._spawn(start.slot)
        handle.send(begin_order(start, self._conduct.pack), now_s)

    def _spawn(self, slot: int) -> Handle:
        self._next_worker += 1
        worker = self._next_worker
        environment = self._environments[slot]
        try:
            control, stream_fd = self._launcher.spawn(worker, environment)
        except EnvironmentFault:
            # It has just died, and its end of file hasn't been read yet.
            self._arrived += self._template_died()
            control, stream_fd = self._launcher.spawn(worker, environment)
        handle = Handle(worker, slot, control, stream_fd)
        self._handles[slot] = handle
        self._by_fd[control.fileno()] = handle
        self._poll.register(control, IN)
        return handle

    def _leave(self, handle: Handle) -> None:
        """Give a process up; what it streamed before is still read when it is dead."""
        handle.talk.trial, handle.talk.is_held = None, False
        self._handles[handle.slot] = None
        self._leaving[handle.worker] = handle
        self._poll.unregister(handle.control)
        del self._by_fd[handle.control.fileno()]
        self._launcher.kill(handle.worker)

    def wait(self, timeout_s: float) -> list[Message]:
        """See the base class."""
        now_s = time.monotonic()
        until_tick_s = max(0.0, self._next_tick_s - now_s)
        timeout_ms = 0 if self._arrived else min(timeout_s, until_tick_s) * 1000
        messages, self._arrived = self._arrived, []
        template_fd = self._launcher.control.fileno()
        for fd, _ in self._poll.poll(timeout_ms):
            if fd == template_fd:
                messages += self._hear_template()
            elif fd in self._by_fd:
                messages += self._hear(self._by_fd[fd])
        now_s = time.monotonic()
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + TICK_S
            messages += self._tick(now_s)
        return messages

    def _hear(self, handle: Handle) -> list[Message]:
        messages = handle.read_control()
        if handle.talk.unfit is not None:
            self._replace(handle)
        return messages

    def _replace(self, handle: Handle) -> None:
        """Put a fresh process in the place of one that can't go on with what it was ordered."""
        unanswered = handle.talk.unanswered
        self._leave(handle)
        if isinstance(unanswered, Begin):
            self._spawn(handle.slot).send(unanswered, time.monotonic())

    def _tick(self, now_s: float) -> list[Message]:
        messages: list[Message] = []
        for handle in self._handles:
            if handle is None:
                continue
            messages += handle.read_stream()
            late = (
                handle.talk.unanswered is not None
                and now_s - handle.talk.since_s > self._conduct.unwind_grace_s
            )
            if (late or handle.talk.unfit is not None) and not handle.is_killed:
                self._replace(handle)
            elif self._is_silent(handle, now_s):
                # Its exit is told by the template, and then what it streamed before is read.
                handle.is_killed = True
                handle.killed_for = (
                    f"the trial reported nothing for {self._conduct.silence_s_max:g} s"
                    f" (FailureConfig.report_timeout_s), so its process was killed"
                )
                self._launcher.kill(handle.worker)
        return messages

    def _is_silent(self, handle: Handle, now_s: float) -> bool:
        if self._conduct.silence_s_max is None or handle.talk.trial is None or handle.talk.is_held:
            return False
        return not handle.is_killed and now_s - handle.talk.heard_s > self._conduct.silence_s_max

    def _hear_template(self) -> list[Message]:
        answers = self._launcher.answers()
        if answers is None:
            return self._template_died()
        messages: list[Message] = []
        for answer in answers:
            if isinstance(answer, Exited):
                messages += self._bury(answer.worker, death(answer.exit_code))
        return messages

    def _bury(self, worker: int, how: str) -> list[Message]:
        left = self._leaving.pop(worker, None)
        if left is not None:
            messages = left.read_stream()
            left.close()
            return messages
        handle = next((it for it in self._handles if it is not None and it.worker == worker), None)
        if handle is None:
            return []
        messages = handle.read_control() + handle.read_stream()
        self._handles[handle.slot] = None
        self._poll.unregister(handle.control)
        del self._by_fd[handle.control.fileno()]
        handle.close()
        if handle.talk.trial is None:
            return messages
        begin = handle.talk.unanswered
        if isinstance(begin, Begin) and (begin.trial, begin.attempt) not in self._sent_again:
            # It died before it began this attempt, so the attempt is not to blame; but only once.
            self._sent_again.add((begin.trial, begin.attempt))
            self._spawn(handle.slot).send(begin, time.monotonic())
        else:
            messages.append(Died(handle.talk.trial, handle.talk.attempt, handle.killed_for or how))
        return messages

    def _template_died(self) -> list[Message]:
        self._poll.unregister(self._launcher.control)
        self._launcher.close()
        self._launcher = self._launch()
        self._poll.register(self._launcher.control, IN)
        messages: list[Message] = []
        workers = [handle.worker for handle in filter(None, self._handles)]
        for worker in [*self._leaving, *workers]:
            messages += self._bury(worker, "the process that starts workers was killed")
        return messages

    def close(self, grace_s: float) -> list[Message]:
        """Wait for functions that are being left, then end every process."""
        deadline_s = time.monotonic() + grace_s
        messages: list[Message] = []
        for handle in filter(None, self._handles) if WATCHES_PIPES else ():
            # That it has left the function is said in the stream, which nobody watches otherwise.
            self._poll.register(handle.stream_fd, IN)
        while time.monotonic() < deadline_s and any(
            handle is not None and isinstance(handle.talk.unanswered, End)
            for handle in self._handles
        ):
            messages += self.wait(TICK_S / 10)
            for handle in filter(None, self._handles):
                messages += handle.read_stream()
        self._launcher.close()
        for handle in [*filter(None, self._handles), *self._leaving.values()]:
            messages += handle.read_stream()
            handle.close()
        self._handles = [None] * self._slot_count
        self._leaving.clear()
        return messages


def death(exit_code: int) -> str:
    """What an exit code, as subprocess has it, says about how a process ended."""
    name = FAULTS.get(exit_code)
    if exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
    if name is None:
        return f"the worker process called os._exit({exit_code}) or was ended by its code"
    return f"the worker process was killed by {name}{_HINTS.get(name, '')}"
