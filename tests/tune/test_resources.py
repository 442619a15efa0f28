"""What a trial asks for, how many slots that makes, and what its worker then sees."""

import os
import pickle
import sys
import types
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.cluster import machine
from pbtune.tune.resources import (
    SLOTS_MAX,
    Supply,
    asked_by,
    bundles_of,
    slots_for,
    visible_gpus,
)


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    yield
    pbtune.shutdown()


@pytest.fixture
def fit(tmp_path):
    def call(trainable, **settings):
        run = tune.RunConfig(name="run", storage_path=tmp_path, verbose=0)
        config = tune.TuneConfig(seed=1, **settings.pop("config", {}))
        return tune.Tuner(
            trainable, run_config=run, tune_config=config, param_space=settings.get("space")
        ).fit()

    return call


def train(config):
    """Told by its workers."""
    return {
        "pid": os.getpid(),
        "has": tune.get_context().get_trial_resources(),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "threads": os.environ["OMP_NUM_THREADS"],
        "others": [os.environ["MKL_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]],
    }


def makes_function():
    def asking(config):
        return {"x": 1}

    return asking


def makes_class():
    class Asking(tune.Trainable):
        def step(self):
            return {"x": 1, "done": True}

    return Asking


def slots(resources, configs=(), *, cpus=4, gpus=0, **more):
    supply = Supply({"CPU": cpus, "GPU": gpus, **more}, tuple(map(str, range(gpus))))
    asking = makes_function()
    if resources is not None:
        asking = tune.with_resources(asking, resources)
    return slots_for(asking, supply, configs)


@pytest.mark.parametrize(
    ("asks", "has", "count"),
    [
        (None, {}, 4),
        ({"cpu": 2}, {}, 2),
        ({"CPU": 3}, {}, 1),
        ({"cpu": 0.5}, {}, 8),
        ({"cpu": 0.1}, {"cpus": 1}, 10),
        ({"cpu": 1, "gpu": 1}, {"gpus": 2}, 2),
        ({"gpu": 1}, {"gpus": 8, "cpus": 1}, 8),
        ({"gpu": 0.5}, {"gpus": 2}, 4),
        ({"gpu": 0.3}, {"gpus": 2}, 6),
        ({"gpu": 0.7}, {"gpus": 3}, 3),
        ({"gpu": 2}, {"gpus": 5}, 2),
        ({"cpu": 1, "licence": 1}, {"licence": 3}, 3),
        ({"custom_resources": {"licence": 2}}, {"licence": 3}, 1),
        ({"memory": 300}, {"memory": 1000}, 3),
        ({}, {}, SLOTS_MAX),
        ({"cpu": 0, "gpu": 0}, {}, SLOTS_MAX),
        (tune.PlacementGroupFactory([{"CPU": 2}]), {}, 2),
        (tune.PlacementGroupFactory([{}, {"CPU": 2}]), {}, 2),
    ],
)
def test_slots_are_what_the_machine_has_by_what_a_trial_asks(asks, has, count):
    assert slots(asks, **has).count == count


@pytest.mark.parametrize(
    ("asks", "said"),
    [
        ({"cpu": 8}, r"asks for CPU=8, and this machine has 4:.*pbtune\.init\(num_cpus=8\)"),
        ({"gpu": 1}, r"GPU=1, and this machine has 0:.*num_gpus=1\) or CUDA_VISIBLE_DEVICES"),
        ({"cpu": 1, "tpu": 2}, r"tpu=2, and this machine has 0.*resources=\{'tpu': 2\}"),
    ],
)
def test_what_the_machine_lacks_is_named_with_how_to_say_otherwise(asks, said):
    with pytest.raises(SettingsError, match=said):
        slots(asks)


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_trial_that_could_never_start_is_told_before_there_is_a_run(fit, tmp_path, executor):
    pbtune.init(num_cpus=1, executor=executor)
    with pytest.raises(SettingsError, match="no trial could ever start"):
        fit(tune.with_resources(train, {"cpu": 2}))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("asks", "said"),
    [
        ({"cpu": -1}, r"resources\['cpu'\] must be a number >= 0, not -1"),
        ({"cpu": float("inf")}, "must be a number >= 0, not inf"),
        ({"cpu": "two"}, "must be a number >= 0, not 'two'"),
        ({"cpu": True}, "must be a number >= 0, not True"),
        ({"gpu": 1.5}, r"resources\['gpu'\] must be at most 1, or whole: not 1.5"),
        ("2", "resources must be a dict like {'cpu': 2}"),
        ([{"cpu": 1}], "resources must be a dict"),
    ],
)
def test_a_request_that_cannot_be_is_named(asks, said):
    with pytest.raises(SettingsError, match=said):
        tune.with_resources(train, asks)


@pytest.mark.parametrize("trainable", [3, None, "train"])
def test_what_is_no_training_cannot_ask(trainable):
    with pytest.raises(SettingsError, match="takes a function or a class, not"):
        tune.with_resources(trainable, {"cpu": 1})


@pytest.mark.parametrize("make", [makes_function, makes_class])
def test_asking_keeps_the_name_and_leaves_what_was_given_alone(make):
    given = make()
    asking = tune.with_resources(given, {"cpu": 2})
    assert asking.__name__ == given.__name__
    assert asked_by(given) is None
    assert asked_by(asking) == {"CPU": 2}


@pytest.mark.parametrize("make", [makes_function, makes_class])
def test_a_later_request_takes_the_place_of_an_earlier_one(make):
    asking = tune.with_resources(tune.with_resources(make(), {"cpu": 2}), {"cpu": 3})
    assert asked_by(asking) == {"CPU": 3}


def test_a_request_stays_when_parameters_are_bound():
    def needs(config, data):
        return data

    asking = tune.with_parameters(tune.with_resources(needs, {"cpu": 2}), data=1)
    assert asked_by(asking) == {"CPU": 2}
    assert asked_by(tune.with_resources(tune.with_parameters(needs, data=1), {"cpu": 2}))


def test_a_function_of_the_config_is_asked_for_each_member_and_the_largest_counts():
    def asks_by(config):
        return {"cpu": config["n"], "gpu": 1 - config["n"] / 2}

    asks = slots(asks_by, [{"n": 1}, {"n": 2}], gpus=2)
    assert asks.request == {"CPU": 2, "GPU": 0.5}
    assert asks.count == 2


def test_a_function_of_the_config_sees_the_configs_that_members_begin_with(fit):
    pbtune.init(executor="inline")
    seen = []

    def asks(config):
        seen.append(config)
        return tune.PlacementGroupFactory([{"CPU": 1}])

    results = fit(
        tune.with_resources(lambda config: {"x": 1}, asks),
        space={"lr": tune.uniform(0, 1), "kind": str},
        config={"num_samples": 3},
    )
    assert seen == [result.config for result in results]
    assert seen[0]["kind"] is str


def test_configs_are_not_drawn_for_a_request_that_needs_none():
    def configs():
        yield pytest.fail("a config was drawn")

    assert slots({"cpu": 2}, configs()).count == 2
    assert slots(None, configs()).count == 4


def test_what_a_function_of_the_config_gives_is_checked():
    with pytest.raises(SettingsError, match="resources must be a dict like"):
        slots(lambda config: 3, [{}])


def test_a_class_may_say_itself_what_it_needs():
    klass = makes_class()
    klass.default_resource_request = classmethod(lambda cls, config: {"cpu": config["n"]})
    supply = Supply({"CPU": 4})
    assert slots_for(klass, supply, [{"n": 2}]).count == 2
    asking = tune.with_resources(klass, {"cpu": 4})
    assert slots_for(asking, supply, [{"n": 2}]).count == 1


def test_a_class_that_says_nothing_gets_one_cpu():
    klass = makes_class()
    klass.default_resource_request = classmethod(lambda cls, config: None)
    assert slots_for(klass, Supply({"CPU": 4}), [{}]).request == {"CPU": 1}
    assert slots_for(makes_class(), Supply({"CPU": 4}), []).request == {"CPU": 1}


def test_several_bundles_need_the_ray_executor():
    several = tune.PlacementGroupFactory([{"CPU": 1}, {"CPU": 2}], strategy="PACK")
    assert several.required_resources == {"CPU": 3}
    asking = tune.with_resources(lambda config: None, several)
    assert bundles_of(asking) == several
    with pytest.raises(NotInPbtune, match=r"of 2 bundles .* several bundles need the Ray executor"):
        slots_for(asking, Supply({"CPU": 4}), [{}])


def test_no_bundle_at_all_is_named():
    with pytest.raises(SettingsError, match="needs a bundle"):
        tune.PlacementGroupFactory([])


def test_a_placement_group_says_what_it_asks_for():
    group = tune.PlacementGroupFactory([{"CPU": 2, "GPU": 0.5, "extra": 0}])
    assert group.required_resources == {"CPU": 2, "GPU": 0.5}
    assert group.head_cpus == 2
    assert group == tune.PlacementGroupFactory([{"cpu": 2.0, "gpu": 0.5}], "SPREAD")
    assert hash(group) == hash(tune.PlacementGroupFactory([{"GPU": 0.5, "CPU": 2}]))
    assert group != {"CPU": 2}
    assert pickle.loads(pickle.dumps(group)) == group
    assert repr(group) == "PlacementGroupFactory([{'CPU': 2.0, 'GPU': 0.5}], strategy='PACK')"


def shares(asks, gpus):
    return [it["CUDA_VISIBLE_DEVICES"] for it in slots(asks, cpus=99, gpus=gpus).environments]


def test_each_slot_sees_its_own_gpus():
    assert shares({"gpu": 1}, 3) == ["0", "1", "2"]
    assert shares({"gpu": 2}, 5) == ["0,1", "2,3"]


def test_slots_that_share_gpus_are_spread_over_them():
    assert shares({"gpu": 0.5}, 2) == ["0", "1", "0", "1"]
    assert slots({"cpu": 2, "gpu": 0.3}, cpus=4, gpus=2).environments == (
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": "1"},
    )


def test_a_trial_that_asks_for_no_gpu_keeps_what_it_sees():
    assert slots({"cpu": 2}, gpus=2).environments == ({}, {})


def test_gpus_are_those_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5a,7")
    assert visible_gpus(listed=tmp_path) == ("3", "GPU-5a", "7")
    assert visible_gpus(2, tmp_path) == ("3", "GPU-5a")
    with pytest.raises(SettingsError, match=r"num_gpus=4.*shows 3: name as many there"):
        visible_gpus(4, tmp_path)


@pytest.mark.parametrize("none", ["", "-1"])
def test_an_environment_that_hides_every_gpu_leaves_none(monkeypatch, tmp_path, none):
    (tmp_path / "0000:01:00.0").mkdir()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
    assert visible_gpus(listed=tmp_path) == ()


def test_else_gpus_are_as_many_as_init_says_or_the_driver_lists(tmp_path):
    (tmp_path / "0000:01:00.0").mkdir()
    (tmp_path / "0000:02:00.0").mkdir()
    assert visible_gpus(listed=tmp_path) == ("0", "1")
    assert visible_gpus(3, tmp_path) == ("0", "1", "2")
    assert visible_gpus(0, tmp_path) == ()
    assert visible_gpus(listed=tmp_path / "none") == ()


def test_init_says_what_else_there_is():
    pbtune.init(num_cpus=3, num_gpus=2, resources={"licence": 2, "memory": 100})
    supply = machine().supply()
    assert supply.gpus == ("0", "1")
    assert supply.amounts == {"CPU": 3, "GPU": 2, "licence": 2, "memory": 100}


def test_without_init_there_is_the_machine_s_own_memory():
    assert machine().supply().amounts["memory"] > 1 << 20


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_gpus": 0.5}, "num_gpus must be a whole number, not 0.5"),
        ({"num_gpus": float("inf")}, "num_gpus must be a whole number, not inf"),
        ({"resources": {"CPU": 4}}, r"resources has 'CPU': say init\(num_cpus=...\) instead"),
        ({"resources": {"licence": -1}}, "must be a number >= 0, not -1"),
    ],
)
def test_init_with_a_supply_that_cannot_be_is_named(settings, said):
    with pytest.raises(SettingsError, match=said):
        pbtune.init(**settings)


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_trial_is_told_what_it_has(fit, executor):
    pbtune.init(num_cpus=4, num_gpus=1, executor=executor)

    def told(config):
        has = tune.get_context().get_trial_resources()
        return {"has": dict(has), "required": has.required_resources, "bundles": has.bundles}

    told.__module__ = "__main__"
    (result,) = fit(tune.with_resources(told, {"cpu": 2, "gpu": 0.5}))
    amounts = {"CPU": 2.0, "GPU": 0.5}
    assert result.metrics["has"] == result.metrics["required"] == amounts
    assert result.metrics["bundles"] == [amounts]


def by_value(function, monkeypatch):
    # As a script's function: no worker imports this test.
    monkeypatch.setattr(function, "__module__", "__main__")
    return function


def test_a_worker_sees_its_gpus_and_the_threads_of_its_cpus(fit, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    pbtune.init(num_cpus=8)
    asking = tune.with_resources(by_value(train, monkeypatch), {"cpu": 3, "gpu": 1})
    results = fit(asking, config={"num_samples": 4})
    seen = {result.metrics["pid"]: result.metrics["gpus"] for result in results}
    assert set(seen.values()) <= {"4", "5"}
    assert len(set(seen.values())) == len(seen)
    assert {result.metrics["threads"] for result in results} == {"3"}
    assert results[0].metrics["others"] == ["3", "3"]


def test_a_worker_that_takes_another_s_place_sees_the_same_gpus(fit, monkeypatch):
    pbtune.init(num_cpus=1, num_gpus=1)
    asking = tune.with_resources(by_value(train, monkeypatch), {"gpu": 1})
    results = fit(asking, config={"num_samples": 3, "reuse_actors": False})
    assert len({result.metrics["pid"] for result in results}) == 3
    assert {result.metrics["gpus"] for result in results} == {"0"}


def test_without_a_request_a_worker_sees_what_the_script_sees_and_has_one_thread(fit, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6")
    pbtune.init(num_cpus=2)
    (result,) = fit(by_value(train, monkeypatch))
    assert result.metrics["gpus"] == "6"
    assert result.metrics["threads"] == "1"


def test_threads_that_the_user_has_set_stay(fit, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    pbtune.init(num_cpus=4)
    (result,) = fit(tune.with_resources(by_value(train, monkeypatch), {"cpu": 2}))
    assert result.metrics["threads"] == "7"
    assert result.metrics["others"] == ["2", "2"]


def test_a_worker_that_cannot_be_forked_sees_its_gpus_too(fit, monkeypatch, tmp_path):
    code = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    (tmp_path / "starts_a_thread.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    module = types.ModuleType("starts_a_thread")
    monkeypatch.setitem(sys.modules, "starts_a_thread", module)
    pbtune.init(num_cpus=2, num_gpus=1)

    def uses_it(config):
        is_fresh = "fresh_worker" in Path("/proc/self/cmdline").read_text()
        gpus = os.environ["CUDA_VISIBLE_DEVICES"]
        return {"is_fresh": is_fresh, "gpus": gpus, "name": module.__name__}

    asking = tune.with_resources(by_value(uses_it, monkeypatch), {"cpu": 2, "gpu": 1})
    (result,) = fit(asking)
    assert result.metrics["is_fresh"]
    assert result.metrics["gpus"] == "0"


@pytest.mark.parametrize("count", [1, 2])
def test_no_more_trials_run_at_once_than_there_are_slots(fit, monkeypatch, count):
    pbtune.init(num_cpus=4)
    asking = tune.with_resources(by_value(train, monkeypatch), {"cpu": 4 / count})
    results = fit(asking, config={"num_samples": 5})
    assert len({result.metrics["pid"] for result in results}) <= count
    assert len(results) == 5
