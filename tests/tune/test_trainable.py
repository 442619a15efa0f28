"""A training as a class: when its methods are called, with what, and what follows."""

import os
import threading
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import SettingsError, UserError
from pbtune.tune.schedulers import PopulationBasedTraining
from pbtune.worker.class_runner import DICT_NAME


@pytest.fixture(params=["inline", "processes"])
def executor(request):
    """Both executors: a class must not notice where it runs."""
    pbtune.init(num_cpus=1, executor=request.param)
    yield request.param
    pbtune.shutdown()


@pytest.fixture
def inline():
    pbtune.init(executor="inline")
    yield
    pbtune.shutdown()


@pytest.fixture
def calls(tmp_path):
    """What a ``counter`` was called with, as "method what" lines, across processes."""
    log = tmp_path / "calls"
    log.touch()
    return lambda *methods: [
        line for line in log.read_text().splitlines() if line.split()[0] in (methods or line)
    ]


@pytest.fixture
def counter(tmp_path):
    """Makes a class that adds ``rate`` at each step: ``counter(step=..., reset_config=...)``."""
    log = tmp_path / "calls"

    def make(**methods):
        class Counter(tune.Trainable):
            def note(self, *what):
                with log.open("a") as file:
                    file.write(" ".join(map(str, what)) + "\n")

            def setup(self, config):
                self.note("setup", config.get("rate"))
                self.total = 0
                self.rate = config.get("rate", 1)

            def step(self):
                self.total += self.rate
                return {"total": self.total, "pid": os.getpid(), "id": id(self)}

            def save_checkpoint(self, checkpoint_dir):
                self.note("save", self.iteration)
                return {"total": self.total}

            def load_checkpoint(self, checkpoint):
                self.note("load", checkpoint["total"])
                self.total = checkpoint["total"]

            def cleanup(self):
                self.note("cleanup", self.rate)

        Counter.__module__ = "__main__"
        for name, method in methods.items():
            if method is None:
                delattr(Counter, name)
            else:
                setattr(Counter, name, method)
        return Counter

    return make


@pytest.fixture
def fit(tmp_path):
    """Trains a class: ``fit(klass, steps, frequency=, at_end=, failures=, ...)``."""

    def call(klass, steps=3, *, frequency=0, at_end=None, failures=0, **settings):
        tuner = tune.Tuner(
            klass,
            param_space=settings.pop("space", {"rate": 1}),
            tune_config=tune.TuneConfig(seed=1, **settings),
            run_config=tune.RunConfig(
                name="run",
                storage_path=tmp_path,
                verbose=0,
                stop={"training_iteration": steps},
                failure_config=tune.FailureConfig(max_failures=failures),
                checkpoint_config=tune.CheckpointConfig(
                    checkpoint_frequency=frequency, checkpoint_at_end=at_end
                ),
            ),
        )
        return tuner.fit()

    return call


@pytest.fixture
def exploited(fit):
    """A population of two in which t0 (rate 1) becomes a copy of t1 (rate 10) at its 4th step."""

    def call(klass, steps=6):
        scheduler = PopulationBasedTraining(
            time_attr="training_iteration",
            perturbation_interval=2,
            quantile_fraction=0.5,
            resample_probability=0,
            hyperparam_mutations={"rate": [1, 10, 20]},
        )
        space = {"rate": tune.grid_search([1, 10])}
        return fit(klass, steps, scheduler=scheduler, metric="total", mode="max", space=space)

    return call


def taken(self, new_config):
    self.note("reset", new_config["rate"])
    self.rate = new_config["rate"]
    self.total = 0
    return True


def names(result):
    return [row["checkpoint_dir_name"] for row in result.rows]


def test_a_class_trains_by_its_steps(executor, fit, counter):
    (result,) = fit(counter(), space={"rate": 2})
    assert result.error is None
    assert [row["total"] for row in result.rows] == [2, 4, 6]
    assert [row["training_iteration"] for row in result.rows] == [1, 2, 3]


def test_a_run_is_named_after_its_class(inline, counter, tmp_path):
    run = tune.RunConfig(storage_path=tmp_path, verbose=0, stop={"training_iteration": 1})
    results = tune.Tuner(counter(), run_config=run).fit()
    assert Path(results.experiment_path).name.startswith("Counter_")


def test_setup_gets_a_copy_of_the_config_that_it_may_change(inline, fit, counter):
    def setup(self, config):
        config["net"]["width"] = 0

    def step(self):
        return {"width": self.config["net"]["width"]}

    klass = counter(setup=setup, step=step, cleanup=None)
    (result,) = fit(klass, 1, at_end=False, space={"net": {"width": 8}})
    assert result.metrics["width"] == 8


def test_a_step_that_is_done_ends_its_trial(executor, fit, counter):
    def step(self):
        return {"done": self.iteration == 1}

    (result,) = fit(counter(step=step), 9)
    assert len(result.rows) == 2
    assert result.checkpoint is not None


def test_a_trial_saves_at_its_end_if_it_can(executor, fit, counter, calls):
    (result,) = fit(counter())
    assert names(result) == [None, None, "checkpoint_000000"]
    assert calls("save") == ["save 3"]


def test_checkpoint_at_end_can_be_turned_off(executor, fit, counter, calls):
    (result,) = fit(counter(), at_end=False)
    assert names(result) == [None] * 3
    assert calls("save") == []


def test_checkpoint_frequency_saves_every_so_many_steps(inline, fit, counter, calls):
    fit(counter(), 5, frequency=2, at_end=False)
    assert calls("save") == ["save 2", "save 4"]


def test_a_step_may_ask_for_a_checkpoint(inline, fit, counter, calls):
    def step(self):
        return {"should_checkpoint": self.iteration == 1}

    fit(counter(step=step), at_end=False)
    assert calls("save") == ["save 2"]


def test_a_class_saves_by_itself_when_its_scheduler_may_copy_it(executor, exploited, counter):
    results = exploited(counter(), 5)
    assert [name is not None for name in names(results[1])] == [False, True, False, True, True]


def fails_once(self):
    if self.iteration == 2 and not Path(self.logdir, "failed").exists():
        Path(self.logdir, "failed").touch()
        raise ValueError("once")
    self.total += 1
    return {"total": self.total}


def test_a_failed_trial_goes_on_in_a_new_object_from_the_dict_it_saved(
    executor, fit, counter, calls
):
    (result,) = fit(counter(step=fails_once), 4, frequency=1, failures=1)
    assert [row["total"] for row in result.rows] == [1, 2, 3, 4]
    assert calls("setup", "load", "cleanup") == [
        *("setup 1", "cleanup 1"),
        *("setup 1", "load 2", "cleanup 1"),
    ]


@pytest.mark.parametrize("gives_path", [True, False])
def test_what_is_written_into_the_directory_is_loaded_from_a_directory(
    inline, fit, counter, gives_path
):
    def save(self, checkpoint_dir):
        Path(checkpoint_dir, "total").write_text(str(self.total))
        return checkpoint_dir if gives_path else None

    def load(self, checkpoint_dir):
        self.total = int(Path(checkpoint_dir, "total").read_text())

    klass = counter(step=fails_once, save_checkpoint=save, load_checkpoint=load)
    (result,) = fit(klass, 4, frequency=1, failures=1)
    assert [row["total"] for row in result.rows] == [1, 2, 3, 4]


def test_a_saved_dict_is_in_tune_s_own_file(inline, fit, counter):
    (result,) = fit(counter())
    assert os.listdir(result.checkpoint.path) == [DICT_NAME]  # noqa: PTH208


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (lambda self, folder: "/elsewhere", "returned '/elsewhere', but it was to write into"),
        (lambda self, folder: 3, "returned a int: return None after writing"),
    ],
)
def test_another_value_of_save_checkpoint_is_named(inline, fit, counter, gives, said):
    (result,) = fit(counter(save_checkpoint=gives))
    assert said in result.error.message
    assert list(Path(result.path).glob("*checkpoint*")) == []


def test_an_exploit_makes_a_new_object_in_the_same_process(executor, exploited, counter, calls):
    results = exploited(counter())
    assert len({row["pid"] for result in results for row in result.rows}) == 1
    made = calls("setup", "cleanup")
    assert made[:2] == ["setup 1", "cleanup 1"]
    assert [line.split()[0] for line in made] == ["setup", "cleanup"] * (len(made) // 2)


def test_a_copy_goes_on_from_its_donor_s_state_and_iteration(executor, exploited, counter):
    results = exploited(counter())
    copied = [row for row in results[0].rows if row["config"]["rate"] != 1]
    assert results[0].metrics["training_iteration"] == 6
    assert all(row["total"] >= 10 * row["training_iteration"] for row in copied[:1])


def test_an_exploit_reuses_the_object_that_can_be_reset(executor, exploited, counter, calls):
    results = exploited(counter(reset_config=taken))
    assert len({row["id"] for result in results for row in result.rows}) == 1
    assert calls("setup", "cleanup")[0] == "setup 1"
    assert len(calls("setup", "cleanup")) == 2
    assert calls("reset")[0] == "reset 10"


def test_a_reset_object_loads_the_state_that_it_goes_on_from(executor, exploited, counter, calls):
    exploited(counter(reset_config=taken))
    assert calls()[:6] == ["setup 1", "save 2", "reset 10", "save 2", "save 4", "reset 1"]
    assert calls()[6:10] == ["load 2", "save 4", "reset 20", "load 40"]


def test_a_reset_that_is_refused_cleans_up_and_makes_a_new_object(
    executor, exploited, counter, calls
):
    def refused(self, new_config):
        self.note("reset", new_config["rate"])
        return False

    results = exploited(counter(reset_config=refused))
    assert calls("setup", "reset", "cleanup")[:4] == [
        "setup 1",
        "reset 10",
        "cleanup 1",
        "setup 10",
    ]
    assert len(calls("setup")) == len(calls("cleanup"))
    assert len({row["pid"] for result in results for row in result.rows}) == 1


def test_a_reset_that_raises_fails_the_attempt_and_the_next_one_gets_a_new_object(
    inline, fit, counter, calls
):
    def broken(self, new_config):
        raise ValueError("no way")

    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=1,
        hyperparam_mutations={"rate": [1, 2]},
    )
    results = fit(
        counter(reset_config=broken), 2, scheduler=scheduler, metric="total", mode="max",
        num_samples=2, failures=9,
    )  # fmt: skip
    assert [result.error for result in results] == [None, None]
    assert len(calls("setup")) == len(calls("cleanup")) >= 3


def test_the_config_of_a_reset_object_is_the_new_one(inline, exploited, counter):
    def step(self):
        self.total += self.rate
        return {"total": self.total, "is_same": self.config["rate"] == self.rate}

    results = exploited(counter(reset_config=taken, step=step))
    assert all(row["is_same"] for result in results for row in result.rows)


@pytest.mark.slow
def test_an_object_that_is_reset_keeps_its_threads_and_its_process(exploited, counter):
    def setup(self, config):
        self.total, self.rate = 0, config["rate"]
        self.thread = threading.Thread(target=threading.Event().wait, daemon=True)
        self.thread.start()
        os.environ["MADE_BY_SETUP"] = "yes"

    def step(self):
        self.total += self.rate
        alive = self.thread.is_alive() and os.environ.get("MADE_BY_SETUP") == "yes"
        return {"total": self.total, "pid": os.getpid(), "alive": alive}

    pbtune.init(num_cpus=1)
    results = exploited(counter(setup=setup, step=step, reset_config=taken))
    pbtune.shutdown()
    rows = [row for result in results for row in result.rows]
    assert len({row["pid"] for row in rows}) == 1
    assert all(row["alive"] for row in rows)


def test_cleanup_is_called_once_when_a_step_raises(executor, fit, counter, calls):
    def step(self):
        raise ValueError("mine")

    (result,) = fit(counter(step=step))
    assert result.error.message == "mine"
    assert calls() == ["setup 1", "cleanup 1"]


def test_the_traceback_of_a_class_starts_at_the_user_s_method(executor, fit, counter):
    def step(self):
        raise ValueError("mine")

    (result,) = fit(counter(step=step))
    assert "in step" in result.error.traceback_text.splitlines()[1]


def test_a_cleanup_that_raises_fails_no_trial_and_is_told_in_its_log(fit, counter):
    def cleanup(self):
        raise ValueError("not clean")

    pbtune.init(num_cpus=1)
    (result,) = fit(counter(cleanup=cleanup))
    pbtune.shutdown()
    assert result.error is None
    assert "ValueError: not clean" in Path(result.path, "output.log").read_text()


def test_a_child_that_a_step_forks_cleans_nothing_up(executor, fit, counter, calls):
    def step(self):
        pid = os.fork()
        if pid == 0:
            raise SystemExit(3)
        return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}

    (result,) = fit(counter(step=step), 1)
    assert result.metrics["status"] == 3
    assert calls("cleanup") == ["cleanup 1"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda self: 3, "step() must return a dict of metrics, not int"),
        (lambda self: None, "step() must return a dict of metrics, not NoneType"),
        (lambda self: tune.report({"x": 1}) or {}, "step() called tune.report()"),
    ],
)
def test_a_step_that_reports_otherwise_is_named(inline, fit, counter, step, said):
    (result,) = fit(counter(step=step))
    assert said in result.error.message


def test_a_class_that_is_no_trainable_is_named_before_anything_starts():
    class Model:
        pass

    with pytest.raises(SettingsError, match="Model is a class: derive it from tune"):
        tune.Tuner(Model)


def test_a_class_without_a_step_is_named():
    class Idle(tune.Trainable):
        pass

    with pytest.raises(SettingsError, match=r"Idle has no step\(\): override it"):
        tune.Tuner(Idle)


@pytest.mark.parametrize("given", [{"checkpoint_frequency": 1}, {"checkpoint_at_end": True}])
def test_asking_a_class_for_checkpoints_that_it_cannot_make_is_named(counter, given):
    run = tune.RunConfig(checkpoint_config=tune.CheckpointConfig(**given))
    with pytest.raises(SettingsError, match=r"Counter has no save_checkpoint\(\)"):
        tune.Tuner(counter(save_checkpoint=None), run_config=run)


def test_a_class_that_cannot_save_trains_without_checkpoints_and_pbt_says_so(
    inline, exploited, counter
):
    with pytest.warns(tune.PbtuneWarning, match="never copied or paused"):
        results = exploited(counter(save_checkpoint=None))
    assert [len(result.rows) for result in results] == [6, 6]


def test_a_class_that_saves_and_cannot_load_is_named_when_it_has_to(inline, fit, counter):
    (result,) = fit(counter(step=fails_once, load_checkpoint=None), 4, frequency=1, failures=1)
    assert "has no load_checkpoint() to go on from one" in result.error.message


def test_a_class_knows_who_and_where_it_is(executor, fit, counter):
    def step(self):
        return {
            "who": [self.trial_id, self.trial_name, self.logdir],
            "has": self.trial_resources,
            "before": [self.iteration, self.training_iteration],
        }

    (result,) = fit(counter(step=step), 2)
    assert result.metrics["who"] == ["t0", "Counter_t0", result.path]
    assert result.metrics["has"] == {"CPU": 1.0}
    assert result.metrics["before"] == [1, 1]


def test_log_result_sees_each_result_with_the_keys_that_are_filled_in(inline, fit, counter):
    seen = []
    klass = counter(log_result=lambda self, result: seen.append(result))
    (result,) = fit(klass, 2)
    assert [it["training_iteration"] for it in seen] == [1, 2]
    assert seen[0]["config"] == {"rate": 1}
    assert {"time_total_s", "iterations_since_restore", "trial_id", "done"} <= seen[0].keys()
    assert result.metrics["total"] == 2


def test_a_class_can_be_trained_saved_and_restored_by_hand(counter, tmp_path):
    first = counter()({"rate": 3})
    assert first.train()["total"] == 3
    assert first.train()["training_iteration"] == 2
    checkpoint = first.save(tmp_path / "state")
    first.stop()
    second = counter()({"rate": 3})
    second.restore(checkpoint)
    assert second.train()["total"] == 9
    assert second.iteration == 3
    assert (second.trial_id, second.trial_resources) == ("default", {})


def test_a_trial_s_checkpoint_can_be_restored_by_hand(inline, fit, counter):
    klass = counter()
    (result,) = fit(klass, 4)
    again = klass({"rate": 1})
    again.restore(result.checkpoint.path)
    assert again.total == 4


def test_outside_a_trial_the_logdir_is_a_temporary_folder(counter):
    made = counter()()
    assert Path(made.logdir).is_dir()
    assert made.logdir == made.logdir
    folder = made.logdir
    made.stop()
    assert not Path(folder).exists()


def test_an_object_outside_a_trial_is_no_training_function(counter):
    loop = tune.tuner.as_function(counter(), tune.CheckpointConfig())
    with pytest.raises(UserError, match="only run inside a trial"):
        loop({})
