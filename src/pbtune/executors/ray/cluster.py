"""Connecting to Ray, and how many slots its nodes make."""

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from pbtune.errors import EnvironmentFault, SettingsError
from pbtune.executors.ray import library

SLOTS_MAX: Final = 64
"""Slots of trials that ask for nothing which runs out."""
_ROUNDING: Final = 1e-9
Amounts = Mapping[str, float]


class Request(msgspec.Struct, frozen=True):
    """What one slot needs: the actor's own bundle first, then those of what it starts."""

    bundles: tuple[dict[str, float], ...] = ({"CPU": 1.0},)
    strategy: str = "PACK"


class Node(msgspec.Struct, frozen=True):
    """A node that is alive, all that it has, and the address that Ray knows it by."""

    id: str
    amounts: dict[str, float]
    address: str = ""


def connect(address: str | None, amounts: Amounts) -> bool:
    """Connect this process to a cluster, unless it is connected already.

    Args:
        address: The cluster's; None or "local" starts one on this machine alone.
        amounts: What a cluster that is started here has: "CPU", "GPU" and others.

    Returns:
        Whether the connection was made here, so that it is ours to end.

    Raises:
        EnvironmentFault: If there is no such cluster, or its versions differ.
    """
    is_local = address in {None, "local"}
    if is_local and "ray" not in sys.modules:
        # A Ray port without a token is remote code execution for whoever reaches it. Ray reads this
        # when it is imported.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    ray = library.ray()
    if ray.is_initialized():
        return False
    options: dict[str, Any] = {"log_to_driver": False, "include_dashboard": False}
    if is_local:
        own = {name: it for name, it in amounts.items() if name not in {"CPU", "GPU", "memory"}}
        options |= {"address": "local", "num_cpus": int(amounts["CPU"]), "resources": own or None}
        options["num_gpus"] = int(amounts["GPU"]) if "GPU" in amounts else None
    else:
        options["address"] = address
        del options["include_dashboard"]
    preload = threading.Thread(target=library.preload, name="pbtune-preload", daemon=True)
    preload.start()
    try:
        ray.init(configure_logging=False, **options)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        unequal = library.unequal_versions(error)
        if unequal is not None:
            raise unequal from error
        message = (
            f"Ray can't be reached at address={address!r}: {error}. Start a cluster with `ray"
            f" start --head`, give its token as RAY_AUTH_TOKEN if it has one, or leave address out"
            f" to use this machine alone"
        )
        raise EnvironmentFault(message) from error
    finally:
        preload.join()
    return True


def nodes() -> list[Node]:
    """The nodes that are alive, in a fixed order."""
    listed = [it for it in library.ray().nodes() if it["Alive"]]
    return sorted(
        (Node(it["NodeID"], dict(it["Resources"]), it["NodeManagerAddress"]) for it in listed),
        key=lambda node: node.id,
    )


def own_address(found: Sequence[Node]) -> str:
    """This machine's address, by which the cluster's other nodes reach it."""
    here = library.ray().get_runtime_context().get_node_id()
    listed = next((node.address for node in found if node.id == here), None)
    # A client of a cluster is on none of its nodes.
    is_client = library.part("util.client").ray.is_connected()
    return library.part("util").get_node_ip_address() if is_client or not listed else listed


def slot_count(found: Sequence[Node], request: Request) -> int:
    """How many slots the nodes make, each on its own resources."""
    if not any(request.bundles):
        return SLOTS_MAX if found else 0
    left = [dict(node.amounts) for node in found]
    count = 0
    while _placed(left, request):
        count += 1
    return count


def _placed(left: list[dict[str, float]], request: Request) -> bool:
    """Take one slot's bundles off what is left on the nodes; False, and nothing, if it can't be."""
    if request.strategy == "STRICT_PACK":
        total: dict[str, float] = {}
        for bundle in request.bundles:
            for name, amount in bundle.items():
                total[name] = total.get(name, 0.0) + amount
        return _taken(left, total) is not None
    is_apart = request.strategy == "STRICT_SPREAD"
    trying = [dict(it) for it in left]
    used: set[int] = set()
    for bundle in request.bundles:
        index = _taken(trying, bundle, used if is_apart else set())
        if index is None:
            return False
        used.add(index)
    left[:] = trying
    return True


def _taken(left: list[dict[str, float]], bundle: Amounts, barred: set[int] = set()) -> int | None:  # noqa: B006  never written
    for index, node in enumerate(left):
        fits = all(node.get(name, 0.0) + _ROUNDING >= amount for name, amount in bundle.items())
        if fits and index not in barred:
            for name, amount in bundle.items():
                node[name] -= amount
            return index
    return None


def check_feasible(found: Sequence[Node], request: Request) -> None:
    """Raise SettingsError if no node could ever give a slot what it asks for."""
    if slot_count(found, request):
        return
    for bundle in request.bundles:
        for name, amount in bundle.items():
            most = max((node.amounts.get(name, 0.0) for node in found), default=0.0)
            if amount > most + _ROUNDING:
                message = (
                    f"a trial asks for {name}={amount:g}, and no node of the Ray cluster has more"
                    f" than {most:g} ({len(found)} nodes): no trial could ever start. Ask for less,"
                    f" or start nodes that have it"
                )
                raise SettingsError(message)
    message = (
        f"a trial asks for {[dict(it) for it in request.bundles]} ({request.strategy}), and the"
        f" {len(found)} nodes of the Ray cluster can't give all of that at once: no trial could"
        f" ever start. Ask for less, or start nodes that have it"
    )
    raise SettingsError(message)
