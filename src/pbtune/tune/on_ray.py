"""Runs on a Ray cluster: from what a user asked for to an executor. Imported when one does."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbtune.executors.processes.executor import Conduct
from pbtune.executors.ray.cluster import Request, check_feasible, connect, nodes, slot_count
from pbtune.tune.cluster import Machine
from pbtune.tune.pickling import pickled
from pbtune.tune.resources import Slots, bundles_of, largest_request
from pbtune.worker.process import Job

if TYPE_CHECKING:
    from pbtune.executors.ray.executor import RayExecutor


def slots_on_ray(trainable: object, machine: Machine, configs: Iterable[dict[str, Any]]) -> Slots:
    """Connect, and say what each slot gets.

    Args:
        trainable: What the user trains, with its request.
        machine: What ``init`` said.
        configs: The members' first configs; drawn only if the request depends on them.

    Raises:
        SettingsError: If Ray is missing or too old, or no node can ever give what is asked for.
        EnvironmentFault: If the cluster can't be reached, or runs another Python.
    """
    several = bundles_of(trainable)
    asked = [largest_request(trainable, configs)] if several is None else several.bundles
    request = Request(tuple(asked), "PACK" if several is None else several.strategy)
    connect(machine.address, machine.supply().amounts)
    found = nodes()
    check_feasible(found, request)
    total: dict[str, float] = {}
    for bundle in asked:
        for name, amount in bundle.items():
            total[name] = total.get(name, 0.0) + amount
    threads = max(1, int(asked[0].get("CPU", 0.0)))
    return Slots(total, slot_count(found, request), (), threads, request.bundles, request.strategy)


def ray_executor(
    job: Job, slots: Slots, slots_max: int | None, wanted: int, conduct: Conduct
) -> "RayExecutor":
    """The executor of a run; ``wanted`` slots start at once, if there are as many."""
    # Imported while the cluster started.
    from pbtune.executors.ray.executor import Placing, RayExecutor  # noqa: PLC0415  heavy

    placing = Placing(
        Request(slots.bundles, slots.strategy),
        slots_max,
        storage_is_shared=bool(job.settings.storage_url),
        wanted=wanted,
    )
    return RayExecutor(pickled(job), Path(job.settings.run_dir), placing, conduct)
