"""Population based training from outside: who is copied, from where it goes on, what is kept."""

import json
import math
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.core.decisions import Completed, Exploited, Ranked, Skipped
from pbtune.journal.reader import JournalReader
from pbtune.tune.schedulers import PopulationBasedTraining


@pytest.fixture
def evolve(tmp_path):
    """PBT over four members in this process: ``evolve(function, interval=2, ...)``."""
    pbtune.init(executor="inline")

    def call(train, *, members=4, until=12, run=None, metric="score", mode="max", **pbt):
        settings = {
            "time_attr": "training_iteration",
            "perturbation_interval": 2,
            "quantile_fraction": 0.5,
            "hyperparam_mutations": {"lr": tune.uniform(0.0, 1.0)},
            **pbt,
        }
        options = {"name": "run", "storage_path": tmp_path, "verbose": 0}
        options["stop"] = {"training_iteration": until}
        return tune.Tuner(
            train,
            param_space={"lr": tune.uniform(0.0, 1.0)},
            tune_config=tune.TuneConfig(
                mode,
                metric,
                num_samples=members,
                seed=11,
                scheduler=PopulationBasedTraining(**settings),
            ),
            run_config=tune.RunConfig(**{**options, **(run or {})}),
        ).fit()

    yield call
    pbtune.shutdown()


@pytest.fixture
def member():
    """One member's training: ``member(every=1, score=...)``, and in ``heard`` what it met.

    Its state says whose steps it went through: [[trial, step], ...].
    """
    heard = []

    def make(*, every=1, score=None, extra=None):
        def train(config):
            trial = tune.get_context().get_trial_id()
            checkpoint, lineage = tune.get_checkpoint(), []
            if checkpoint is not None:
                lineage = json.loads(Path(checkpoint.path, "state.json").read_text())
            heard.append((trial, checkpoint and checkpoint.path, [*lineage], config["lr"]))
            while True:
                step = len(lineage) + 1
                lineage.append([trial, step])
                value = config["lr"] * step if score is None else score(trial, step)
                metrics = {"score": value, "step": step, **(extra(step) if extra else {})}
                if step % every:
                    tune.report(metrics)
                    continue
                with tune.new_checkpoint() as folder:
                    Path(folder, "state.json").write_text(json.dumps(lineage))
                    tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))

        return train

    make.heard = heard
    return make


def records(results, *kinds):
    with JournalReader(Path(results.experiment_path)) as reader:
        return [it.record for it in reader.entries() if isinstance(it.record, kinds)]


def segments(results, trial):
    """A trial's rows, split where it went on from another's weights."""
    with JournalReader(Path(results.experiment_path)) as reader:
        numbers = [report.segment for report in reader.reports(trial)]
    rows = next(result.rows for result in results if result.trial_id == trial)
    pairs = list(zip(numbers, rows, strict=True))
    return [[row for at, row in pairs if at == number] for number in sorted(set(numbers))]


def test_a_copy_goes_on_from_its_donors_checkpoint(evolve, member):
    results = evolve(member())
    copies = records(results, Exploited)
    assert len(copies) >= 4
    for copy in copies:
        path = str(Path(results.experiment_path, copy.checkpoint))
        lineage = next(
            lineage
            for trial, begun_from, lineage, lr in member.heard
            if (trial, begun_from, lr) == (copy.trial, path, copy.config["lr"])
        )
        assert copy.checkpoint.startswith(f"{copy.donor}/")
        assert lineage[-1] == [copy.donor, copy.step]
        assert len(lineage) == copy.step


def test_a_copy_counts_on_from_where_its_donor_was_ranked(evolve, member):
    results = evolve(member())
    for trial in ("t0", "t1", "t2", "t3"):
        copies = [it for it in records(results, Exploited) if it.trial == trial]
        for copy, part in zip(copies, segments(results, trial)[1:], strict=True):
            assert part[0]["training_iteration"] == copy.step + 1
            assert part[0]["step"] == copy.step + 1
            assert part[0]["time_total_s"] >= copy.time_total_s
            assert part[0]["iterations_since_restore"] == 1
            assert part[0]["time_since_restore"] < copy.time_total_s + part[0]["time_total_s"]
            assert part[0]["config"] == copy.config


def test_a_copy_explores_around_its_donors_hyperparameters(evolve, member):
    results = evolve(member(), resample_probability=0.0, perturbation_factors=[2.0, 0.5])
    now = {trial: lr for trial, _, _, lr in reversed(member.heard)}
    ranked = {}
    for record in records(results, Ranked, Exploited):
        if isinstance(record, Ranked):
            ranked[record.trial] = now[record.trial]
            continue
        donors = ranked[record.donor]
        assert record.config["lr"] in {min(1.0, donors * 2), donors / 2}
        assert record.operations["lr"] in {"* 2.0", "* 0.5"}
        now[record.trial] = record.config["lr"]


def test_explored_values_stay_in_their_domain(evolve, member):
    results = evolve(member(), until=40, perturbation_factors=[3.0, 3.0], resample_probability=0.0)
    values = [record.config["lr"] for record in records(results, Exploited)]
    assert max(values) == 1.0


def test_a_custom_function_has_the_last_word(evolve, member):
    seen = []

    def explore(config):
        seen.append(dict(config))
        return {**config, "lr": 0.25}

    copies = records(evolve(member(), custom_explore_fn=explore), Exploited)
    assert copies
    assert len(seen) == len(copies)
    assert {copy.config["lr"] for copy in copies} == {0.25}
    assert all(copy.operations["*"] == "custom_explore_fn" for copy in copies)


@pytest.mark.parametrize(("mode", "winner"), [("max", "t3"), ("min", "t0")])
def test_the_mode_says_which_end_of_the_ranking_is_copied(evolve, member, mode, winner):
    def rank(trial, step):
        return float(trial[1:])

    copies = records(evolve(member(score=rank), mode=mode, quantile_fraction=0.25), Exploited)
    loser = {"t3": "t0", "t0": "t3"}[winner]
    # The first comparisons are of those who have reported at all.
    assert {(copy.trial, copy.donor) for copy in copies[-3:]} == {(loser, winner)}
    assert winner not in {copy.trial for copy in copies}


def test_metric_and_mode_may_be_given_to_the_scheduler(evolve, member, tmp_path):
    pbt = PopulationBasedTraining("training_iteration", "score", "max", perturbation_interval=2)
    results = tune.Tuner(
        member(),
        param_space={"lr": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(scheduler=pbt, num_samples=4, seed=1),
        run_config=tune.RunConfig(storage_path=tmp_path, verbose=0, stop={"step": 8}),
    ).fit()
    assert records(results, Exploited)
    assert results.get_best_result().metrics["score"] == max(it.metrics["score"] for it in results)


def test_a_member_whose_score_is_nan_is_replaced_and_never_copied(evolve, member):
    def diverges(trial, step):
        return math.nan if trial == "t2" else float(trial[1:])

    copies = records(evolve(member(score=diverges), quantile_fraction=0.25), Exploited)
    assert copies
    assert {copy.trial for copy in copies} == {"t2"}
    assert "t2" not in {copy.donor for copy in copies}


def test_nobody_is_compared_during_the_burn_in(evolve, member):
    results = evolve(member(), burn_in_period=7)
    assert min(record.progress for record in records(results, Ranked)) == 7


def test_checkpoints_that_come_between_the_intervals_are_used_all_the_same(evolve, member):
    results = evolve(member(every=3), until=24)
    assert records(results, Exploited)
    assert records(results, Skipped) == []
    assert {record.step % 3 for record in records(results, Ranked)} == {0}
    assert min(record.step for record in records(results, Ranked)) == 3


def test_nested_keys_name_metric_time_and_score(evolve, member):
    def extra(step):
        return {"eval": {"loss": -step}, "info": {"epoch": step / 2}}

    keeping = tune.CheckpointConfig(1, "eval/loss", "min")
    run = {"checkpoint_config": keeping, "stop": {"info/epoch": 6}}
    results = evolve(
        member(extra=extra),
        metric="eval/loss",
        mode="min",
        run=run,
        time_attr="info/epoch",
        perturbation_interval=1.5,
    )
    assert {record.progress for record in records(results, Ranked)} == {1.5, 3.0, 4.5}
    assert all(len(result.rows) >= 12 for result in results)
    assert {record.reason for record in records(results, Completed)} == {"info/epoch = 6.0 >= 6"}
    assert results.get_best_result().metrics["eval"]["loss"] == -12
    for result in results:
        assert result.best_checkpoints[-1][1]["eval"]["loss"] == -12


def test_a_time_attribute_that_is_no_counter_of_reports(evolve, member):
    results = evolve(
        member(extra=lambda step: {"epochs": step * 10}),
        time_attr="epochs",
        perturbation_interval=40,
    )
    assert {record.progress for record in records(results, Ranked)} <= {40, 80, 120}
    assert records(results, Exploited)


def test_a_report_without_the_metric_may_be_allowed(evolve):
    def train(config):
        for step in range(6):
            tune.report({"score": 1.0} if step % 2 else {"other": 1.0})

    results = evolve(train, require_attrs=False, perturbation_interval=100)
    assert not results.errors
    assert {len(result.rows) for result in results} == {6}


def test_members_that_share_a_slot_stay_within_one_interval(evolve, member):
    order = []

    def noted(trial, step):
        order.append((trial, step))
        return 1.0

    evolve(member(score=noted), members=5, until=12, perturbation_interval=3, quantile_fraction=0)
    at = dict.fromkeys(["t0", "t1", "t2", "t3", "t4"], 0)
    for trial, step in order:
        at[trial] = step
        assert max(at.values()) - min(at.values()) <= 3
    assert set(at.values()) == {12}
    assert len(order) == 5 * 12


def test_a_member_that_waited_goes_on_where_it_was(evolve, member):
    results = evolve(member(), quantile_fraction=0)
    for result in results:
        assert [row["training_iteration"] for row in result.rows] == list(range(1, 13))
    for trial, _, lineage, _ in member.heard:
        assert {name for name, _ in lineage} <= {trial}


def test_no_checkpoint_that_anybody_goes_on_from_is_ever_missing(evolve, member):
    results = evolve(
        member(),
        members=6,
        until=40,
        run={"checkpoint_config": tune.CheckpointConfig(num_to_keep=1)},
    )
    assert not results.errors
    assert len(records(results, Exploited)) > 20
    assert all(result.checkpoint is not None for result in results)
    for result in results:
        kept = [checkpoint.path for checkpoint, _ in result.best_checkpoints]
        for path in {*kept, result.checkpoint.path}:
            assert json.loads(Path(path, "state.json").read_text())


def test_what_nobody_needs_any_more_is_gone_at_the_end(evolve, member):
    run = {"checkpoint_config": tune.CheckpointConfig(num_to_keep=2)}
    results = evolve(member(), until=20, run=run)
    there = {str(path) for path in Path(results.experiment_path).glob("t*/checkpoint_*")}
    needed = {result.checkpoint.path for result in results}
    needed |= {kept.path for result in results for kept, _ in result.best_checkpoints}
    assert there == needed
    assert all(len(result.best_checkpoints) <= 2 for result in results)


@pytest.mark.parametrize("order", ["max", "min"])
def test_the_best_checkpoints_stay_and_the_newest_besides(evolve, member, order):
    waves = {"max": 1, "min": -1}[order]

    def wave(trial, step):
        return waves * (100.0 - abs(step - 6))

    keeping = tune.CheckpointConfig(2, "score", order)
    results = evolve(member(score=wave), quantile_fraction=0, run={"checkpoint_config": keeping})
    for result in results:
        steps = [metrics["step"] for _, metrics in result.best_checkpoints]
        assert steps[-1] == 6
        assert sorted(steps) in ([5, 6, 12], [6, 7, 12])
        assert result.checkpoint.path.endswith("checkpoint_000011")


def test_a_number_of_a_checkpoint_is_never_given_twice(evolve, member):
    results = evolve(member(), run={"checkpoint_config": tune.CheckpointConfig(num_to_keep=1)})
    for result in results:
        names = [row["checkpoint_dir_name"] for row in result.rows]
        assert len(set(names)) == len(names)
        assert names == sorted(names)


def test_checkpoint_due_says_which_reports_a_checkpoint_matters_for(evolve):
    due = {}

    def train(config):
        trial = tune.get_context().get_trial_id()
        checkpoint = tune.get_checkpoint()
        step = 0 if checkpoint is None else int(Path(checkpoint.path, "step").read_text())
        while True:
            step += 1
            if not tune.checkpoint_due():
                tune.report({"score": 1.0})
                continue
            due.setdefault(trial, []).append(step)
            with tune.new_checkpoint() as folder:
                Path(folder, "step").write_text(str(step))
                tune.report({"score": 1.0}, checkpoint=tune.Checkpoint.from_directory(folder))

    results = evolve(train, members=2, quantile_fraction=0, perturbation_interval=5)
    assert due == {"t0": [5, 10, 12], "t1": [5, 10, 12]}
    assert {record.step for record in records(results, Ranked)} == {5, 10}


@pytest.fixture
def evolve_in_processes(tmp_path):
    """PBT over six members in two processes, each keeping one checkpoint of its own."""
    pbtune.init(num_cpus=2)

    def call(train, **settings):
        train.__module__ = "__main__"
        pbt = PopulationBasedTraining(
            "training_iteration", perturbation_interval=4, quantile_fraction=0.5
        )
        return tune.Tuner(
            train,
            param_space={"lr": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                "max", "score", num_samples=6, seed=1, scheduler=pbt, **settings
            ),
            run_config=tune.RunConfig(
                storage_path=tmp_path,
                verbose=0,
                stop={"training_iteration": 60},
                checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            ),
        ).fit()

    yield call
    pbtune.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 2])
def test_members_in_processes_find_every_checkpoint_that_they_go_on_from(
    evolve_in_processes, member, limit
):
    results = evolve_in_processes(member(), max_concurrent_trials=limit)
    assert results.errors == []
    assert records(results, Exploited)
    assert len(results) == 6
    assert {result.metrics["training_iteration"] for result in results} == {60}
    assert all(Path(result.checkpoint.path, "state.json").exists() for result in results)
