"""Loggers: every row is written once, with every column, where Tune's readers look for it."""

import csv
import json
import math
import sys
import types
from pathlib import Path
from typing import ClassVar

import pytest

import pbtune
from pbtune import tune
from pbtune.core.decisions import Started
from pbtune.errors import SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.tune.logger import CSVLoggerCallback, JsonLoggerCallback, LoggerCallback

STEPS = 4


def climb(config):
    """Reports a new key at its third step; fails once at ``fails_at``, if that file isn't there."""
    checkpoint = tune.get_checkpoint()
    step = 0 if checkpoint is None else int(Path(checkpoint.path, "step").read_text())
    while step < STEPS:
        step += 1
        metrics = {"score": step, "eval": {"loss": 1 / step}}
        if step >= 3:
            metrics["late"] = f'"{step}", or\nso'
        if step == 2:
            with tune.new_checkpoint() as folder:
                Path(folder, "step").write_text(str(step))
                tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))
            continue
        tune.report(metrics)
        if step == 3 and "failed" in config and not Path(config["failed"]).exists():
            Path(config["failed"]).touch()
            message = "once"
            raise ValueError(message)


@pytest.fixture
def inline(tmp_path):
    """Fits a function with callbacks, in this process; ``run`` is for RunConfig."""

    def fit(callbacks, *, train=climb, space=None, run=None, **settings):
        pbtune.init(executor="inline")
        return tune.Tuner(
            train,
            param_space=space or {},
            tune_config=tune.TuneConfig(metric="score", mode="max", seed=5, **settings),
            run_config=tune.RunConfig(
                **{"name": "run", "storage_path": tmp_path, "verbose": 0, **(run or {})},
                callbacks=callbacks,
            ),
        ).fit()

    yield fit
    pbtune.shutdown()


def json_rows(result):
    text = Path(result.path, "result.json").read_text()
    return [json.loads(line) for line in text.splitlines()]


def csv_rows(result):
    with Path(result.path, "progress.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_report_is_one_line_of_json_as_the_results_have_it(inline):
    results = inline([JsonLoggerCallback()], space={"lr": 0.5, "net": {"kind": "relu"}})
    rows = json_rows(results[0])
    # The last one was logged before the function returned.
    assert rows == [{**row, "done": False} for row in results[0].rows]
    assert rows[0]["eval"] == {"loss": 1.0}
    assert rows[0]["config"] == {"lr": 0.5, "net": {"kind": "relu"}}


def test_the_report_that_a_stop_rule_ended_is_done(inline):
    results = inline([JsonLoggerCallback()], run={"stop": {"training_iteration": 2}})
    assert [row["done"] for row in json_rows(results[0])] == [False, True]


def test_the_config_is_in_a_file_of_its_own(inline):
    class Model:
        def __str__(self):
            return "a model"

    numpy = pytest.importorskip("numpy")
    space = {"b": math.inf, "a": numpy.array([1, 2]), "model": Model()}
    results = inline([JsonLoggerCallback()], space=space)
    text = Path(results[0].path, "params.json").read_text()
    assert text == ('{\n  "a": [\n    1,\n    2\n  ],\n  "b": Infinity,\n  "model": "a model"\n}')


def test_numbers_that_json_lacks_are_written_bare_as_in_tune(inline):
    def train(config):
        tune.report({"score": math.nan, "up": math.inf, "down": -math.inf})

    results = inline([JsonLoggerCallback(), CSVLoggerCallback()], train=train)
    (line,) = Path(results[0].path, "result.json").read_text().splitlines()
    assert '"score": NaN, "up": Infinity, "down": -Infinity' in line
    assert math.isnan(json.loads(line)["score"])
    (row,) = csv_rows(results[0])
    assert (row["score"], row["up"], row["down"]) == ("nan", "inf", "-inf")


def test_a_column_that_appears_late_is_kept_and_empty_before(inline):
    results = inline([CSVLoggerCallback()], space={"lr": 0.5})
    rows = csv_rows(results[0])
    assert [row["late"] for row in rows] == ["", "", '"3", or\nso', '"4", or\nso']
    assert [row["score"] for row in rows] == ["1", "2", "3", "4"]
    assert [float(row["eval/loss"]) for row in rows] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert not any(key.startswith("config") for key in rows[0])


@pytest.mark.slow
def test_pandas_reads_the_table(inline):
    pandas = pytest.importorskip("pandas")
    results = inline([CSVLoggerCallback()])
    frame = pandas.read_csv(Path(results[0].path, "progress.csv"))
    assert list(frame["score"]) == [1, 2, 3, 4]
    assert list(frame["checkpoint_dir_name"].dropna()) == ["checkpoint_000000"]


@pytest.mark.parametrize("read", [json_rows, csv_rows])
def test_a_step_that_is_done_again_after_a_failure_is_there_once(inline, read, tmp_path):
    results = inline(
        [JsonLoggerCallback(), CSVLoggerCallback()],
        space={"failed": str(tmp_path / "failed")},
        run={"failure_config": tune.FailureConfig(max_failures=1)},
    )
    assert [int(row["training_iteration"]) for row in read(results[0])] == [1, 2, 3, 4]
    assert [int(row["iterations_since_restore"]) for row in read(results[0])] == [1, 2, 1, 2]


@pytest.mark.parametrize("read", [json_rows, csv_rows])
def test_a_resumed_run_goes_on_in_the_same_files(inline, read):
    loggers = [JsonLoggerCallback, CSVLoggerCallback]
    inline([make() for make in loggers], run={"stop": {"training_iteration": 2}})
    run = {"stop": {"training_iteration": 4}, "resume": "auto"}
    results = inline([make() for make in loggers], run=run)
    assert [int(row["training_iteration"]) for row in read(results[0])] == [1, 2, 3, 4]


@pytest.mark.parametrize("read", [json_rows, csv_rows])
def test_a_logger_that_joins_at_a_resume_writes_what_was_before(inline, read):
    inline([], run={"stop": {"training_iteration": 2}})
    run = {"stop": {"training_iteration": 4}, "resume": "auto"}
    results = inline([JsonLoggerCallback(), CSVLoggerCallback()], run=run)
    assert [int(row["training_iteration"]) for row in read(results[0])] == [1, 2, 3, 4]


@pytest.mark.parametrize("read", [json_rows, csv_rows])
def test_a_driver_that_was_killed_while_it_was_telling_loses_no_row(inline, read):
    stop = {"training_iteration": 3}
    results = inline([], run={"stop": stop})
    run_dir = Path(results.experiment_path)
    with JournalReader(run_dir) as reader:
        entries = list(reader.entries())
        first = next(entry.id for entry in entries if isinstance(entry.record, Started))
    cursor = json.dumps({"entry": first, "report": 1})
    (run_dir / "observers.json").write_text(cursor)
    loggers = [JsonLoggerCallback(), CSVLoggerCallback()]
    results = inline(loggers, run={"stop": {"training_iteration": 4}, "resume": "auto"})
    assert [int(row["training_iteration"]) for row in read(results[0])] == [1, 2, 3, 4]


def test_no_file_stays_open_when_the_run_ends_before_its_trials(inline):
    def train(config):
        tune.report({"score": 1})
        message = "at once"
        raise ValueError(message)

    loggers = [JsonLoggerCallback(), CSVLoggerCallback()]
    inline(loggers, train=train, num_samples=3, run={"failure_config": tune.FailureConfig(0, True)})
    assert loggers[0]._files == {}
    assert loggers[1]._tables == {}


def test_a_logger_of_ones_own_hears_of_trials_one_by_one(inline):
    class Own(LoggerCallback):
        def __init__(self):
            self.told = []

        def log_trial_start(self, trial):
            self.told.append("start")

        def log_trial_restore(self, trial):
            self.told.append("restore")

        def log_trial_save(self, trial):
            self.told.append("save")

        def log_trial_result(self, iteration, trial, result):
            self.told.append(result["score"])

        def log_trial_end(self, trial, failed=False):
            self.told.append(("end", failed))

    own, bare = Own(), LoggerCallback()
    inline([own, bare])
    assert own.told == ["start", 1, 2, "save", 3, 4, ("end", False)]
    other = Own()
    run = {"name": "other", "failure_config": tune.FailureConfig(0)}
    inline([other], space={"failed": "no such folder/x"}, run=run)
    assert other.told[-1] == ("end", True)


class Writer:
    """Stands for a library's SummaryWriter; keeps what it is given."""

    made: ClassVar = []

    def __init__(self, folder, flush_secs):
        self.folder = folder
        self.told = []
        self.made.append(self)

    def add_scalar(self, tag, value, global_step):
        self.told.append((tag, value, global_step))

    def add_histogram(self, tag, value, global_step):
        self.told.append((tag, value, global_step))

    def add_hparams(self, params, metrics):
        self.told.append(("hparams", params, sorted(metrics)))

    def close(self):
        self.told.append("closed")


@pytest.fixture
def tensorboard(monkeypatch):
    """A stand-in for tensorboardX, under the name that is given."""

    def install(name):
        for known in ("tensorboardX", "torch", "torch.utils", "torch.utils.tensorboard"):
            monkeypatch.setitem(sys.modules, known, None)
        if name is not None:
            for at in range(name.count(".") + 1):
                package = ".".join(name.split(".")[: at + 1])
                monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
            sys.modules[name].SummaryWriter = Writer
        Writer.made = []
        from pbtune.tune.logger import TBXLoggerCallback

        return TBXLoggerCallback

    return install


@pytest.mark.parametrize("library", ["tensorboardX", "torch.utils.tensorboard"])
def test_tensorboard_gets_numbers_and_lists_and_at_the_end_the_hyperparameters(
    inline, tensorboard, library
):
    def train(config):
        tune.report({"score": 1.5, "nan": math.nan, "text": "x", "list": [1, 2], "odd": ["a"]})
        tune.report({"score": 2, "eval": {"loss": 3}})

    logger = tensorboard(library)()
    results = inline([logger], train=train, space={"act": tune.choice(["relu"])})
    (writer,) = Writer.made
    assert writer.folder == results[0].path
    told = [it for it in writer.told if not str(it[0]).endswith(("_s", "restore", "done"))]
    assert told[:-1] == [
        ("ray/tune/score", 1.5, 1),
        ("ray/tune/list", [1, 2], 1),
        ("ray/tune/score", 2, 2),
        ("ray/tune/eval/loss", 3, 2),
        ("hparams", {"act": "relu"}, told[-2][2]),
    ]
    assert "ray/tune/eval/loss" in told[-2][2]
    assert told[-1] == "closed"


def test_tensorboard_goes_on_in_one_file_after_a_restart(inline, tensorboard, tmp_path):
    inline(
        [tensorboard("tensorboardX")()],
        space={"failed": str(tmp_path / "failed")},
        run={"failure_config": tune.FailureConfig(max_failures=1)},
    )
    (writer,) = Writer.made
    assert writer.told.count("closed") == 1


def test_tensorboard_without_its_library_says_what_to_install(tensorboard):
    logger = tensorboard(None)
    with pytest.raises(SettingsError, match="pip install tensorboardX"):
        logger()


def test_a_logger_that_is_not_there_is_an_attribute_error():
    from pbtune.tune import logger

    with pytest.raises(AttributeError, match="NoSuchLogger"):
        _ = logger.NoSuchLogger
