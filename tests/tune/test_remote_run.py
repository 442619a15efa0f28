"""A run whose storage is a URL: checkpoints are there, and another machine can go on."""

import json
import shutil
import uuid
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.checkpoints.remote import Remote
from pbtune.errors import SettingsError, StorageUnreachable
from pbtune.journal.reader import JournalReader
from pbtune.tune.remote_run import fetched
from pbtune.tune.schedulers import PopulationBasedTraining
from pbtune.tune.urls import local_root


def train(config):
    lr, step = config["lr"], 0
    start = tune.get_checkpoint()
    if start is not None:
        step = json.loads(Path(start.path, "state.json").read_text())
    while step < config["steps"]:
        step += 1
        with tune.new_checkpoint() as path:
            Path(path, "state.json").write_text(json.dumps(step))
            tune.report({"score": step * lr}, checkpoint=tune.Checkpoint(path))


def tuner(url, steps=6, **run):
    return tune.Tuner(
        train,
        param_space={"lr": tune.uniform(0.0, 1.0), "steps": steps},
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            num_samples=3,
            seed=3,
            scheduler=PopulationBasedTraining(
                time_attr="training_iteration",
                perturbation_interval=2,
                hyperparam_mutations={"lr": tune.uniform(0.0, 1.0)},
                synch=True,
            ),
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=url,
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            **run,
        ),
    )


@pytest.fixture
def url(tmp_path, monkeypatch):
    import fsspec

    monkeypatch.setenv("PBTUNE_STORAGE", str(tmp_path / "local"))
    pbtune.init(executor="inline")
    name = f"/{uuid.uuid4().hex}"
    yield f"memory:/{name}"
    pbtune.shutdown()
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)


def named(run_dir):
    """The checkpoints that a journal names and hasn't released."""
    from pbtune.driver.recover import recover_entries

    with JournalReader(run_dir) as reader:
        return set(recover_entries(reader.entries()).state.references)


def there(url):
    remote = Remote(f"{url}/run")
    trials = [name for name, kind in remote.names().items() if kind == "directory"]
    return {
        f"{trial}/{name.removesuffix('.json')}" for trial in trials for name in remote.names(trial)
    }


def test_what_the_journal_names_is_at_the_url_and_nothing_else(url):
    results = tuner(url).fit()
    assert not results.errors
    run_dir = local_root(url) / "run"
    assert there(url) == named(run_dir) != set()
    assert {"run.db", "tuner.pkl"} <= set(Remote(f"{url}/run").names())


def test_another_machine_goes_on_from_the_url(url, tmp_path, monkeypatch):
    first = tuner(url).fit()
    with JournalReader(local_root(url) / "run") as reader:
        before = [entry.record for entry in reader.entries()]
    shutil.rmtree(local_root(url))
    restored = tune.Tuner.restore(f"{url}/run", num_samples=4)
    results = restored.fit()
    assert (len(first), len(results)) == (3, 4)
    with JournalReader(local_root(url) / "run") as reader:
        after = [entry.record for entry in reader.entries()]
    assert after[: len(before)] == before
    assert there(url) == named(local_root(url) / "run")


def test_a_copy_that_is_older_than_the_journal_here_is_not_taken(url):
    tuner(url).fit()
    database = local_root(url) / "run" / "run.db"
    before = database.read_bytes()
    assert fetched(f"{url}/run") == database.parent
    assert database.read_bytes() == before


def test_resume_auto_finds_the_run_at_its_url(url):
    tuner(url).fit()
    shutil.rmtree(local_root(url))
    results = tuner(url, resume="auto").fit()
    assert len(results) == 3
    with JournalReader(local_root(url) / "run") as reader:
        assert reader.header.name == "run"


def test_workers_that_cant_see_the_storage_are_named_at_once(url):
    pbtune.init(executor="processes")
    with pytest.raises(SettingsError, match="in this process's memory"):
        tuner(url).fit()


def test_a_storage_that_refuses_is_named_before_anything_starts(url, monkeypatch):
    import fsspec

    def refuse(*_):
        message = "no credentials"
        raise PermissionError(message)

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "pipe_file", refuse)
    with pytest.raises(StorageUnreachable, match=r"can't be stored at memory://.*no credentials"):
        tuner(url).fit()


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A bucket of a server on loopback, which worker processes find by their environment."""
    s3fs = pytest.importorskip("s3fs", reason="S3 needs s3fs: pip install s3fs")
    moto = pytest.importorskip("moto.server", reason="the tests' S3 needs moto[server]")
    import fsspec.config

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    options = {"endpoint_url": f"http://{host}:{port}", "key": "test", "secret": "test"}
    monkeypatch.setenv("PBTUNE_STORAGE", str(tmp_path / "local"))
    monkeypatch.setenv("FSSPEC_S3", json.dumps(options))
    monkeypatch.setitem(fsspec.config.conf, "s3", {**options, "skip_instance_cache": True})
    # All servers of one process share what they hold.
    name = f"population-{uuid.uuid4().hex[:8]}"
    s3fs.S3FileSystem().mkdir(name)
    yield f"s3://{name}/runs"
    pbtune.shutdown()
    server.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_warm_processes_keep_their_checkpoints_in_a_bucket(bucket):
    train.__module__ = "__main__"
    pbtune.init(executor="processes", num_cpus=2)
    results = tuner(bucket).fit()
    assert not results.errors
    run_dir = local_root(bucket) / "run"
    assert there(bucket) == named(run_dir) != set()
    with JournalReader(run_dir) as reader:
        kinds = [type(entry.record).__name__ for entry in reader.entries()]
    assert "Failed" not in kinds
    assert "Exploited" in kinds
    shutil.rmtree(local_root(bucket))
    again = tune.Tuner.restore(f"{bucket}/run", num_samples=4).fit()
    assert len(again) == 4
    assert not again.errors
