"""The same decisions on Ray as in one process: also when nodes are killed, added, and come back."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.journal.reader import JournalReader
from pbtune.testing.simulation import first_difference
from pbtune.tune.schedulers import PopulationBasedTraining

pytestmark = pytest.mark.slow
STEPS = 8
INTERVAL = 2


def train(config):
    """Scores that depend on the config alone; the folder says who should wait to be killed."""
    import json
    import os
    import threading
    from pathlib import Path

    from pbtune import tune

    folder, lr = Path(config["folder"]), config["lr"]
    start = tune.get_checkpoint()
    score, step = (0.0, 0)
    if start is not None:
        score, step = json.loads(Path(start.path, "state.json").read_text())
    while step < config["steps"]:
        step += 1
        score += lr * (1 - lr)
        me = tune.get_context().get_trial_id()
        if (me, step) == ("t1", 5) and (folder / "trap").exists():
            import ray

            (folder / "trap").unlink()
            node = ray.get_runtime_context().get_node_id()
            (folder / "caught").write_text(json.dumps([node, os.getpid()]))
            threading.Event().wait()
        with tune.new_checkpoint() as path:
            Path(path, "state.json").write_text(json.dumps([score, step]))
            tune.report({"score": score}, checkpoint=tune.Checkpoint(path))


def tuner(folder, name, **tune_options):
    mutations = {"lr": tune.uniform(0.0, 1.0)}
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=INTERVAL,
        hyperparam_mutations=mutations,
        synch=True,
    )
    return tune.Tuner(
        train,
        param_space={"lr": tune.uniform(0.0, 1.0), "folder": str(folder), "steps": STEPS},
        tune_config=tune.TuneConfig(
            scheduler=scheduler, metric="score", mode="max", num_samples=4, seed=7, **tune_options
        ),
        run_config=tune.RunConfig(name=name, storage_path=str(folder), verbose=0),
    )


@pytest.fixture
def folder(tmp_path):
    train.__module__ = "__main__"
    yield tmp_path
    pbtune.shutdown()


def records(folder, name):
    with JournalReader(folder / name) as reader:
        return [entry.record for entry in reader.entries()]


def fit(folder, name, **machine):
    pbtune.init(**machine)
    results = tuner(folder, name).fit()
    assert not results.errors
    return records(folder, name)


class Trap(threading.Thread):
    """Waits until a trial is caught, and then does something to its node."""

    def __init__(self, folder, action):
        super().__init__(daemon=True)
        self.caught = folder / "caught"
        self.action = action
        self.is_over = threading.Event()
        (folder / "trap").touch()
        self.start()

    def run(self):
        while not self.is_over.wait(0.02):
            if self.caught.exists() and self.caught.stat().st_size:
                self.action(*json.loads(self.caught.read_text()))
                return

    def close(self):
        self.is_over.set()
        self.join()
        assert self.caught.exists()


def test_inline_processes_and_ray_decide_alike(folder, two_nodes):
    inline = fit(folder, "inline", executor="inline")
    assert any(type(record).__name__ == "Exploited" for record in inline)
    processes = fit(folder, "processes", executor="processes", num_cpus=2)
    assert first_difference(processes, inline) is None
    on_ray = fit(folder, "ray", executor="ray", address=two_nodes.cluster.address)
    assert first_difference(on_ray, inline) is None


def test_a_node_that_is_killed_changes_no_decision_and_fails_nobody(folder, two_nodes):
    inline = fit(folder, "inline", executor="inline")
    nodes = {node.node_id: node for node in two_nodes.nodes}
    trap = Trap(folder, lambda node, pid: two_nodes.kill(nodes[node]))
    on_ray = fit(folder, "ray", executor="ray", address=two_nodes.cluster.address)
    trap.close()
    assert first_difference(on_ray, inline) is None
    lost = [record for record in on_ray if type(record).__name__ == "Failed"]
    assert lost
    assert all(record.lost and "node" in record.message for record in lost)


def test_a_node_that_is_killed_and_one_that_is_added_change_no_decision(folder, two_nodes):
    inline = fit(folder, "inline", executor="inline")
    nodes = {node.node_id: node for node in two_nodes.nodes}

    def exchange(node, pid):
        two_nodes.kill(nodes[node])
        two_nodes.add()

    trap = Trap(folder, exchange)
    on_ray = fit(folder, "ray", executor="ray", address=two_nodes.cluster.address)
    trap.close()
    assert first_difference(on_ray, inline) is None
    slots = {record.slot for record in on_ray if type(record).__name__ == "Started"}
    assert slots >= {0, 1}


def test_a_lost_driver_is_restored_on_the_same_cluster(folder, two_nodes, tmp_path):
    inline = fit(folder, "inline", executor="inline")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import pbtune, test_decisions as it\n"
        "it.train.__module__ = '__main__'\n"
        f"pbtune.init(executor='ray', address={two_nodes.cluster.address!r})\n"
        f"it.tuner({str(folder)!r}, 'ray').fit()\n"
    )
    (folder / "trap").touch()
    with subprocess.Popen([sys.executable, str(script)], cwd=tmp_path) as driver:
        over = threading.Event()
        while not (folder / "caught").exists():
            assert driver.poll() is None
            over.wait(0.05)
        os.kill(driver.pid, signal.SIGKILL)
    pbtune.init(executor="ray", address=two_nodes.cluster.address)
    results = tune.Tuner.restore(str(folder / "ray")).fit()
    assert not results.errors
    on_ray = records(folder, "ray")
    assert first_difference(on_ray, inline) is None
    assert sum(type(record).__name__ == "Opened" for record in on_ray) == 2
