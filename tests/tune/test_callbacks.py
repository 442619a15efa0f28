"""Callbacks in runs: told in Tune's order, after the fact, and unable to change anything."""

import io
import threading
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import SettingsError
from pbtune.tune.schedulers import PopulationBasedTraining

STEPS = 4


def climb(config):
    """Counts on from its checkpoint; saves at every second step."""
    checkpoint = tune.get_checkpoint()
    step = 0 if checkpoint is None else int(Path(checkpoint.path, "step").read_text())
    lr = config.get("lr", 0.0)
    while step < STEPS:
        step += 1
        if step == config.get("fails_at"):
            message = "no more"
            raise ValueError(message)
        metrics = {"score": step, "lr": lr}
        if step % 2:
            tune.report(metrics)
            continue
        with tune.new_checkpoint() as folder:
            Path(folder, "step").write_text(str(step))
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


class Recorder(tune.Callback):
    """Keeps what it is told."""

    def __init__(self):
        self.told = []
        self.threads = set()

    def setup(self, stop=None, num_samples=None, total_num_samples=None, **info):
        self.told.append(("setup", stop, num_samples, total_num_samples))

    def note(self, hook, trial, *more):
        self.threads.add(threading.current_thread())
        self.told.append((hook, trial.trial_id, *more))

    def on_step_begin(self, iteration, trials, **info):
        self.told.append(("step_begin", iteration))

    def on_step_end(self, iteration, trials, **info):
        self.told.append(("step_end", iteration))

    def on_trial_start(self, iteration, trials, trial, **info):
        self.note("start", trial, trial.status)

    def on_trial_restore(self, iteration, trials, trial, **info):
        self.note("restore", trial, Path(trial.checkpoint.path).name)

    def on_trial_save(self, iteration, trials, trial, **info):
        self.note("save", trial)

    def on_trial_result(self, iteration, trials, trial, result, **info):
        assert trial.last_result == result
        assert trial in trials
        self.note("result", trial, result["training_iteration"], result["done"])

    def on_trial_complete(self, iteration, trials, trial, **info):
        assert trial.is_finished()
        assert trial.last_result["done"]
        self.note("complete", trial, trial.status)

    def on_trial_recover(self, iteration, trials, trial, **info):
        self.note("recover", trial, trial.num_failures, trial.error)

    def on_trial_error(self, iteration, trials, trial, **info):
        self.note("error", trial, trial.status)

    def on_checkpoint(self, iteration, trials, trial, checkpoint, **info):
        self.note("checkpoint", trial, Path(checkpoint.path).is_dir())

    def on_experiment_end(self, trials, **info):
        self.told.append(("end", [trial.trial_id for trial in trials]))

    def trials(self):
        return [it for it in self.told if not it[0].startswith("step_")]


@pytest.fixture
def inline(tmp_path):
    """Fits ``climb`` with callbacks, in this process; ``run`` is for RunConfig."""

    def fit(callbacks, *, space=None, run=None, **settings):
        pbtune.init(executor="inline")
        return tune.Tuner(
            climb,
            param_space=space or {},
            tune_config=tune.TuneConfig(metric="score", mode="max", seed=5, **settings),
            run_config=tune.RunConfig(
                **{"name": "run", "storage_path": tmp_path, "verbose": 0, **(run or {})},
                callbacks=callbacks,
            ),
        ).fit()

    yield fit
    pbtune.shutdown()


def test_hooks_come_in_tunes_order(inline):
    recorder = Recorder()
    inline([recorder], run={"stop": {"training_iteration": 3}})
    assert recorder.trials() == [
        ("setup", {"training_iteration": 3}, 1, 1),
        ("start", "t0", "RUNNING"),
        ("result", "t0", 1, False),
        ("result", "t0", 2, False),
        ("checkpoint", "t0", True),
        ("save", "t0"),
        ("result", "t0", 3, True),
        ("complete", "t0", "TERMINATED"),
        ("end", ["t0"]),
    ]


def test_a_function_that_returns_leaves_its_last_result_as_it_was_reported(inline):
    recorder = Recorder()
    inline([recorder])
    assert recorder.trials()[-5:-2] == [
        ("result", "t0", STEPS, False),
        ("checkpoint", "t0", True),
        ("save", "t0"),
    ]


def test_steps_stand_around_what_is_told_and_count_up(inline):
    recorder = Recorder()
    inline([recorder])
    steps = [it for it in recorder.told if it[0].startswith("step_")]
    count = len(steps) // 2
    assert steps == [
        step for at in range(count) for step in (("step_begin", at), ("step_end", at + 1))
    ]
    assert recorder.told[1] == ("step_begin", 0)
    assert recorder.told[-2] == ("step_end", count)


def test_the_grid_counts_in_what_setup_is_told(inline):
    recorder = Recorder()
    space = {"a": tune.grid_search([1, 2, 3]), "b": {"c": tune.grid_search([1, 2])}}
    inline([recorder], space=space, num_samples=2)
    assert recorder.told[0] == ("setup", None, 2, 12)
    assert recorder.told[-1] == ("end", [f"t{n}" for n in range(12)])


def test_a_copy_is_a_start_and_a_restore(inline):
    recorder = Recorder()
    scheduler = PopulationBasedTraining(time_attr="training_iteration", perturbation_interval=2)
    space = {"lr": tune.uniform(0.0, 1.0)}
    results = inline([recorder], num_samples=4, scheduler=scheduler, space=space)
    starts = [it for it in recorder.told if it[0] == "start"]
    restores = [it for it in recorder.told if it[0] == "restore"]
    assert len(starts) == len(results) + len(restores)
    assert restores


@pytest.mark.slow
def test_every_report_of_a_population_is_told_once_and_in_order(fit):
    recorder = Recorder()
    scheduler = PopulationBasedTraining(time_attr="training_iteration", perturbation_interval=2)
    results = fit(
        climb,
        param_space={"lr": tune.uniform(0.0, 1.0)},
        slots=2,
        num_samples=6,
        scheduler=scheduler,
        metric="score",
        mode="max",
        run={"callbacks": [recorder]},
    )
    for result in results:
        told = [it[2] for it in recorder.told if it[:2] == ("result", result.trial_id)]
        assert told == [row["training_iteration"] for row in result.rows]


def test_a_failure_that_is_retried_is_a_recovery_and_the_last_one_an_error(inline):
    recorder = Recorder()
    failures = tune.FailureConfig(max_failures=1)
    inline([recorder], space={"fails_at": 3}, run={"failure_config": failures})
    assert [it for it in recorder.told if it[0] in {"recover", "restore", "error"}] == [
        ("recover", "t0", 1, "ValueError: no more"),
        ("restore", "t0", "checkpoint_000000"),
        ("error", "t0", "ERROR"),
    ]


def test_hooks_are_called_beside_the_training(inline):
    recorder = Recorder()
    inline([recorder])
    assert recorder.threads.isdisjoint({threading.current_thread()})


class Raises(tune.Callback):
    """Raises in one hook, and counts its calls."""

    def __init__(self, hook):
        self.count = 0
        setattr(self, hook, self.fail)

    def fail(self, **info):
        self.count += 1
        message = "disk on fire"
        raise RuntimeError(message)


@pytest.mark.parametrize("hook", ["setup", "on_trial_result", "on_experiment_end"])
def test_a_callback_that_raises_is_told_once_and_training_goes_on(inline, hook):
    broken, recorder = Raises(hook), Recorder()
    said = rf"Raises raised RuntimeError: disk on fire in {hook}\(\)\. It is called no more"
    with pytest.warns(tune.PbtuneWarning, match=said) as warned:
        results = inline([broken, recorder])
    assert len(warned) == 1
    assert broken.count == 1
    assert results[0].metrics["score"] == STEPS
    assert recorder.told[-1] == ("end", ["t0"])


def test_a_callback_may_say_that_its_failure_ends_the_run(inline, tmp_path):
    broken = Raises("on_trial_start")
    broken.stop_on_error = True
    with pytest.raises(RuntimeError, match="disk on fire"):
        inline([broken])
    assert tune.Tuner.can_restore(tmp_path / "run")


@pytest.mark.slow
def test_a_run_that_a_callback_ends_does_not_train_to_its_end(fit, tmp_path):
    def train(config):
        import time

        # Only the callback ends it.
        while True:
            tune.report({"score": 1})
            time.sleep(0.001)

    broken = Raises("on_trial_result")
    broken.stop_on_error = True
    with pytest.raises(RuntimeError, match="disk on fire"):
        fit(train, run={"callbacks": [broken]})


def test_what_a_callback_does_to_its_result_and_trial_reaches_nobody(inline):
    class Meddler(tune.Callback):
        def on_trial_result(self, iteration, trials, trial, result, **info):
            result["score"] = 1000
            trials.clear()
            trial.config["lr"] = 7

    results = inline([Meddler()], space={"lr": 1})
    assert [row["score"] for row in results[0].rows] == list(range(1, STEPS + 1))
    assert results[0].config == {"lr": 1}


def test_users_own_objects_are_in_the_configs_that_callbacks_see(inline):
    class Model:
        pass

    seen = []

    class Looks(tune.Callback):
        def on_trial_result(self, iteration, trials, trial, result, **info):
            seen.append((trial.config["model"], result["config"]["model"]))

    inline([Looks()], space={"model": Model})
    assert seen == [(Model, Model)] * STEPS


def test_a_trial_is_named_as_in_tune(inline, tmp_path):
    seen = []

    class Looks(tune.Callback):
        def on_trial_complete(self, iteration, trials, trial, **info):
            seen.append(trial)

    inline([Looks()], space={"net": {"lr": tune.choice([0.5])}, "act": tune.choice(["re lu"])})
    (trial,) = seen
    assert str(trial) == "climb_t0"
    assert trial.experiment_tag == "0_act=re_lu,lr=0.5000"
    assert trial.evaluated_params == {"net/lr": 0.5, "act": "re lu"}
    assert trial.path == trial.logdir == trial.local_path == str(tmp_path / "run" / "t0")
    assert trial.local_experiment_path == str(tmp_path / "run")


def test_a_resumed_run_goes_on_telling_where_it_stopped(inline):
    inline([Recorder()], run={"stop": {"training_iteration": 2}})
    recorder = Recorder()
    run = {"stop": {"training_iteration": 3}, "resume": "auto"}
    inline([recorder], run=run)
    assert [it for it in recorder.trials() if it[0] in {"restore", "result", "complete"}] == [
        ("restore", "t0", "checkpoint_000000"),
        ("result", "t0", 3, True),
        ("complete", "t0", "TERMINATED"),
    ]


def test_hooks_that_nobody_overrides_do_nothing(inline):
    results = inline([tune.Callback()])
    assert results[0].metrics["score"] == STEPS
    callback = tune.Callback()
    callback.set_state({"seen": 3})
    assert callback.get_state() is None


@pytest.mark.parametrize("callbacks", [[tune.Callback], ["csv"]])
def test_something_that_is_no_callback_is_named(callbacks):
    with pytest.raises(SettingsError, match=r"callbacks must be instances of tune\.Callback, not"):
        tune.RunConfig(callbacks=callbacks)


def test_something_that_is_no_reporter_is_named():
    with pytest.raises(SettingsError, match=r"progress_reporter must be a tune\.ProgressRep"):
        tune.RunConfig(progress_reporter=tune.CLIReporter)


def test_a_reporter_takes_the_place_of_the_view(inline):
    shown = io.StringIO()
    reporter = tune.CLIReporter(metric_columns={"score": "points"}, sort_by_metric=True)
    with redirect_stdout(shown):
        inline([], num_samples=2, run={"progress_reporter": reporter, "verbose": 1})
    text = shown.getvalue()
    assert text.count("== Status ==") == 1
    assert "Number of trials: 2/2 (2 TERMINATED)" in text
    assert "Current best trial: t0 with score=4" in text
    assert "points" in text
    assert "climb: " not in text


def test_a_reporter_that_raises_is_told_once_and_training_goes_on(inline):
    class Broken(tune.ProgressReporter):
        def should_report(self, trials, done=False):
            return True

        def report(self, trials, done, *sys_info):
            message = "no screen"
            raise OSError(message)

    with pytest.warns(tune.PbtuneWarning, match=r"Broken raised OSError: no screen in on_look\(\)"):
        results = inline([], run={"progress_reporter": Broken()})
    assert results[0].metrics["score"] == STEPS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("log_to_file", "out", "err"),
    [
        (False, "output.log", "output.log"),
        (True, "stdout", "stderr"),
        ("my.log", "my.log", "my.log"),
        (("a", "b"), "a", "b"),
    ],
)
def test_what_a_trial_prints_goes_to_the_files_that_are_named(fit, log_to_file, out, err):
    def train(config):
        import sys

        sys.stdout.write("to out\n")
        sys.stderr.write("to err\n")
        tune.report({"score": 1})

    results = fit(train, run={"log_to_file": log_to_file})
    assert "to out" in Path(results[0].path, out).read_text()
    assert "to err" in Path(results[0].path, err).read_text()
    logs = {it.name for it in Path(results[0].path).iterdir() if it.is_file()}
    others = {"params.json", "params.pkl", "progress.csv", "result.json"}
    assert logs - others == {out, err}


@pytest.mark.parametrize("log_to_file", [3, ("a",), ("a", 3), ("", "b"), "logs/my.log"])
def test_names_that_can_be_no_log_are_refused(log_to_file):
    with pytest.raises(SettingsError, match="log_to_file"):
        tune.RunConfig(log_to_file=log_to_file)
