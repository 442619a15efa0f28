"""The simulator itself: one seed is one run, and a failure can be repeated."""

import re

import msgspec
import pytest

from pbtune.core import decisions as d
from pbtune.core import events as e
from pbtune.driver.loop import Driver
from pbtune.testing.clock import VirtualClock
from pbtune.testing.options import Options, expand
from pbtune.testing.simulate import main, options_of, shown
from pbtune.testing.simulation import Simulation, decision_log, first_difference, simulate

CALM = Options(seed=1, population=3, slots=2, end_step=6)


def test_a_virtual_clock_moves_only_when_it_is_told_to():
    clock = VirtualClock(5.0)
    assert clock.now_s() == clock.wall_s() == 5.0
    clock.sleep(3600.0)
    assert clock.now_s() == clock.wall_s() == 3605.0


def test_the_same_seed_gives_the_same_run():
    for seed in range(10):
        first, second = (simulate(expand(seed)) for _ in range(2))
        assert repr(first) == repr(second)


def test_another_seed_gives_another_run():
    assert len({repr(simulate(expand(seed)).records) for seed in range(10)}) == 10


def test_a_run_without_faults_trains_every_member_to_its_end():
    outcome = simulate(CALM)
    assert outcome.violation is None
    assert outcome.sessions == 1
    assert [it.trial for it in outcome.records if isinstance(it, d.Created)] == ["t0", "t1", "t2"]
    assert len([it for it in outcome.records if isinstance(it, d.Completed)]) == 3
    assert any(isinstance(it, d.Exploited) for it in outcome.records)


def test_a_driver_that_dies_is_followed_by_another():
    outcome = simulate(msgspec.structs.replace(CALM, crashes=(20, 5)))
    assert outcome.violation is None
    assert (outcome.sessions, len(outcome.died_at)) == (3, 2)
    assert [it.session for it in outcome.records if isinstance(it, e.Opened)][-1] > 1


def test_a_driver_that_dies_loses_only_what_it_had_not_committed():
    whole = Simulation(CALM)
    cut = Simulation(msgspec.structs.replace(CALM, crashes=(30,)))
    ours, theirs = whole.run().records, cut.run().records
    opened = [at for at, it in enumerate(theirs) if isinstance(it, e.Opened)]
    assert repr(ours[: opened[1]]) == repr(theirs[: opened[1]])


def test_synchronous_decisions_are_the_same_however_often_somebody_dies():
    sync = msgspec.structs.replace(CALM, scheduler="sync", max_failures=-1)
    assert sync.is_comparable
    calm = simulate(sync)
    torn = simulate(msgspec.structs.replace(sync, crashes=(15, 9, 30), death=0.2, hang=0.1))
    assert torn.violation is None
    assert len(torn.records) > len(calm.records)
    assert decision_log(torn.records) == decision_log(calm.records)


def test_a_decision_log_tells_what_differs():
    ours = [d.Created("t0", 0, {"lr": 1}), d.Ranked("t0", 2, 0.5, 2.0, 9.0)]
    theirs = [d.Created("t0", 0, {"lr": 1}), d.Ranked("t0", 2, 0.25, 2.0, 7.0)]
    assert first_difference(ours, ours) is None
    assert "t0, decision 1" in (first_difference(ours, theirs) or "")
    assert "nothing more" in (first_difference(ours, ours[:1]) or "")


def test_times_slots_and_numbers_of_checkpoints_are_no_part_of_a_decision_log():
    def log(name, seconds):
        saved = e.Saved("t0", 1, name, 2, 2.0, seconds, digest="weights")
        return decision_log([saved, d.Ranked("t0", 2, 0.5, 2.0, seconds, name)])

    assert log("t0/checkpoint_000000", 1.0) == log("t0/checkpoint_000007", 9.0)


def test_options_can_be_replaced_by_name():
    options = options_of(3, ("population=9", "crashes=[4,5]", "scheduler=sync", "keep=null"))
    assert (options.population, options.crashes) == (9, (4, 5))
    assert (options.scheduler, options.keep) == ("sync", None)
    assert "population=9" in shown(options)


def test_an_option_that_is_not_there_is_named():
    with pytest.raises(SystemExit, match="populaton"):
        options_of(3, ("populaton=9",))


def test_a_failure_prints_its_options_and_the_command_that_repeats_it(monkeypatch, capsys):
    monkeypatch.setattr(Driver, "_is_new", lambda self, row: True)
    assert main(["--seeds", "0:4", "--set", "lie=0.9"]) == 1
    printed = capsys.readouterr().out
    assert "population=" in printed
    said = re.search(r"simulate (--seeds \d+:\d+ --set 'lie=0.9' --show)", printed)
    assert said is not None
    assert main(said[1].replace("'", "").split()) == 1
    assert "Violation" in capsys.readouterr().out


def test_runs_that_keep_their_promises_are_counted(capsys):
    assert main(["--seeds", "0:5"]) == 0
    assert capsys.readouterr().out.startswith("5 runs, 0 failures")


def test_the_records_of_a_run_can_be_read(capsys):
    assert main(["--seeds", "7", "--show"]) == 0
    printed = capsys.readouterr().out
    assert "a driver takes up the run, session 1" in printed
    assert printed.rstrip().endswith("every promise held")


@pytest.mark.slow
def test_seeds_can_be_shared_among_processes(capsys):
    assert main(["--seeds", "0:60", "--jobs", "2"]) == 0
    assert capsys.readouterr().out.startswith("60 runs, 0 failures")


@pytest.mark.slow
def test_a_sweep_kills_the_driver_before_each_operation(capsys):
    assert main(["--seeds", "1", "--sweep"]) == 0
    assert "0 failures" in capsys.readouterr().out
