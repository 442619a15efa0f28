"""A run whose storage is a URL: checkpoints are there, and another machine can go on."""

import json
import shutil
import time
import uuid
from pathlib import Path

import msgspec
import pytest

import pbtune
from pbtune import tune
from pbtune.checkpoints.remote import Remote
from pbtune.driver.remote_lock import Lease, RemoteLock
from pbtune.errors import RunLocked, SettingsError, StorageUnreachable
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


def test_a_name_that_another_machine_has_given_is_taken(url):
    tuner(url).fit()
    shutil.rmtree(local_root(url))
    with pytest.warns(UserWarning, match="the name 'run' is taken: this run is 'run_1'"):
        tuner(url).fit()
    assert not (local_root(url) / "run").exists()
    assert "run.db" in Remote(f"{url}/run_1").names()


def test_a_run_that_another_machine_drives_is_refused_before_anything_is_written(url, monkeypatch):
    tuner(url).fit()
    before = Remote(f"{url}/run").read("run.db")
    restored = tune.Tuner.restore(f"{url}/run", num_samples=4)
    with RemoteLock(Remote(f"{url}/run")):
        # It would be watched for a sign of life.
        monkeypatch.setattr(RemoteLock, "_is_free", lambda *_: False)
        with pytest.raises(RunLocked, match="is working on the run memory"):
            restored.fit()
    assert Remote(f"{url}/run").read("run.db") == before


@pytest.mark.filterwarnings(
    "ignore:a checkpoint that nobody needs", "ignore:the journal's backup waits"
)
def test_a_driver_that_lost_its_run_stops_and_deletes_nothing(url, monkeypatch):
    lease = Lease("another", "node-7", 42, "elsewhere", 1, time.time())
    confirm = RemoteLock.confirm

    def lose(self):
        self.remote.write("driver-000002.json", msgspec.json.encode(lease))
        confirm(self)

    monkeypatch.setattr(RemoteLock, "confirm", lose)
    run = tuner(url, steps=1000)
    with pytest.raises(RunLocked, match="process id 42 on node-7"):
        run.fit()
    stored = Remote(f"{url}/run")
    assert "run.db" not in stored.names()
    assert msgspec.json.decode(stored.read("driver-000002.json"), type=Lease) == lease
    # What this driver had saved stays for the other one to judge.
    assert named(local_root(url) / "run") <= there(url)
