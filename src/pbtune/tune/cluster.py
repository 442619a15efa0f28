"""``pbtune.init``: how much of this machine a run may use, and by which executor."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.memory import memory_bytes
from pbtune.tune.resources import Supply, normalised, visible_gpus

Executor = Literal["processes", "inline", "ray"]
RAY_ONLY: Final = frozenset(
    {
        "cgroup_path",
        "configure_logging",
        "dashboard_host",
        "dashboard_port",
        "enable_resource_isolation",
        "ignore_reinit_error",
        "include_dashboard",
        "job_config",
        "labels",
        "log_to_driver",
        "logging_config",
        "logging_format",
        "logging_level",
        "namespace",
        "object_store_memory",
        "proxy_server_url",
        "runtime_env",
        "system_reserved_cpu",
        "system_reserved_memory",
    }
)
"""Arguments of ray.init that have nothing to set here; accepted, so that scripts run."""


class Machine(msgspec.Struct, frozen=True):
    """What runs may use. ``num_cpus`` None: what the system gives this process.

    ``address``: that of a Ray cluster; None starts one on this machine.
    """

    num_cpus: float | None = None
    num_gpus: float | None = None
    executor: Executor = "processes"
    resources: dict[str, float] = {}
    address: str | None = None

    def slot_count(self) -> int:
        """How many trials of one CPU train at once; at least one."""
        if self.executor == "inline":
            return 1
        return max(1, int(self.supply().amounts["CPU"]))

    def supply(self) -> Supply:
        """What there is for trials to ask for.

        Raises:
            SettingsError: If there are fewer GPUs than ``init`` said.
        """
        gpus = visible_gpus(self.num_gpus)
        amounts = {
            "CPU": float(cpu_count() if self.num_cpus is None else self.num_cpus),
            "GPU": float(len(gpus)),
            "memory": float(memory_bytes()),
        }
        return Supply({**amounts, **self.resources}, gpus)


_machine: list[Machine] = []


def init(
    address: str | None = None,
    *,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    resources: Mapping[str, float] | None = None,
    executor: Executor = "processes",
    local_mode: bool = False,
    **ray_only: object,
) -> None:
    """Say what runs of this program may use. Needed only to say less, or more, than the machine.

    Args:
        address: With executor="ray", a Ray cluster's: "auto", "HOST:PORT" or "ray://…"; None or
            "local" starts one on this machine. Without it only None, "local" and "auto": trials run
            on this machine.
        num_cpus: Slots of one CPU, >= 1; else the CPUs that affinity and cgroup leave to this
            process.
        num_gpus: GPUs that trials may ask for, a whole number >= 0; else those that
            CUDA_VISIBLE_DEVICES names, or the machine has.
        resources: What else trials may ask for, by names of your own: {"licence": 2}.
        executor: "processes", one warm process a slot; "inline", one trial at a time in this very
            process, for debuggers; or "ray", one warm actor a slot on a Ray cluster (extra [ray]).
        local_mode: Ray's older name for ``executor="inline"``.
        **ray_only: Further arguments of ``ray.init``; those that have no meaning here are ignored.

    Raises:
        SettingsError: If a value is out of its range.
        NotInPbtune: If trials should run on a cluster.
        TypeError: If an argument is neither ours nor Ray's.
    """
    if address not in {None, "local", "auto"} and executor != "ray":
        name = f"ray.init(address={address!r})"
        why = 'trials run on this machine; leave address out, or say init(executor="ray")'
        raise NotInPbtune(name, why)
    unknown = sorted(set(ray_only) - RAY_ONLY)
    if unknown:
        message = f"init() got an unexpected argument {unknown[0]!r}"
        raise TypeError(message)
    own = _checked_supply(num_cpus, num_gpus, resources or {})
    if executor not in {"processes", "inline", "ray"}:
        message = f'executor must be "processes", "inline" or "ray", not {executor!r}'
        raise SettingsError(message)
    chosen = "inline" if local_mode else executor
    if chosen == "ray" and sys.platform == "win32":
        name, why = 'init(executor="ray") on Windows', "its actors dial back over POSIX sockets"
        raise NotInPbtune(name, f"{why}: run it under WSL")
    _machine[:] = [Machine(num_cpus, num_gpus, chosen, own, address)]


def _checked_supply(
    num_cpus: float | None, num_gpus: float | None, resources: Mapping[str, float]
) -> dict[str, float]:
    for name, value, least in (("num_cpus", num_cpus, 1), ("num_gpus", num_gpus, 0)):
        if value is not None and not value >= least:
            message = f"{name} must be >= {least}, not {value!r}"
            raise SettingsError(message)
    if num_gpus is not None and num_gpus % 1 != 0:
        message = f"num_gpus must be a whole number, not {num_gpus!r}"
        raise SettingsError(message)
    own = normalised(resources)
    for name in ("CPU", "GPU"):
        if name in own:
            message = f"resources has {name!r}: say init(num_{name.lower()}s=...) instead"
            raise SettingsError(message)
    return own


def shutdown(*, wait_for_processes: bool = False) -> None:
    """Forget what ``init`` said. Runs have ended their processes by themselves.

    Args:
        wait_for_processes: Accepted; there are none to wait for.
    """
    del wait_for_processes
    _machine.clear()


def is_initialized() -> bool:
    """Whether ``init`` has been called, and ``shutdown`` not since."""
    return bool(_machine)


def cluster_resources() -> dict[str, float]:
    """What there is for trials to ask for, by resource."""
    return {name: amount for name, amount in machine().supply().amounts.items() if amount}


def available_resources() -> dict[str, float]:
    """The same: between runs nothing is in use."""
    return cluster_resources()


def get_gpu_ids() -> list[int | str]:
    """The GPUs that this process may use, by number or by name; in a trial those of its slot."""
    return [int(name) if name.isdigit() else name for name in visible_gpus()]


def machine() -> Machine:
    """What ``init`` said, or the defaults."""
    return _machine[0] if _machine else Machine()


def cpu_count(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """The CPUs that this process may use: its affinity, and its cgroup's quota."""
    if hasattr(os, "sched_getaffinity"):
        count = float(len(os.sched_getaffinity(0)))
    else:
        count = float(os.cpu_count() or 1)
    quota = _cgroup_quota(cgroup)
    return count if quota is None else max(1.0, min(count, quota))


def _cgroup_quota(cgroup: Path) -> float | None:
    """CPUs by quota over period, of version 2 or 1; None without a limit."""
    try:
        limit, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return None
    if limit in {"max", "-1"} or not limit.isdigit():
        return None
    return int(limit) / int(period)
