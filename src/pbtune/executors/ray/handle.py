"""The driver's end of one actor."""

import contextlib
import functools
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, final

import msgspec

from pbtune.executors.conversation import Conversation
from pbtune.executors.line import Line
from pbtune.executors.ray import library
from pbtune.executors.ray.actor import SlotActor
from pbtune.executors.ray.cluster import Request
from pbtune.executors.ray.door import Visitor
from pbtune.executors.ray.handshake import Introduction, Place
from pbtune.worker.protocol import Begin, Order

_THREADS: Final = 3
"""Calls of an actor at once: the one that serves, and one for weights each way."""
_BASE: Final = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}


class Ended(msgspec.Struct, frozen=True):
    """An actor serves no more: it died, its node did, or it never reached the driver."""

    worker: int
    error: BaseException


@final
class Handle:
    """One actor. ``first`` is an order that waits until the actor has dialled.

    Args:
        place: Where the run and its driver are; bears the actor's number.
        payload: The packed job, or Ray's reference to it.
        request: What it needs.
        ended: Called when it ends, on a thread of Ray's.

    Attributes:
        talk: What it was told and has said.
        who: Where it is; None until it has dialled.
        line: The way to it; None until then.
        broken_s: When its connection ended, by ``time.monotonic``; None while it holds.
    """

    def __init__(
        self, place: Place, payload: object, request: Request, ended: Callable[[Ended], None]
    ) -> None:
        self.worker = place.worker
        self.talk = Conversation()
        self.who: Introduction | None = None
        self.line: Line | None = None
        self.broken_s: float | None = None
        self.first: Begin | None = None
        self._group = _placement_group(request)
        self._actor: Any = _remote().options(**_options(request, self._group)).remote()
        worker = self.worker

        def done(future: Future[object]) -> None:
            error = future.exception()
            ended(Ended(worker, error or RuntimeError("the actor's loop returned")))

        # It never returns, so this call's end is the news of the actor's.
        self._actor.serve.remote(payload, place).future().add_done_callback(done)

    @property
    def is_ready(self) -> bool:
        """Whether it has a place on a node, and has dialled."""
        return self.line is not None

    def admit(self, visitor: Visitor) -> None:
        """It has dialled."""
        self.who, self.line = visitor.introduction, visitor.line

    def send(self, order: Order) -> None:
        """Give an order."""
        self.talk.told(order, time.monotonic())
        if self.line is not None:
            self.line.send(order)

    def bring(self, name: str, parcel: bytes) -> None:
        """Send a checkpoint that the next order needs, through Ray."""
        self._actor.bring.remote(name, library.ray().put(parcel))

    def fetch(self, name: str) -> bytes:
        """A checkpoint that it committed. Waits for it.

        Raises:
            RayError: If it is lost.
        """
        ray = library.ray()
        (reference,) = ray.get(self._actor.parcel.remote(name))
        return ray.get(reference)

    def leave(self) -> object:
        """Ask it to delete what it keeps on its node; a reference to wait for."""
        return self._actor.leave.remote()

    def kill(self) -> None:
        """End its process, and give its place back."""
        ray = library.ray()
        with contextlib.suppress(ray.exceptions.RayError, ValueError):
            ray.kill(self._actor, no_restart=True)
        if self.line is not None:
            self.line.close()
        if self._group is not None:
            library.part("util.placement_group").remove_placement_group(self._group)
            self._group = None


@functools.cache
def _remote() -> Any:  # noqa: ANN401  Ray's
    """Ray's form of the class, made once, since each form travels to the cluster anew."""
    return library.ray().remote(SlotActor)


def _placement_group(request: Request) -> Any:  # noqa: ANN401  Ray's; None for one bundle
    if len(request.bundles) == 1:
        return None
    make = library.part("util.placement_group").placement_group
    return make([dict(it) for it in request.bundles], strategy=request.strategy)


def _options(request: Request, group: object) -> dict[str, Any]:
    own = request.bundles[0]
    options: dict[str, Any] = {
        "num_cpus": own.get("CPU", 0),
        "num_gpus": own.get("GPU", 0),
        "resources": {name: it for name, it in own.items() if name not in _BASE},
        # The driver alone retries: it journals each attempt before it begins.
        "max_restarts": 0,
        "max_task_retries": 0,
        "max_concurrency": _THREADS,
    }
    if "memory" in own:
        options["memory"] = int(own["memory"])
    if group is not None:
        strategies = library.part("util.scheduling_strategies")
        options["scheduling_strategy"] = strategies.PlacementGroupSchedulingStrategy(
            group, placement_group_bundle_index=0, placement_group_capture_child_tasks=True
        )
    return options
