"""How many train at once, and who gives way to whom."""

import os

import pytest

import pbtune
from pbtune import tune
from pbtune.tune.cluster import Machine, cpu_count, is_initialized, machine
from pbtune.tune.schedulers import PopulationBasedTraining


@pytest.fixture(autouse=True)
def _uninitialised():
    yield
    pbtune.shutdown()


@pytest.fixture
def fit(tmp_path):
    def call(train, *, run=None, **settings):
        train.__module__ = "__main__"
        options = {"name": "run", "storage_path": tmp_path, "verbose": 0, **(run or {})}
        config = tune.TuneConfig(**{"seed": 1, **settings})
        return tune.Tuner(train, tune_config=config, run_config=tune.RunConfig(**options)).fit()

    return call


@pytest.fixture
def cgroup(tmp_path):
    folder = tmp_path / "cgroup"
    (folder / "cpu").mkdir(parents=True)
    return folder


def test_slots_are_the_cpus_that_affinity_leaves(monkeypatch, cgroup):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5})
    assert cpu_count(cgroup) == 3


def test_a_quota_of_the_cgroup_limits_them(monkeypatch, cgroup):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    (cgroup / "cpu.max").write_text("250000 100000\n")
    assert cpu_count(cgroup) == 2.5
    (cgroup / "cpu.max").write_text("max 100000\n")
    assert cpu_count(cgroup) == 16
    (cgroup / "cpu.max").write_text("50000 100000\n")
    assert cpu_count(cgroup) == 1


def test_a_quota_of_an_older_cgroup_limits_them_too(monkeypatch, cgroup):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    (cgroup / "cpu/cpu.cfs_quota_us").write_text("400000\n")
    (cgroup / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert cpu_count(cgroup) == 4
    (cgroup / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert cpu_count(cgroup) == 16


def test_where_the_system_knows_no_affinity_all_cpus_count(monkeypatch, cgroup):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cpu_count(cgroup) == 6


def test_init_says_how_many_instead_of_the_machine():
    pbtune.init(num_cpus=5)
    assert machine().slot_count() == 5
    assert is_initialized()


def test_shutdown_forgets_what_init_said():
    pbtune.init(num_cpus=5)
    pbtune.shutdown()
    assert machine() == Machine()
    assert not is_initialized()


def test_the_inline_executor_has_one_slot():
    pbtune.init(num_cpus=5, executor="inline")
    assert machine().slot_count() == 1
    pbtune.init(local_mode=True)
    assert machine().executor == "inline"


def test_max_concurrent_trials_limits_parallelism_and_not_the_population(fit):
    pbtune.init(num_cpus=3)
    results = fit(
        lambda config: tune.report({"pid": os.getpid()}), num_samples=5, max_concurrent_trials=1
    )
    assert len(results) == 5
    assert len({result.metrics["pid"] for result in results}) == 1


def turns(order, *, saves):
    def train(config):
        trial = tune.get_context().get_trial_id()
        tune.get_checkpoint()
        for _ in range(3):
            order.append(trial)
            if saves:
                with tune.new_checkpoint() as folder:
                    tune.report({"x": 1}, checkpoint=tune.Checkpoint.from_directory(folder))
            else:
                tune.report({"x": 1})

    return train


def pbt(**settings):
    return PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=1,
        quantile_fraction=0,
        hyperparam_mutations={"lr": [1, 2]},
        **settings,
    )


def test_members_beyond_the_slots_take_turns_so_that_nobody_falls_behind(fit):
    pbtune.init(executor="inline")
    order = []
    stop = {"stop": {"training_iteration": 3}}
    train = turns(order, saves=True)
    fit(train, run=stop, scheduler=pbt(), metric="x", mode="max", num_samples=3)
    for length in range(1, len(order) + 1):
        counts = [order[:length].count(trial) for trial in ("t0", "t1", "t2")]
        assert max(counts) - min(counts) <= 1
    assert len(order) == 9


def test_a_member_without_a_checkpoint_never_gives_way(fit):
    pbtune.init(executor="inline")
    order = []
    with pytest.warns(tune.PbtuneWarning, match="never copied or paused"):
        fit(turns(order, saves=False), scheduler=pbt(), metric="x", mode="max", num_samples=2)
    assert order == ["t0"] * 3 + ["t1"] * 3


def test_a_free_slot_causes_no_pause(fit):
    pbtune.init(num_cpus=2)
    stop = {"stop": {"training_iteration": 4}}

    def train(config):
        begun = tune.get_checkpoint() is not None
        while True:
            with tune.new_checkpoint() as folder:
                saves = tune.Checkpoint.from_directory(folder)
                tune.report({"x": 1, "again": begun}, checkpoint=saves)

    results = fit(train, run=stop, scheduler=pbt(), metric="x", mode="max", num_samples=2)
    assert not any(row["again"] for result in results for row in result.rows)


def test_without_a_ranking_scheduler_each_trial_trains_to_its_end(fit):
    pbtune.init(executor="inline")
    order = []
    fit(turns(order, saves=True), num_samples=2)
    assert order == ["t0"] * 3 + ["t1"] * 3


def test_at_verbose_2_what_trials_print_is_shown_with_their_name(fit, capfd):
    pbtune.init(num_cpus=1)

    def train(config):
        print("hello")  # noqa: T201
        tune.report({"x": 1})

    fit(train, run={"verbose": 2}, num_samples=2)
    out = capfd.readouterr().out
    assert [line for line in out.splitlines() if "hello" in line] == ["(t0) hello", "(t1) hello"]
