import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pbtune.executors.processes.executor import Conduct
from pbtune.tune.pickling import pickled
from pbtune.worker.process import Job
from pbtune.worker.protocol import WorkerSettings

SOURCE = Path(__file__).parents[3] / "src"
# Ray reads these when it is imported, and its nodes inherit them. The token is this session's own.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
)
ray = pytest.importorskip("ray", reason="the Ray executor needs Ray: pip install 'pbtune[ray]'")

SOON = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}
"""Ray's own news of a node's death, in a second instead of a quarter of a minute."""


TRIES_MAX = 4
"""Ray gives a node half a minute to start, which a busy machine may not have."""


def children() -> set[int]:
    pid = os.getpid()
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return {int(word) for word in text.split()}


def started_by(make: Callable[[], Any]) -> Any:
    """What a start gives; one that Ray found too slow is tidied away and tried again."""
    for left in reversed(range(TRIES_MAX)):
        before = children()
        try:
            return make()
        # The boundary to Ray, which raises a bare Exception.
        except Exception as error:
            for pid in children() - before:
                os.kill(pid, signal.SIGKILL)
            if left == 0 or "timed out" not in str(error):
                raise
    raise AssertionError


@pytest.fixture(scope="module")
def one_node() -> Iterator[None]:
    """A cluster of one node with four CPUs and a GPU by name alone, for all tests of a module."""
    from ray.cluster_utils import Cluster

    has = {"num_cpus": 4, "num_gpus": 1, "resources": {"licence": 2}, "include_dashboard": False}
    cluster = started_by(
        lambda: Cluster(initialize_head=True, head_node_args=has, shutdown_at_exit=False)
    )
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()
    cluster.shutdown()


class TwoNodes:
    """A cluster of nodes with one CPU each, and a head without any."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "_system_config": SOON, "include_dashboard": False}
        self.cluster = started_by(
            lambda: Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False)
        )
        self.nodes: list[Any] = []
        self.heal()

    def add(self) -> None:
        add = self.cluster.add_node
        self.nodes.append(started_by(lambda: add(num_cpus=1, include_dashboard=False)))

    def kill(self, node: Any) -> None:
        """As the machine's loss: the raylet by SIGKILL, and what it started with it."""
        node.kill_raylet(check_alive=False)
        self.nodes.remove(node)

    def heal(self) -> None:
        """Two nodes again."""
        while len(self.nodes) < 2:
            self.add()


@pytest.fixture(scope="module")
def started() -> Iterator[TwoNodes]:
    """A cluster takes half a minute of two cores to start: one for all tests of a module."""
    nodes = TwoNodes()
    yield nodes
    ray.shutdown()
    nodes.cluster.shutdown()


@pytest.fixture
def two_nodes(started: TwoNodes) -> Iterator[TwoNodes]:
    started.heal()
    yield started
    ray.shutdown()


@pytest.fixture
def on_ray(one_node: None, settings: WorkerSettings) -> Iterator[Callable[..., Any]]:
    """Makes Ray executors of a function, and ends their actors with the test."""
    from pbtune.executors.ray.cluster import Request
    from pbtune.executors.ray.executor import Placing, RayExecutor

    made: list[RayExecutor] = []

    def make(function: Callable[..., object], **options: Any) -> RayExecutor:
        function.__module__ = "__main__"
        request = Request((options.pop("bundle", {"CPU": 1.0}),))
        placing = Placing(request, options.pop("slots", 1))
        payload = pickled(Job(settings, function, {}))
        run_dir = Path(settings.run_dir)
        made.append(RayExecutor(payload, run_dir, placing, Conduct(**options)))
        return made[-1]

    yield make
    for executor in made:
        executor.close(0.0)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sends actors to other places than their own: folders, sockets, addresses."""
    import msgspec

    from pbtune.executors.ray import reception
    from pbtune.executors.ray.handshake import Place

    def change(**changes: Any) -> None:
        make = lambda *values: msgspec.structs.replace(Place(*values), **changes)  # noqa: E731
        monkeypatch.setattr(reception, "Place", make)

    return change
