"""Stoppers in runs: asked once a report, answered for, and asked again only after a resume."""

import random
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.core.decisions import Completed
from pbtune.core.events import Reported, StoppedAll
from pbtune.driver import loop
from pbtune.journal.reader import JournalReader
from pbtune.tune.checking import check_run
from pbtune.tune.schedulers import PopulationBasedTraining
from pbtune.tune.stopper import MaximumIterationStopper

STEPS = 12


def climb(config):
    """Counts on from its checkpoint; saves at every second step."""
    checkpoint = tune.get_checkpoint()
    step = 0 if checkpoint is None else int(Path(checkpoint.path, "step").read_text())
    while step < STEPS:
        step += 1
        metrics = {"score": step * config["lr"], "eval": {"loss": 1 / step}}
        if step % 2:
            tune.report(metrics)
            continue
        with tune.new_checkpoint() as folder:
            Path(folder, "step").write_text(str(step))
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


class Watcher(tune.Stopper):
    """Notes what it is asked; ends the run at its ``limit``-th report."""

    def __init__(self, limit=1_000_000):
        self.limit = limit
        self.seen = []

    def __call__(self, trial_id, result):
        self.seen.append((trial_id, result))
        return False

    def stop_all(self):
        return len(self.seen) >= self.limit


@pytest.fixture
def inline(tmp_path):
    """Fits ``climb`` with a stop: in this process, so that stoppers can be looked into."""

    def fit(stop, *, members=2, resume=False, scheduler=None, name="run", **settings):
        pbtune.init(executor="inline")
        return tune.Tuner(
            climb,
            param_space={"lr": tune.uniform(0.1, 1.0)},
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                num_samples=members,
                seed=5,
                scheduler=scheduler,
                **settings,
            ),
            run_config=tune.RunConfig(
                name=name, storage_path=tmp_path, verbose=0, stop=stop, resume=resume
            ),
        ).fit()

    yield fit
    pbtune.shutdown()


def records(results, kind):
    with JournalReader(Path(results.experiment_path)) as reader:
        return [entry.record for entry in reader.entries() if isinstance(entry.record, kind)]


def steps(results):
    return [None if it.metrics is None else it.metrics["training_iteration"] for it in results]


def test_a_function_ends_each_trial_at_the_report_that_it_says(inline):
    results = inline(lambda trial, result: result["training_iteration"] >= 3 + (trial == "t1"))
    assert steps(results) == [3, 4]
    assert [it.reason for it in records(results, Completed)] == ["<lambda> stopped it"] * 2
    assert all(it.metrics["done"] for it in results)


def test_a_stopper_is_asked_once_for_every_report_in_order(inline):
    watcher = Watcher()
    results = inline(watcher)
    seen = [(trial, result["training_iteration"]) for trial, result in watcher.seen]
    assert seen == [(name, step) for name in ("t0", "t1") for step in range(1, STEPS + 1)]
    assert steps(results) == [STEPS, STEPS]


def test_a_stopper_sees_the_result_that_the_reports_table_shows(inline):
    watcher = Watcher()
    results = inline(watcher, members=1)
    seen = [
        {key: result[key] for key in result if "/" not in key and key != "done"}
        for _, result in watcher.seen
    ]
    rows = results[0].rows
    shown = [{key: row[key] for key in one} for one, row in zip(seen, rows, strict=True)]
    assert {"score", "training_iteration", "time_total_s", "config", "trial_id"} <= set(seen[0])
    assert seen == shown
    _, last = watcher.seen[-1]
    assert last["eval/loss"] == last["eval"]["loss"] == 1 / STEPS
    assert last["config/lr"] == results[0].config["lr"]


def test_a_stopper_that_ends_the_run_ends_every_trial_and_starts_no_other(inline):
    results = inline(Watcher(limit=STEPS + 2), members=3)
    assert steps(results) == [STEPS, 2, None]
    assert records(results, StoppedAll) == [StoppedAll("Watcher stopped the run")]
    assert results.num_terminated == 3


def test_a_stopper_that_wants_nothing_to_begin_gets_no_report(inline):
    results = inline(Watcher(limit=0))
    assert steps(results) == [None, None]
    assert results.num_terminated == 2


def test_the_answer_is_in_the_report_that_it_is_about(inline):
    results = inline(MaximumIterationStopper(3), members=1)
    reports = [report for it in records(results, Reported) for report in it.reports]
    assert [(it.step, it.stop) for it in reports] == [
        (1, ""),
        (2, ""),
        (3, "MaximumIterationStopper stopped it"),
    ]


def test_decisions_can_be_verified_without_the_stopper(inline):
    scheduler = PopulationBasedTraining(time_attr="training_iteration", perturbation_interval=4)
    results = inline(
        [MaximumIterationStopper(9), Watcher(limit=30)], members=4, scheduler=scheduler
    )
    checked = check_run(Path(results.experiment_path))
    assert checked.difference is None
    assert checked.decision_count > 4


def test_a_dict_still_ends_trials_beside_a_time_budget(inline):
    results = inline({"training_iteration": 4}, time_budget_s=3600)
    assert steps(results) == [4, 4]


def test_a_time_budget_that_is_used_up_ends_the_run_at_once(inline):
    results = inline(None, time_budget_s=1e-9)
    assert records(results, StoppedAll) == [StoppedAll("TimeoutStopper stopped the run")]
    assert steps(results) == [None, None]


def test_a_truthy_answer_of_any_kind_stops(inline):
    assert steps(inline(lambda trial, result: [result["score"]], members=1)) == [1]


def test_what_a_stopper_raises_ends_the_run_and_fit_raises_it(inline):
    def broken(trial, result):
        message = "no such key"
        raise KeyError(message)

    with pytest.raises(KeyError, match="no such key"):
        inline(broken)


def test_a_random_stopper_draws_the_same_in_the_same_run_and_leaves_the_generator_alone(
    inline,
):
    def unlucky(trial, result):
        return random.random() < 0.2

    state = random.getstate()
    first = steps(inline(unlucky, members=4))
    assert random.getstate() == state
    assert steps(inline(unlucky, members=4, name="again")) == first
    assert len(set(first)) > 1


def test_a_resumed_stopper_remembers_what_it_saw(inline, tmp_path):
    def fails_at(count):
        asked = []

        def stop(trial, result):
            asked.append(result)
            if len(asked) > count:
                raise LookupError
            return False

        return stop

    with pytest.raises(LookupError):
        inline(fails_at(8), members=1)
    results = inline(MaximumIterationStopper(10), members=1, resume=True)
    # Eight reports before, of which the last came with a checkpoint: two are left.
    assert steps(results) == [10]


@pytest.mark.slow
def test_in_processes_too_every_report_waits_for_its_answer(fit):
    def train(config):
        for step in range(1, 50):
            tune.report({"step": step})

    seen = []

    def stop(trial, result):
        seen.append((trial, result["step"]))
        return result["step"] >= 5

    results = fit(train, slots=2, num_samples=3, run={"stop": stop})
    assert [it.metrics["step"] for it in results] == [5, 5, 5]
    assert sorted(seen) == [(f"t{n}", step) for n in range(3) for step in range(1, 6)]


@pytest.mark.slow
def test_a_trial_that_never_reports_ends_with_the_run(fit, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CLOSE_GRACE_S", 0.1)

    def train(config):
        import threading

        Path(config["began"]).touch()
        threading.Event().wait()

    class WhenItHasBegun(tune.Stopper):
        def __call__(self, trial_id, result):
            return False

        def stop_all(self):
            return (tmp_path / "began").exists()

    space = {"began": str(tmp_path / "began")}
    results = fit(train, param_space=space, run={"stop": WhenItHasBegun()})
    assert results.num_terminated == 1
    assert results[0].metrics is None
