"""The driver's end of one actor."""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, final

import msgspec

from pbtune.executors.conversation import Conversation
from pbtune.executors.ray import library
from pbtune.executors.ray.actor import Hello, Place, SlotActor
from pbtune.executors.ray.cluster import Request
from pbtune.executors.ray.weights import Answer
from pbtune.worker.protocol import Begin, Message, Order, framed, unframed

_THREADS: Final = 3
"""Calls of an actor at once: one conversation, one order that comes unasked, one to spare."""
_BASE: Final = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}


@final
class Handle:
    """One actor. ``first`` is an order that waits until it is known where the actor is.

    Args:
        worker: Its number; answers of an actor that was given up bear an old one.
        payload: A reference to the packed job.
        place: Where the run is.
        request: What it needs.
        answer: Called with each answer, on a thread of Ray's.
    """

    def __init__(
        self,
        worker: int,
        payload: object,
        place: Place,
        request: Request,
        answer: Callable[[Answer], None],
    ) -> None:
        self.worker = worker
        self.talk = Conversation()
        self.hello: Hello | None = None
        self.is_open = False
        self.first: Begin | None = None
        self._order_count = 0
        self._answer = answer
        self._group = _placement_group(request)
        actor = library.ray().remote(SlotActor).options(**_options(request, self._group))
        self._actor: Any = actor.remote(payload, place)
        self._expect("hello", self._actor.hello.remote())

    @property
    def is_ready(self) -> bool:
        """Whether it has a place on a node."""
        return self.hello is not None

    def send(self, order: Order, weights: dict[str, Any]) -> None:
        """Give an order: with the next conversation, or beside the one that is open."""
        self.talk.told(order, time.monotonic())
        if self.is_open:
            reference = self._actor.deliver.remote(self._order_count, framed(order), weights)
            self._expect("delivered", reference)
        else:
            self._converse(framed(order), weights)
        self._order_count += 1

    def listen(self) -> None:
        """Have a conversation open, so that what it says and its death are heard of."""
        if not self.is_open:
            self._converse(b"", {})

    def heard(self, answer: Answer) -> list[Message]:
        """What an answer says."""
        if answer.kind == "hello":
            self.hello = msgspec.json.decode(answer.value, type=Hello)
        if answer.kind != "said":
            return []
        self.is_open = False
        frames, _ = answer.value
        return self.talk.understood(unframed(bytearray(frames)))

    def _converse(self, orders: bytes, weights: dict[str, Any]) -> None:
        self.is_open = True
        self._expect("said", self._actor.converse.remote(self._order_count, orders, weights))

    def _expect(self, kind: str, reference: Any) -> None:  # noqa: ANN401  Ray's
        worker, answer = self.worker, self._answer

        def done(future: Future[object]) -> None:
            error = future.exception()
            value = None if error is not None else future.result()
            answer(Answer(worker, kind, value, error))

        reference.future().add_done_callback(done)

    def leave(self) -> object:
        """Ask it to delete what it keeps on its node; a reference to wait for."""
        return self._actor.leave.remote()

    def kill(self) -> None:
        """End its process, and give its place back."""
        ray = library.ray()
        with contextlib.suppress(ray.exceptions.RayError, ValueError):
            ray.kill(self._actor, no_restart=True)
        if self._group is not None:
            library.part("util.placement_group").remove_placement_group(self._group)
            self._group = None


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
