"""The Ray executor keeps what every executor promises, on a cluster of one node."""

import os
import signal

import pytest

from pbtune import tune
from pbtune.core.lease import Rule
from pbtune.core.plan import Running
from pbtune.errors import EnvironmentFault
from pbtune.executors.ray import library
from pbtune.testing.contracts.executors import ExecutorContract
from pbtune.worker.protocol import Asked, Died, Errored, Finished

pytestmark = pytest.mark.slow
AT_ONE = Rule("training_iteration", 1)


class TestRayExecutor(ExecutorContract):
    @pytest.fixture
    def make(self, on_ray):
        return on_ray


def test_a_process_that_ends_itself_is_a_death_of_the_trial(on_ray, drive, start):
    harness = drive(on_ray(lambda config: os._exit(3)))
    harness.executor.do(start(1))
    died = harness.until(Died)
    assert (died.trial, died.attempt, died.lost) == ("t0", 1, False)
    assert "its Ray actor died (ActorDiedError)" in died.message
    assert list(harness.executor.running()) == [Running(0)]


def test_a_killed_actor_is_replaced_for_the_next_attempt(on_ray, drive, start, go_on):
    def train(config):
        tune.report({"pid": os.getpid()})
        if config["dies"]:
            os.kill(os.getpid(), signal.SIGKILL)

    harness = drive(on_ray(train), go_on())
    harness.executor.do(start(1, AT_ONE, config={"dies": True}))
    harness.until(Died)
    harness.executor.do(start(2, config={"dies": False}))
    harness.until(Finished)
    first, second = (it["pid"] for it in harness.metrics())
    assert first != second


def test_a_function_that_never_reports_is_replaced_by_what_was_ordered(on_ray, drive, start):
    def train(config):
        import threading

        tune.report({"x": config["x"]})
        if config["x"] == 1:
            threading.Event().wait()

    harness = drive(on_ray(train, unwind_grace_s=0.5))
    harness.executor.do(start(1, config={"x": 1}))
    while not harness.metrics():
        harness.turn(harness.executor.wait(1.0))
    harness.executor.do(start(2, trial="t1", config={"x": 2}))
    harness.until(Finished)
    assert harness.metrics() == [{"x": 1}, {"x": 2}]


def test_a_silent_trial_is_ended_after_its_time(on_ray, drive, start):
    def train(config):
        import threading

        threading.Event().wait()

    harness = drive(on_ray(train, silence_s_max=0.5))
    harness.executor.do(start(1))
    assert "reported nothing for 0.5 s" in harness.until(Died).message


def test_threads_that_outlive_the_function_end_its_actor(on_ray, drive, start):
    def train(config):
        import threading

        tune.report({"pid": os.getpid()})
        if config["leaves_one"]:
            threading.Thread(target=threading.Event().wait, daemon=True).start()

    harness = drive(on_ray(train))
    for attempt in (1, 2):
        harness.executor.do(start(attempt, config={"leaves_one": attempt == 1}))
        harness.until(Finished)
    first, second = (it["pid"] for it in harness.metrics())
    assert first != second


def test_without_reuse_each_attempt_has_a_process_of_its_own(on_ray, drive, start):
    harness = drive(on_ray(lambda config: tune.report({"pid": os.getpid()}), reuse=False))
    for attempt in (1, 2):
        harness.executor.do(start(attempt))
        harness.until(Finished)
    first, second = (it["pid"] for it in harness.metrics())
    assert first != second


def test_a_function_that_cant_be_loaded_says_why(on_ray, drive, start):
    class Unloadable:
        def __reduce__(self):
            return (int, ("no number",))

    held = Unloadable()
    harness = drive(on_ray(lambda config: held))
    harness.executor.do(start(1))
    assert "no number" in harness.until(Errored).message


def test_a_slot_has_what_it_asked_for(on_ray, drive, start):
    def train(config):
        import ray

        tune.report(ray.get_runtime_context().get_assigned_resources())

    harness = drive(on_ray(train, bundle={"CPU": 0.5, "licence": 1.0}, slots=None))
    assert harness.executor.slot_count == 2
    harness.executor.do(start(1))
    harness.until(Finished)
    assert harness.metrics() == [{"CPU": 0.5, "licence": 1.0}]


def test_slots_share_a_gpu(on_ray, drive, start):
    def train(config):
        tune.report({"gpu": os.environ["CUDA_VISIBLE_DEVICES"]})

    harness = drive(on_ray(train, bundle={"CPU": 0.5, "GPU": 0.5}, slots=None))
    assert harness.executor.slot_count == 2
    harness.executor.do(start(1))
    harness.until(Finished)
    assert harness.metrics() == [{"gpu": "0"}]


def test_an_actor_that_cant_reach_the_driver_says_what_it_tried(on_ray, drive, start, elsewhere):
    elsewhere(socket_path="/nonexistent/driver", addresses=(("127.0.0.1", 9),))
    harness = drive(on_ray(lambda config: None))
    harness.executor.do(start(1))
    # Its order has gone to a second actor by itself.
    died = harness.until(Died)
    assert died.lost
    assert "127.0.0.1:9 (" in died.message
    harness.executor.do(start(2))
    with pytest.raises(EnvironmentFault, match=r"driver \(.*127\.0\.0\.1:9 .*run it on a node of"):
        harness.until(Died)


def test_actors_that_cant_be_made_end_the_run_with_the_reason(on_ray, drive, start, monkeypatch):
    from pbtune.executors.ray import handle

    class Unmade:
        def __init__(self):
            message = "no module named pbtune"
            raise ModuleNotFoundError(message)

        def serve(self, payload, place):
            """Never called."""

    Unmade.__module__ = "__main__"
    monkeypatch.setattr(handle, "_remote", lambda: library.ray().remote(Unmade))
    harness = drive(on_ray(lambda config: None))
    harness.executor.do(start(1))
    assert "no module named pbtune" in harness.until(Died).message
    harness.executor.do(start(2))
    with pytest.raises(EnvironmentFault, match=r"can't start on .* no module named pbtune"):
        harness.until(Died)


def test_over_the_network_it_is_the_same(on_ray, drive, start, go_on, elsewhere):
    elsewhere(socket_path="/nonexistent/driver")

    def train(config):
        for number in range(2_000):
            tune.report({"x": number})

    harness = drive(on_ray(train), go_on())
    harness.executor.do(start(1, AT_ONE))
    harness.until(Finished)
    assert harness.metrics() == [{"x": number} for number in range(2_000)]


def test_a_stop_reaches_a_function_between_its_reports(on_ray, drive, start, stop, tmp_path):
    gate = tmp_path / "gate"

    def train(config):
        while True:
            tune.report({"x": 1})
            while gate.exists():
                gate.unlink()

    harness = drive(on_ray(train))
    harness.executor.do(start(1))
    while not harness.metrics():
        harness.turn(harness.executor.wait(1.0))
    harness.executor.do(stop)
    harness.heard += harness.executor.close(10.0)
    assert set(harness.kinds()) == {"Streamed"}


def test_streamed_reports_come_in_batches_and_none_is_lost(on_ray, drive, start):
    def train(config):
        for number in range(5_000):
            tune.report({"x": number})

    harness = drive(on_ray(train))
    harness.executor.do(start(1))
    harness.until(Finished)
    assert harness.metrics() == [{"x": number} for number in range(5_000)]


def test_an_actor_that_doesnt_see_the_runs_folder_sends_its_checkpoints(
    on_ray, drive, start, go_on, tmp_path
):
    def train(config):
        from pathlib import Path

        start_ = tune.get_checkpoint()
        count = 0 if start_ is None else int(Path(start_.path, "sub", "count").read_text())
        with tune.new_checkpoint() as path:
            Path(path, "sub").mkdir()
            Path(path, "sub", "count").write_text(str(count + 1))
            tune.report({"count": count + 1}, checkpoint=tune.Checkpoint(path))

    executor = on_ray(train)
    marker = next(tmp_path.glob("run/.shared-*"))
    marker.unlink()
    harness = drive(executor, go_on())
    harness.executor.do(start(1, AT_ONE))
    harness.until(Finished)
    (asked,) = (it for it in harness.heard if isinstance(it, Asked))
    name = asked.checkpoint.id
    assert (tmp_path / "run" / name / "sub" / "count").read_text() == "1"
    harness.executor.do(start(2, trial="t1", checkpoint=name, step=1))
    harness.until(Finished)
    assert [it["count"] for it in harness.metrics()] == [1, 2]
    carried = sorted(path.name for path in (tmp_path / "run").glob("*/checkpoint_*"))
    assert len(carried) == 2
