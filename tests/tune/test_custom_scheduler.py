"""Schedulers that a user writes: the page's example runs, resumes and keeps the contract."""

import re
from pathlib import Path

import pytest

from pbtune import tune
from pbtune.core.decisions import Completed, Measured
from pbtune.errors import RunUnreadable, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.testing.contracts import SchedulerContract
from pbtune.tune.checking import check_run
from pbtune.tune.schedulers import AbstractScheduler, TrialScheduler, custom

PAGE = Path(__file__).parents[2] / "docs" / "schedulers.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def rise(config):
    from pbtune import tune

    score = 0.0
    while True:
        score += config["lr"]
        tune.report({"accuracy": score})


def page():
    """What the page's program defines."""
    names = {"train": rise, "__name__": __name__}
    exec(compile(PROGRAMS[1], str(PAGE), "exec"), names)
    return names


StopBelow = page()["StopBelow"]


@pytest.mark.slow
class TestStopBelow(SchedulerContract):
    @pytest.fixture
    def scheduler(self):
        return StopBelow(bound=0.2, after=3.0)


def test_the_example_of_the_page_trains_and_stops(fit):
    results = fit(
        rise,
        param_space={"lr": tune.grid_search([0.1, 0.2])},
        scheduler=StopBelow(bound=1.5),
        metric="accuracy",
        mode="max",
        run={"stop": {"training_iteration": 20}},
    )
    assert [result.metrics["training_iteration"] for result in results] == [10, 20]
    with JournalReader(Path(results.experiment_path)) as reader:
        records = [entry.record for entry in reader.entries()]
    assert any(
        isinstance(it, Completed) and it.reason == "its score is below 1.5" for it in records
    )
    assert sum(isinstance(it, Measured) for it in records) == 2
    # Verified where its class is known: nothing is imported by what a journal names.
    assert check_run(Path(results.experiment_path)).difference is None


def test_a_journal_names_the_class_that_is_not_here(fit, monkeypatch):
    results = fit(
        rise,
        param_space={"lr": 1.0},
        scheduler=StopBelow(bound=0.0),
        metric="accuracy",
        mode="max",
        run={"stop": {"training_iteration": 2}},
    )
    monkeypatch.delattr(f"{__name__}.StopBelow")
    with pytest.raises(RunUnreadable, match=r"StopBelow.*import the module"):
        check_run(Path(results.experiment_path))


def test_there_is_one_class_to_derive_from():
    assert custom.AbstractScheduler is AbstractScheduler
    assert all(hasattr(custom, name) for name in custom.__all__)
    with pytest.raises(TypeError):
        AbstractScheduler()


@pytest.mark.parametrize("scheduler", [3, "pbt", StopBelow, object()])
def test_what_is_no_scheduler_is_named(scheduler):
    with pytest.raises(SettingsError, match=r"scheduler must be one of pbtune.tune.schedulers"):
        tune.TuneConfig(scheduler=scheduler)


def test_rays_base_class_is_there_to_say_what_to_do():
    class Mine(TrialScheduler):
        def on_trial_result(self, controller, trial, result):
            return "CONTINUE"

    with pytest.raises(SettingsError, match=r"docs/schedulers.md shows how"):
        tune.TuneConfig(scheduler=Mine())
