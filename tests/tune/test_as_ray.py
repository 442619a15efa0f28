"""The door for scripts written for Ray Tune: `ray` names our modules, or says what we lack."""

import importlib
import sys

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import NotInPbtune
from pbtune.tune import as_ray


@pytest.fixture
def door():
    as_ray.install()
    yield
    as_ray.uninstall()
    pbtune.shutdown()


def run(source):
    names = {}
    exec(source, names)
    return names


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import ray", "ray.tune.Tuner"),
        ("import ray.tune", "ray.tune.Tuner"),
        ("import ray as r", "r.tune.Tuner"),
        ("import ray.tune as t", "t.Tuner"),
        ("from ray import tune, train", "tune.Tuner"),
        ("from ray.tune import Tuner", "Tuner"),
        ("from ray.tune import *", "Tuner"),
        ("import ray; tuner = getattr(ray, 'tune')", "tuner.Tuner"),
    ],
)
def test_every_way_to_import_the_tuner_gives_ours(door, source, said):
    assert eval(said, run(source)) is tune.Tuner


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import ray.tune.schedulers as s", "s.PopulationBasedTraining"),
        ("import ray.tune.schedulers", "ray.tune.schedulers.PopulationBasedTraining"),
        ("import ray", "ray.tune.schedulers.PopulationBasedTraining"),
        ("from ray import tune", "tune.schedulers.PopulationBasedTraining"),
        ("from ray.tune import schedulers", "schedulers.PopulationBasedTraining"),
        (
            "from ray.tune.schedulers import PopulationBasedTraining as PBT",
            "PBT",
        ),
    ],
)
def test_every_way_to_import_a_scheduler_gives_ours(door, source, said):
    assert eval(said, run(source)) is tune.schedulers.PopulationBasedTraining


@pytest.mark.parametrize("name", sorted({*pbtune.train.__all__} & {*tune.__all__}))
def test_the_older_spelling_is_there(door, name):
    assert getattr(run("from ray import train")["train"], name) is getattr(tune, name)


@pytest.mark.parametrize("name", [*pbtune.air.__all__, "Checkpoint"])
def test_the_oldest_spelling_is_there(door, name):
    air = run("from ray import air")["air"]
    assert getattr(air, name) is getattr(pbtune.train, name)


@pytest.mark.parametrize("name", ["report", "get_checkpoint", "get_trial_id", "get_trial_dir"])
def test_a_session_has_tunes_functions(door, name):
    session = run("from ray.air import session")["session"]
    assert getattr(session, name) is getattr(tune, name)


def test_an_object_that_was_put_is_got(door):
    ray = run("import ray")["ray"]
    refs = [ray.put([1]), ray.put("two")]
    assert ray.get(refs) == [[1], "two"]
    assert ray.get(refs[0]) == [1]
    with pytest.raises(TypeError, match="what put"):
        ray.get(3)


def test_the_door_says_which_ray_it_speaks(door):
    assert run("import ray")["ray"].__version__ == "2.60.0"


def test_init_and_shutdown_are_ours(door):
    ray = run("import ray")["ray"]
    assert not ray.is_initialized()
    ray.init(num_cpus=2, ignore_reinit_error=True, log_to_driver=False)
    assert ray.is_initialized()
    assert tune.cluster.machine().slot_count() == 2
    ray.shutdown()
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import ray; ray.remote", "ray.remote"),
        ("import ray; ray.wait", "ray.wait"),
        ("from ray import kill", "ray.kill"),
        ("import ray.data", "ray.data"),
        ("from ray import serve", "ray.serve"),
        ("from ray import tune; tune.no_such_name", "ray.tune.no_such_name"),
        ("from ray.tune import with_everything", "ray.tune.with_everything"),
        ("from ray.tune.schedulers import HyperSchedulers", "ray.tune.schedulers.HyperSchedulers"),
        ("import ray.tune.nowhere.at_all", "ray.tune.nowhere"),
        ("from ray.train import DataConfig", "ray.train.DataConfig"),
        ("import ray.train.torch", "ray.train.torch"),
        ("from ray.air.session import get_dataset_shard", "ray.air.session.get_dataset_shard"),
    ],
)
def test_what_we_lack_is_an_error_with_rays_own_name_for_it(door, source, name):
    with pytest.raises(NotInPbtune) as caught:
        run(source)
    assert str(caught.value).startswith(f"{name} is not in pbtune: ")
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("import ray; ray.remote", "call the function directly"),
        ("from ray.tune.search import HyperOptSearch", "BasicVariantGenerator and OptunaSearch"),
        ("from ray.tune import checkpoint_dir", r"Checkpoint\.from_directory"),
    ],
)
def test_where_there_is_another_way_the_error_names_it(door, source, hint):
    with pytest.raises(NotInPbtune, match=hint):
        run(source)


def test_a_cluster_is_refused_by_name(door):
    ray = run("import ray")["ray"]
    with pytest.raises(NotInPbtune, match=r"ray\.init\(address='ray://head:10001'\)"):
        ray.init(address="ray://head:10001")


def test_an_attribute_of_pythons_own_is_missing_as_in_any_module(door):
    ray = run("import ray")["ray"]
    assert not hasattr(ray, "__file__")
    assert ray.__name__ == "ray"


def test_an_error_inside_our_own_module_is_not_taken_for_a_missing_name(door, monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'dependency'", name="dependency")

    monkeypatch.setattr(as_ray.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="dependency"):
        as_ray._ours("ray.tune")


@pytest.fixture
def installed_ray(tmp_path, monkeypatch):
    """Somebody has a real package of that name, and it has been imported."""
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray/__init__.py").write_text("REAL = True")
    (tmp_path / "ray/tune.py").write_text("REAL = True")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("ray")
    for name in ("ray", "ray.tune"):
        sys.modules.pop(name, None)


def test_an_installed_ray_is_never_found_behind_the_door(installed_ray, door):
    names = run("import ray, ray.tune")
    assert names["ray"] is not installed_ray
    assert names["ray"].tune.Tuner is tune.Tuner


def test_uninstalling_restores_what_ray_named_before(installed_ray):
    before = list(sys.meta_path)
    as_ray.install()
    run("import ray.tune.schedulers, ray.train")
    as_ray.uninstall()
    assert sys.meta_path == before
    assert run("import ray, ray.tune")["ray"].tune.REAL


def test_uninstalling_where_there_is_no_ray_leaves_none():
    as_ray.install()
    run("import ray.tune")
    as_ray.uninstall()
    assert not [name for name in sys.modules if name.partition(".")[0] == "ray"]
    with pytest.raises(ModuleNotFoundError, match="No module named 'ray'"):
        run("import ray")


def test_installing_twice_is_installing_once():
    before = len(sys.meta_path)
    as_ray.install()
    as_ray.install()
    assert len(sys.meta_path) == before + 1
    as_ray.uninstall()
    assert len(sys.meta_path) == before


GLOBAL = """
from ray import train
def function(config):
    train.report({"x": 1})
"""
INSIDE = """
def function(config):
    from ray import tune
    from ray.tune.schedulers import PopulationBasedTraining
    tune.report({"x": 1})
"""
BESIDE = """
from beside import function
"""


@pytest.mark.parametrize("source", [GLOBAL, INSIDE, BESIDE], ids=["global", "inside", "beside"])
def test_ray_names_our_modules_in_the_workers_too(door, tmp_path, monkeypatch, source):
    (tmp_path / "beside.py").write_text(GLOBAL)
    monkeypatch.syspath_prepend(str(tmp_path))
    pbtune.init(num_cpus=1)
    function = run(source)["function"]
    if source is not BESIDE:
        function.__module__ = "__main__"
    config = tune.RunConfig(storage_path=tmp_path / "runs", verbose=0)
    (result,) = tune.Tuner(function, run_config=config).fit()
    sys.modules.pop("beside", None)
    assert result.error is None, result.error
    assert result.metrics["x"] == 1


def test_tools_that_walk_over_modules_meet_no_import_error():
    import pbtune.air.constants
    import pbtune.tune.constants

    for module in (pbtune.air.constants, pbtune.tune.constants):
        assert getattr(module, "__file__", None) is None
        with pytest.raises(NotInPbtune):
            module.anything_else  # noqa: B018  asking is the test
