"""What of the Ray executor needs no Ray: slots of nodes, requests, versions, parcels."""

import sys

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import EngineBug, EnvironmentFault, NotInPbtune, SettingsError
from pbtune.executors.ray import library
from pbtune.executors.ray.cluster import SLOTS_MAX, Node, Request, check_feasible, slot_count
from pbtune.executors.ray.deaths import UNREACHED_MAX, Births, death
from pbtune.executors.ray.weights import free_number, read_tree, write_tree

TWO = [Node("a", {"CPU": 4.0, "GPU": 1.0}), Node("b", {"CPU": 3.0})]


@pytest.mark.parametrize(
    ("bundles", "strategy", "count"),
    [
        (({"CPU": 1.0},), "PACK", 7),
        (({"CPU": 2.0},), "PACK", 3),
        (({"CPU": 0.5},), "PACK", 14),
        (({"CPU": 1.0, "GPU": 0.25},), "PACK", 4),
        (({"GPU": 0.5},), "PACK", 2),
        (({"CPU": 5.0},), "PACK", 0),
        (({"licence": 1.0},), "PACK", 0),
        (({},), "PACK", SLOTS_MAX),
        (({"CPU": 1.0}, {"CPU": 2.0}), "PACK", 2),
        (({"CPU": 1.0}, {"CPU": 2.0}), "STRICT_PACK", 2),
        (({"CPU": 2.0}, {"CPU": 2.0}), "STRICT_PACK", 1),
        (({"CPU": 1.0}, {"CPU": 1.0}), "STRICT_SPREAD", 3),
        (({"CPU": 1.0}, {"CPU": 1.0}, {"CPU": 1.0}), "STRICT_SPREAD", 0),
    ],
)
def test_nodes_make_as_many_slots_as_fit_on_each(bundles, strategy, count):
    assert slot_count(TWO, Request(bundles, strategy)) == count
    assert slot_count([], Request(bundles, strategy)) == 0


def test_what_no_node_can_ever_give_is_named():
    with pytest.raises(SettingsError, match=r"asks for GPU=2, and no node .* more than 1 \(2 nod"):
        check_feasible(TWO, Request(({"GPU": 2.0},)))
    with pytest.raises(SettingsError, match=r"asks for licence=1, and no node .* more than 0"):
        check_feasible(TWO, Request(({"licence": 1.0},)))
    with pytest.raises(SettingsError, match=r"can't give all of that at once"):
        check_feasible(TWO, Request(({"CPU": 4.0}, {"CPU": 4.0})))
    check_feasible(TWO, Request(({"CPU": 4.0}, {"CPU": 3.0})))


@pytest.mark.parametrize("version", ["2.53.9", "2.9.0", "1.13.0"])
def test_an_old_ray_is_named(version):
    with pytest.raises(SettingsError, match=rf"needs Ray >= 2.54, not {version}"):
        library.check_version(version)


@pytest.mark.parametrize("version", ["2.54.0", "2.60.0", "3.0.0.dev0"])
def test_a_newer_ray_will_do(version):
    library.check_version(version)


def test_a_missing_ray_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r"can't be imported .* pip install 'pbtune\[ray\]'"):
        library.ray()


def test_the_ray_executor_under_the_door_for_rays_scripts_is_named():
    from pbtune.tune import as_ray

    as_ray.install()
    try:
        with pytest.raises(SettingsError, match="exclude each other"):
            library.ray()
    finally:
        as_ray.uninstall()


def test_unequal_pythons_are_named():
    error = RuntimeError(
        "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\n"
        "This process on node was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
    )
    told = str(library.unequal_versions(error))
    assert "Python 3.12.1" in told
    assert "the same Python and Ray on every node" in told
    assert library.unequal_versions(RuntimeError("something else")) is None


def test_an_address_needs_the_ray_executor():
    with pytest.raises(NotInPbtune, match=r"init\(executor=\"ray\"\)"):
        pbtune.init(address="10.0.0.1:6379")
    pbtune.init(address="10.0.0.1:6379", executor="ray")
    pbtune.shutdown()


def test_a_missing_ray_is_named_before_anything_is_made(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    pbtune.init(executor="ray")
    try:
        run = tune.RunConfig(storage_path=str(tmp_path / "runs"))
        with pytest.raises(SettingsError, match="needs Ray"):
            tune.Tuner(lambda config: None, run_config=run).fit()
    finally:
        pbtune.shutdown()
    assert not (tmp_path / "runs").exists()


def test_a_parcel_holds_a_directory(tmp_path):
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "weights").write_bytes(b"\x00\xff")
    (source / "empty").touch()
    write_tree(read_tree(source), tmp_path / "target")
    assert (tmp_path / "target" / "inner" / "weights").read_bytes() == b"\x00\xff"
    assert (tmp_path / "target" / "empty").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


@pytest.mark.parametrize("name", ["../out", "inner/../../out", "/tmp/out"])
def test_a_parcel_that_leads_out_of_its_directory_is_refused(tmp_path, name):
    import msgspec

    parcel = msgspec.msgpack.encode([(name, 0o600, b"x")])
    with pytest.raises(EngineBug, match="came with a file called"):
        write_tree(parcel, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_name_that_a_lost_attempt_left_is_not_given_again(tmp_path):
    (tmp_path / "t0" / "checkpoint_000007").mkdir(parents=True)
    assert free_number(tmp_path, "t0", 3) == 8
    assert free_number(tmp_path, "t0", 12) == 12
    assert free_number(tmp_path, "t1", 3) == 3


def test_the_reason_is_found_in_what_ray_tells_of_a_death():
    error = RuntimeError("The actor died.\n\tclass_name: SlotActor\nIts node died.")
    assert death(error, lost=False) == "its Ray actor died (RuntimeError): The actor died."
    assert death(error, lost=True) == "its Ray node was lost (RuntimeError): The actor died."
    error = ConnectionError("Ray's traceback:\n  File ...\nConnectionError: no way to the driver")
    assert death(error, lost=False).endswith("ConnectionError: no way to the driver")


def test_actors_that_never_begin_end_the_run_unless_one_does():
    births = Births()
    for _ in range(2):
        for _ in range(UNREACHED_MAX - 1):
            births.failed(ConnectionError("no way to 10.0.0.1:1"))
        births.succeeded()
    for _ in range(UNREACHED_MAX - 1):
        births.failed(ConnectionError("no way to 10.0.0.1:1"))
    with pytest.raises(EnvironmentFault, match=r"no way to 10\.0\.0\.1:1\. Actors connect"):
        births.failed(ConnectionError("no way to 10.0.0.1:1"))
