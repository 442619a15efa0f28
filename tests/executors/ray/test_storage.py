"""Runs on Ray without a shared folder, in bundles, and on resources that aren't there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import EnvironmentFault, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.testing.simulation import first_difference
from pbtune.tune.schedulers import PopulationBasedTraining
from pbtune.tune.urls import local_root

pytestmark = pytest.mark.slow


def train(config):
    import json
    from pathlib import Path

    from pbtune import tune

    lr, step = config["lr"], 0
    start = tune.get_checkpoint()
    if start is not None:
        step = json.loads(Path(start.path, "state.json").read_text())
    while step < 6:
        step += 1
        with tune.new_checkpoint() as path:
            Path(path, "state.json").write_text(json.dumps(step))
            tune.report({"score": step * lr}, checkpoint=tune.Checkpoint(path))


def tuner(function, storage, name):
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=2,
        hyperparam_mutations={"lr": tune.uniform(0.0, 1.0)},
        synch=True,
    )
    return tune.Tuner(
        function,
        param_space={"lr": tune.uniform(0.0, 1.0)},
        tune_config=tune.TuneConfig(
            scheduler=scheduler, metric="score", mode="max", num_samples=4, seed=5
        ),
        run_config=tune.RunConfig(name=name, storage_path=str(storage), verbose=0),
    )


@pytest.fixture(autouse=True)
def _by_value():
    train.__module__ = "__main__"
    yield
    pbtune.shutdown()


def records(run_dir):
    with JournalReader(run_dir) as reader:
        return [entry.record for entry in reader.entries()]


def test_a_population_without_a_shared_folder_decides_alike(one_node, tmp_path, elsewhere):
    pbtune.init(executor="inline")
    tuner(train, tmp_path, "inline").fit()
    # Actors look for a file that only the driver's folder has; here they look elsewhere.
    elsewhere(run_dir=str(tmp_path / "nowhere"))
    pbtune.init(executor="ray")
    results = tuner(train, tmp_path, "ray").fit()
    assert not results.errors
    ours = records(tmp_path / "ray")
    assert any(type(record).__name__ == "Exploited" for record in ours)
    assert first_difference(ours, records(tmp_path / "inline")) is None
    best = results.get_best_result().checkpoint
    assert json.loads(Path(best.path, "state.json").read_text()) == 6


def test_actors_with_caches_of_their_own_share_a_url(one_node, tmp_path, monkeypatch, elsewhere):
    pbtune.init(executor="inline")
    tuner(train, tmp_path, "inline").fit()
    elsewhere(run_dir=str(tmp_path / "nowhere"))
    monkeypatch.setenv("PBTUNE_STORAGE", str(tmp_path / "local"))
    pbtune.init(executor="ray")
    url = f"file://{tmp_path}/bucket"
    results = tuner(train, url, "ray").fit()
    assert not results.errors
    ours = records(local_root(url) / "ray")
    assert first_difference(ours, records(tmp_path / "inline")) is None
    assert list(tmp_path.glob("bucket/ray/t*/checkpoint_*.json"))
    best = results.get_best_result().checkpoint
    assert json.loads(Path(best.path, "state.json").read_text()) == 6


def test_a_trial_of_several_bundles_has_a_placement_group(one_node, tmp_path):
    def where(config):
        import ray

        group = ray.util.get_current_placement_group()
        tune.report({"score": len(group.bundle_specs)})

    where.__module__ = "__main__"
    bundles = tune.PlacementGroupFactory([{"CPU": 1}, {"CPU": 1}], strategy="PACK")
    pbtune.init(executor="ray")
    results = tuner(tune.with_resources(where, bundles), tmp_path, "run").fit()
    assert not results.errors
    assert [result.metrics["score"] for result in results] == [2] * 4


def test_what_no_node_can_give_is_named_before_anything_is_made(one_node, tmp_path):
    pbtune.init(executor="ray")
    asking = tune.with_resources(train, {"cpu": 64})
    with pytest.raises(SettingsError, match="asks for CPU=64, and no node of the Ray cluster"):
        tuner(asking, tmp_path / "runs", "run").fit()
    assert not (tmp_path / "runs").exists()


ALONE = """
import json, os, sys
import pbtune
from pbtune import tune

def train(config):
    tune.report({"x": 1})

pbtune.init(executor="ray", num_cpus=2, resources={"licence": 1})
run = tune.RunConfig(name="run", storage_path=sys.argv[1], verbose=0)
asking = tune.with_resources(train, {"cpu": 1, "licence": 0.5})
results = tune.Tuner(asking, tune_config=tune.TuneConfig(num_samples=3), run_config=run).fit()
import ray
print(json.dumps([len(results), len(results.errors), os.environ["RAY_AUTH_MODE"],
    ray.cluster_resources()["CPU"], ray.cluster_resources()["licence"]]))
"""


def test_without_an_address_a_cluster_with_a_token_starts_here(tmp_path):
    environment = {name: it for name, it in os.environ.items() if name != "RAY_AUTH_MODE"}
    command = [sys.executable, "-c", ALONE, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [3, 0, "token", 2.0, 1.0]


@pytest.mark.parametrize("kind", ["gone", "locked"])
def test_a_cluster_that_isnt_there_or_refuses_is_named(tmp_path, monkeypatch, kind):
    import ray

    from pbtune.executors.ray.cluster import connect

    def refuse(**_options):
        if kind == "gone":
            message = "no GCS at 127.0.0.1:1"
            raise ConnectionError(message)
        message = "the token is invalid"
        raise ray.exceptions.AuthenticationError(message)

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(EnvironmentFault, match=r"can't be reached at address='127\.0\.0\.1:1'"):
        connect("127.0.0.1:1", {"CPU": 1.0})
