"""Weights & Biases hears of a population: the real library, offline, its files read back."""

import json
import struct

import pytest

wandb = pytest.importorskip("wandb", reason="wandb is not installed: make test-trackers")
from wandb.proto import wandb_internal_pb2  # noqa: E402

# wandb and what it imports warn of their own affairs.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def callback(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    from pbtune.air.integrations.wandb import WandbLoggerCallback

    return WandbLoggerCallback(project="pbt", dir=str(tmp_path), excludes=["eval/loss"])


def stored(path):
    """The records of an offline run: blocks of 32 KiB as in LevelDB's log, behind 7 bytes."""
    body, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(body):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, size, kind = struct.unpack_from("<IHB", body, at)
        whole += body[at + 7 : at + 7 + size]
        at += 7 + size
        # 1 is a record in one part, 4 the last of several.
        if kind in {1, 4}:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


class Run:
    """One offline run's file: who it is, its config, its history and its summary."""

    def __init__(self, path):
        self.run, self.config, self.history, self.summary, self.exit = None, {}, [], {}, None
        for record in stored(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = self.run or record.run
                self._configure(record.run.config)
            elif kind == "config":
                self._configure(record.config)
            elif kind == "history":
                self.history.append(
                    {
                        "/".join(it.nested_key) or it.key: json.loads(it.value_json)
                        for it in record.history.item
                    }
                )
            elif kind == "summary":
                for it in record.summary.update:
                    self.summary["/".join(it.nested_key) or it.key] = json.loads(it.value_json)
            elif kind == "exit":
                self.exit = record.exit.exit_code

    def _configure(self, config):
        for it in config.update:
            self.config["/".join(it.nested_key) or it.key] = json.loads(it.value_json)

    def of(self, key):
        return [row[key] for row in self.history if key in row]


@pytest.fixture
def told(tmp_path):
    def read():
        found = [Run(path) for path in sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))]
        return {run.run.display_name: run for run in found}

    return read


def test_members_are_runs_of_one_group(train, callback, told):
    train(callback)
    runs = told()
    assert sorted(runs) == ["t0", "t1", "t2", "t3"]
    for run in runs.values():
        assert run.run.run_group == "climb"
        assert run.run.job_type == "member"
        assert run.run.project == "pbt"
        assert run.exit == 0
    assert len({run.run.run_id for run in runs.values()}) == 4


def test_every_report_is_a_row_and_training_iteration_its_axis(train, callback, told):
    results = train(callback)
    runs = told()
    for result in results:
        rows = result.rows
        run = runs[result.trial_id]
        assert run.of("score") == [row["score"] for row in rows]
        steps = [row["training_iteration"] for row in run.history if "score" in row]
        assert steps == [row["training_iteration"] for row in rows]
        assert run.of("eval/loss") == []
        assert run.of("pid") == []


def test_a_copy_changes_the_config_and_its_history(train, callback, told, segments):
    results = train(callback)
    runs = told()
    copied = segments(results)
    assert any(len(values) > 1 for values, _ in copied.values())
    for trial, (values, parent) in copied.items():
        run = runs[trial]
        assert run.of("hp/lr") == values
        assert run.config["lr"] == values[-1]
        assert run.summary["pbt/parent"] == parent
        assert run.summary["pbt/copies"] == len(values) - 1


def test_a_member_that_fails_for_good_is_a_failed_run(train, callback, told, tmp_path):
    train(callback, fails=str(tmp_path / "failed"), members=1)
    assert told()["t0"].exit == 1


def test_the_next_session_asks_for_the_same_run(train, resume, callback, told, tmp_path):
    failed = train(callback, fails=str(tmp_path / "failed"), members=1)
    first = told()["t0"].run.run_id
    resume(failed)
    files = sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert {Run(path).run.run_id for path in files} == {first}
    steps = [step for path in files for step in Run(path).of("training_iteration")]
    assert set(range(1, 7)) <= set(steps)
