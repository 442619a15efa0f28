"""MLflow hears of a population: a real store in a local SQLite file."""

import os

import pytest

from pbtune.errors import SettingsError

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: make test-trackers")

# MLflow and what it imports warn of their own affairs.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def callback(store):
    from pbtune.air.integrations.mlflow import MLflowLoggerCallback

    return MLflowLoggerCallback(store, experiment_name="pbt", tags={"team": 7})


class Told:
    """What the store has."""

    def __init__(self, store):
        self.client = mlflow.MlflowClient(store)
        [experiment] = self.client.search_experiments(filter_string="name = 'pbt'")
        runs = self.client.search_runs([experiment.experiment_id])
        self.parents = [it for it in runs if "mlflow.parentRunId" not in it.data.tags]
        self.children = {
            it.data.tags["pbt.trial"]: it for it in runs if "mlflow.parentRunId" in it.data.tags
        }

    def history(self, trial, metric):
        run_id = self.children[trial].info.run_id
        points = self.client.get_metric_history(run_id, metric)
        return [(it.step, it.value) for it in points]


def test_each_member_is_nested_under_the_populations_run(train, callback, store):
    train(callback)
    told = Told(store)
    [parent] = told.parents
    assert parent.info.run_name == "climb"
    assert sorted(told.children) == ["t0", "t1", "t2", "t3"]
    for child in told.children.values():
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.tags["team"] == "7"
        assert child.info.status == "FINISHED"
    assert parent.info.status == "FINISHED"


def test_every_report_is_a_point_under_its_training_step(train, callback, store):
    results = train(callback)
    told = Told(store)
    for result in results:
        rows = result.rows
        assert told.history(result.trial_id, "score") == [
            (row["training_iteration"], row["score"]) for row in rows
        ]
        assert len(told.history(result.trial_id, "eval/loss")) == len(rows)
    assert "kind" not in told.children["t0"].data.metrics


def test_the_first_config_is_params_and_each_change_a_point(train, callback, store, segments):
    results = train(callback)
    told = Told(store)
    copied = segments(results)
    assert any(len(values) > 1 for values, _ in copied.values())
    for trial, (values, parent) in copied.items():
        child = told.children[trial]
        assert child.data.params["lr"] == str(values[0])
        assert child.data.params["net/kind"] == "relu"
        assert [value for _, value in told.history(trial, "hp/lr")] == values
        assert child.data.tags.get("pbt.parent") == parent
        if parent is not None:
            assert child.data.tags["pbt.copies"] == str(len(values) - 1)


def test_a_resumed_run_goes_on_in_the_same_runs(train, resume, callback, store, tmp_path):
    failed = train(callback, fails=str(tmp_path / "failed"), members=1)
    before = Told(store)
    assert before.children["t0"].info.status == "FAILED"
    assert before.parents[0].info.status == "FAILED"
    assert len(before.history("t0", "score")) == 3
    resume(failed)
    after = Told(store)
    assert [it.info.run_id for it in after.parents] == [it.info.run_id for it in before.parents]
    assert after.children["t0"].info.run_id == before.children["t0"].info.run_id
    assert [step for step, _ in after.history("t0", "score")] == list(range(1, 7))
    assert after.children["t0"].info.status == "FINISHED"
    assert after.parents[0].info.status == "FINISHED"


def test_a_members_folder_is_uploaded_if_asked(train, store, tmp_path):
    from pbtune.integrations.mlflow import MLflowLoggerCallback

    client = mlflow.MlflowClient(store)
    client.create_experiment("pbt", artifact_location=(tmp_path / "artifacts").as_uri())
    train(MLflowLoggerCallback(store, experiment_name="pbt", save_artifact=True), members=1)
    run_id = Told(store).children["t0"].info.run_id
    names = [it.path for it in client.list_artifacts(run_id)]
    assert any(name.startswith("checkpoint_") for name in names)


def test_names_that_mlflow_does_not_take_are_changed():
    from pbtune.integrations.mlflow import _name

    assert _name("eval/top-1 acc.") == "eval/top-1 acc."
    assert _name("loss[0]:é") == "loss_0__é"


def test_an_experiment_that_was_deleted_is_named(callback, store):
    client = mlflow.MlflowClient(store)
    client.delete_experiment(client.create_experiment("pbt"))
    callback._client = client
    with pytest.raises(SettingsError, match="the MLflow experiment 'pbt' is deleted"):
        callback._experiment()
