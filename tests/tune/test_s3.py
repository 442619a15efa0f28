"""Whole runs on a server of S3's protocol: warm processes, faults, two drivers, another machine."""

import json
import shutil
import threading
import uuid
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.checkpoints.remote import Remote
from pbtune.core.events import Saved
from pbtune.driver.recover import recover_entries
from pbtune.journal.reader import JournalReader
from pbtune.testing.simulation import first_difference
from pbtune.tune.schedulers import PopulationBasedTraining
from pbtune.tune.urls import local_root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]
READ_S = 1
"""How long a client waits for an answer before it asks again."""


class Faulty:
    """The server's application, of which some requests are answered by faults.

    ``fault`` says which: None, 500 and its kin, or "slow" for an answer that comes too late.
    """

    def __init__(self, application):
        self.application = application
        self.fault = lambda number, environ: None
        self.count = 0
        self.faults = 0
        self.is_over = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self._lock:
            self.count += 1
            fault = self.fault(self.count, environ)
            self.faults += fault is not None
        if fault == "slow":
            self.is_over.wait(READ_S * 1.5)
        elif fault is not None:
            start_response(f"{fault} Injected", [("Content-Type", "text/plain")])
            return [b"injected"]
        return self.application(environ, start_response)


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("s3fs", reason="S3 needs s3fs: pip install s3fs")
    moto = pytest.importorskip("moto.server", reason="the tests' S3 needs moto[server]")
    from werkzeug.serving import make_server

    application = Faulty(moto.DomainDispatcherApplication(moto.create_backend_app))
    running = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    application.port = running.server_port
    yield application
    application.is_over.set()
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def bucket(server, tmp_path, monkeypatch):
    """A URL in a bucket, which worker processes find by their environment."""
    import fsspec.config
    import s3fs

    options = {
        "endpoint_url": f"http://127.0.0.1:{server.port}",
        "key": "test",
        "secret": "test",
        "config_kwargs": {"read_timeout": READ_S, "retries": {"max_attempts": 1}},
    }
    monkeypatch.setenv("PBTUNE_STORAGE", str(tmp_path / "local"))
    monkeypatch.setenv("FSSPEC_S3", json.dumps(options))
    monkeypatch.setitem(fsspec.config.conf, "s3", {**options, "skip_instance_cache": True})
    train.__module__ = "__main__"
    server.fault = lambda number, environ: None
    name = f"population-{uuid.uuid4().hex[:8]}"
    s3fs.S3FileSystem().mkdir(name)
    yield f"s3://{name}/runs"
    server.fault = lambda number, environ: None
    pbtune.shutdown()


def train(config):
    import json
    from pathlib import Path

    from pbtune import tune

    lr, step = config["lr"], 0
    start = tune.get_checkpoint()
    if start is not None:
        step = json.loads(Path(start.path, "state.json").read_text())
    while step < config["steps"]:
        step += 1
        with tune.new_checkpoint() as path:
            Path(path, "state.json").write_text(json.dumps(step))
            tune.report({"score": step * lr}, checkpoint=tune.Checkpoint(path))


def tuner(storage, name="run", steps=6, **run):
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=2,
        hyperparam_mutations={"lr": tune.uniform(0.0, 1.0)},
        synch=True,
    )
    return tune.Tuner(
        train,
        param_space={"lr": tune.uniform(0.0, 1.0), "steps": steps},
        tune_config=tune.TuneConfig(
            scheduler=scheduler, metric="score", mode="max", num_samples=3, seed=3
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=str(storage),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            **run,
        ),
    )


def records(run_dir):
    with JournalReader(run_dir) as reader:
        return [entry.record for entry in reader.entries()]


def named(run_dir):
    with JournalReader(run_dir) as reader:
        return set(recover_entries(reader.entries()).state.references)


def there(url):
    remote = Remote(f"{url}/run")
    trials = [name for name, kind in remote.names().items() if kind == "directory"]
    return {
        f"{trial}/{name.removesuffix('.json')}" for trial in trials for name in remote.names(trial)
    }


def decides_alike(bucket, tmp_path):
    """Whether the run at the bucket decided as one without a URL, in one process, does."""
    pbtune.init(executor="inline")
    tuner(tmp_path, "inline").fit()
    return first_difference(records(local_root(bucket) / "run"), records(tmp_path / "inline"))


def test_warm_processes_keep_their_checkpoints_in_a_bucket(bucket, tmp_path):
    pbtune.init(executor="processes", num_cpus=2)
    results = tuner(bucket).fit()
    assert not results.errors
    run_dir = local_root(bucket) / "run"
    assert there(bucket) == named(run_dir) != set()
    kinds = [type(record).__name__ for record in records(run_dir)]
    assert "Failed" not in kinds
    assert "Exploited" in kinds
    assert decides_alike(bucket, tmp_path) is None
    # Another machine: nothing of this one's disk.
    shutil.rmtree(local_root(bucket))
    pbtune.init(executor="processes", num_cpus=2)
    again = tune.Tuner.restore(f"{bucket}/run", num_samples=4).fit()
    assert len(again) == 4
    assert not again.errors


@pytest.mark.parametrize(
    ("fault", "every"), [(503, 4), (500, 5), ("slow", 40)], ids=["busy", "broken", "slow"]
)
def test_faults_of_the_storage_change_no_decision_and_lose_nothing(
    bucket, server, tmp_path, fault, every
):
    pbtune.init(executor="processes", num_cpus=2)
    before = server.faults
    server.fault = lambda number, environ: fault if number % every == 0 else None
    results = tuner(bucket).fit()
    server.fault = lambda number, environ: None
    assert server.faults > before
    assert not results.errors
    run_dir = local_root(bucket) / "run"
    assert there(bucket) == named(run_dir)
    assert decides_alike(bucket, tmp_path) is None
    saved = [record for record in records(run_dir) if isinstance(record, Saved)]
    assert len({record.checkpoint for record in saved}) == len(saved)
    best = results.get_best_result().checkpoint
    assert json.loads(Path(best.path, "state.json").read_text()) == 6


def test_a_storage_that_is_down_for_a_while_is_waited_for(bucket, server, tmp_path):
    pbtune.init(executor="processes", num_cpus=2)
    down = threading.Event()
    up = threading.Timer(4.0, lambda: setattr(server, "fault", lambda number, environ: None))

    def fault(number, environ):
        # From the first upload of weights on, nothing is answered.
        if environ["REQUEST_METHOD"] == "PUT" and "state.json" in environ["PATH_INFO"]:
            if not down.is_set():
                up.start()
            down.set()
        return 503 if down.is_set() else None

    server.fault = fault
    results = tuner(bucket).fit()
    up.join()
    assert down.is_set()
    assert not results.errors
    assert there(bucket) == named(local_root(bucket) / "run")
    assert decides_alike(bucket, tmp_path) is None


def test_of_two_drivers_of_one_run_the_second_is_told_who_has_it(bucket):
    from pbtune.driver.remote_lock import RemoteLock
    from pbtune.errors import RunLocked

    with RemoteLock(Remote(f"{bucket}/run", 5.0)) as first:
        second = RemoteLock(Remote(f"{bucket}/run", 5.0), wait=lambda _: first.renew())
        with pytest.raises(RunLocked, match="is working on the run s3://"), second:
            pass
        first.confirm()
    with RemoteLock(Remote(f"{bucket}/run", 5.0), wait=lambda _: pytest.fail("waited")):
        pass
