"""``pbtune.init``: what it takes, as ``ray.init`` does, and what it refuses by name."""

import sys

import pytest

import pbtune
from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune.cluster import RAY_ONLY, Machine, cpu_count, is_initialized, machine


@pytest.fixture(autouse=True)
def _uninitialised():
    yield
    pbtune.shutdown()


def test_nothing_needs_to_be_said():
    assert not is_initialized()
    assert machine() == Machine(None, None, "processes")
    assert machine().slot_count() == max(1, int(cpu_count()))


def test_init_keeps_what_it_was_told():
    pbtune.init(num_cpus=2, num_gpus=1)
    assert machine() == Machine(2, 1, "processes")


def test_a_second_init_replaces_the_first():
    pbtune.init(num_cpus=2)
    pbtune.init(executor="inline")
    assert machine() == Machine(None, None, "inline")


@pytest.mark.parametrize(("num_cpus", "slots"), [(1, 1), (1.9, 1), (2.5, 2), (64, 64)])
def test_a_part_of_a_cpu_is_no_slot(num_cpus, slots):
    pbtune.init(num_cpus=num_cpus)
    assert machine().slot_count() == slots


@pytest.mark.parametrize("address", [None, "local", "auto"])
def test_this_machine_may_be_named(address):
    pbtune.init(address)
    assert is_initialized()


@pytest.mark.parametrize("address", ["ray://head:10001", "10.0.0.1:6379"])
def test_a_cluster_is_refused_and_leaves_nothing(address):
    with pytest.raises(NotInPbtune, match="trials run on this machine; leave address out"):
        pbtune.init(address)
    assert not is_initialized()


@pytest.mark.parametrize("name", sorted(RAY_ONLY))
def test_what_only_ray_has_to_be_told_is_taken_and_changes_nothing(name):
    pbtune.init(num_cpus=3, **{name: "whatever"})
    assert machine() == Machine(3, None, "processes")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"num_cpus": 0}, "num_cpus must be >= 1, not 0"),
        ({"num_cpus": float("nan")}, "num_cpus must be >= 1, not nan"),
        ({"num_gpus": -1}, "num_gpus must be >= 0, not -1"),
        (
            {"executor": "threads"},
            'executor must be "processes", "inline" or "ray", not \'threads\'',
        ),
    ],
)
def test_a_value_out_of_its_range_is_named_and_leaves_nothing(given, said):
    with pytest.raises(SettingsError) as caught:
        pbtune.init(**given)
    assert said in str(caught.value)
    assert not is_initialized()


def test_an_argument_of_nobody_s_is_a_type_error():
    with pytest.raises(TypeError, match=r"init\(\) got an unexpected argument 'num_cpu'"):
        pbtune.init(num_cpu=2)


def test_shutting_down_twice_is_shutting_down_once():
    pbtune.init()
    pbtune.shutdown()
    pbtune.shutdown()
    assert not is_initialized()


@pytest.mark.parametrize("text", ["", "max", "fast 100000", "100000 100000 7"])
def test_a_quota_that_cannot_be_read_is_no_limit(tmp_path, monkeypatch, text):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_count(tmp_path) == 3


def test_ray_s_executor_is_refused_on_windows(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(NotInPbtune, match="on Windows is not in pbtune"):
        pbtune.init(executor="ray")
