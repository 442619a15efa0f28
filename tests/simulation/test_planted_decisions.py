"""Prove the tools: faults of one line each, planted into draws, copies, checkpoints and ranking.

A fault exists only while its test runs; the table says which tool has to find it, and how.
"""

import random
from itertools import count

import msgspec
import pytest

from pbtune.checkpoints.store import LocalStore
from pbtune.core import decisions as d
from pbtune.core import experiment, explore, fold, plan, selection
from pbtune.core.ranking import quantiles
from pbtune.core.schedulers import population
from pbtune.core.schedulers.pbt import PBT
from pbtune.core.trial import Status, Trial
from pbtune.driver.trash import LoopTrash

PLANTED = {}
replace = msgspec.structs.replace


def planted(*tool, says=""):
    """Adds a fault to the table: the tool that has to find it, and what that has to say."""

    def add(plant):
        PLANTED[plant.__name__.replace("_", " ")] = (plant, tool, says)
        return plant

    return add


# Law 4: randomness has an address, and no decision depends on who came first.


@planted("simulator", says="would be decided again")
def draws_come_from_the_process(patch):
    patch.setattr(population, "rng_for", lambda *_: random)


@planted("scheduler", "test_deciding_draws_nothing_from_the_global_generator")
def exploring_draws_from_the_global_generator(patch):
    patch.setattr(explore, "rng_for", lambda *_: random)


@planted("simulator", "scheduler=sync", says="Difference")
def a_retry_draws_other_numbers(patch):
    seed_for, calls = plan.seed_for, count()
    patch.setattr(plan, "seed_for", lambda seed, *_: seed_for(seed, "attempt", "", next(calls)))


@planted("simulator", "scheduler=sync", "quantile=0.5", says="Difference")
def donors_are_in_the_order_of_a_dict(patch):
    put = experiment.put

    def moved_to_the_end(state, new, *args, **kwargs):
        state = put(state, new, *args, **kwargs)
        others = {name: it for name, it in state.trials.items() if name != new.id}
        return replace(state, trials={**others, new.id: new})

    def rivals(self, contest):
        bottom, top = quantiles(contest.ranking, contest.fraction)
        if contest.trial not in {name for *_, name in bottom}:
            return None
        names = {name for is_number, *_, name in top if is_number}
        return [name for name in contest.trials if name in names]

    patch.setattr(fold, "put", moved_to_the_end)
    patch.setattr(selection.Truncation, "rivals", rivals)


# Law 5: checkpoints, and copies of one ranked report.


@planted("simulator", says="needs it")
def retention_ignores_pins(patch):
    patch.setattr(Trial, "pins", lambda self: [])


@planted("laws", says="a law of the core")
def a_ranked_checkpoint_is_not_pinned(patch):
    patch.setattr(Trial, "pins", lambda it: [it.restore.checkpoint] if it.restore else [])


@planted("simulator", "reopens=true", "max_failures=0", "death=0.2", "keep=1", says="needs it")
def a_reopened_member_keeps_a_rank_whose_checkpoint_is_gone(patch):
    patch.setattr(fold, "_revived", lambda it: it)


@planted("simulator", "keep=1", says="leaves the files there")
def released_checkpoints_are_never_deleted(patch):
    patch.setattr(LoopTrash, "add", lambda self, names, size_bytes: None)


@planted("simulator", "keep=1", says="saved twice")
def numbers_of_checkpoints_are_given_twice(patch):
    start = plan._start_command
    patch.setattr(plan, "_start_command", lambda *it: replace(start(*it), checkpoint_number=0))


@planted("simulator", "scheduler=pbt", says="takes another config")
def a_copy_takes_the_config_that_its_donor_has_now(patch):
    explored = PBT.explored

    def of_now(self, state, it, rank, *rest):
        now = next((one.config for one in state.trials.values() if one.rank is rank), rank.config)
        return explored(self, state, it, replace(rank, config=now), *rest)

    patch.setattr(PBT, "explored", of_now)


@planted("simulator", says="takes")
def a_copy_takes_the_newest_weights(patch):
    judge = population.AbstractPopulation._replace

    def newest(self, state, *rest):
        copied = judge(self, state, *rest)
        if not isinstance(copied, d.Exploited):
            return copied
        return replace(copied, checkpoint=state.trials[copied.donor].own or copied.checkpoint)

    patch.setattr(population.AbstractPopulation, "_replace", newest)


@planted("simulator", says="from weights of step")
def a_copy_goes_on_from_its_own_checkpoint(patch):
    exploited = fold._FOLDS[d.Exploited]

    def stay(state, record):
        old, state = state.trials[record.trial].restore, exploited(state, record)
        point = state.trials[record.trial].restore
        name = point.checkpoint if old is None else old.checkpoint
        new = replace(state.trials[record.trial], restore=replace(point, checkpoint=name))
        return fold.put(state, new)

    patch.setitem(fold._FOLDS, d.Exploited, stay)


@planted("simulator", "backtrack=true", "scheduler=pbt", says="takes")
def a_copy_of_the_best_ever_is_told_as_one_of_the_last(patch):
    exploited = population.exploited

    def last(*args, from_pin, **changes):
        return exploited(*args, from_pin=False, **changes)

    patch.setattr(population, "exploited", last)


@planted("store", "test_verify_tells_a_checkpoint_that_is_gone")
def a_missing_checkpoint_is_well(patch):
    patch.setattr(LocalStore, "verify", lambda self, committed: None)


# Ranking, the gate, the lease.


@planted("simulator", "nan_share=0.3")
def nan_is_sorted_natively(patch):
    patch.setattr(experiment, "entry", lambda score, index, name: (True, score, index, name))


@planted("simulator", "quantile=0.0", says="nobody should")
def the_last_none_is_everyone(patch):
    def sliced(entries, fraction):
        size = len(quantiles(entries, fraction)[0])
        best_first = list(reversed(entries))
        return best_first[-size:], best_first[:size]

    patch.setattr(selection, "quantiles", sliced)


@planted("simulator", "quantile=0.5", says="is replaced by")
def the_best_are_replaced(patch):
    patch.setattr(selection, "quantiles", lambda *it: tuple(reversed(quantiles(*it))))


@planted("simulator", "scheduler=sync", says="not at its end")
def the_gate_waits_for_the_dead(patch):
    at_gate = population.AbstractPopulation.at_gate

    def patient(self, state, objective, *, event):
        everybody = replace(state, live_count=len(state.trials))
        return at_gate(self, everybody, objective, event=event)

    patch.setattr(population.AbstractPopulation, "at_gate", patient)


@planted("scheduler", "test_a_report_that_no_rule_blocks_decides_nothing")
def a_lease_lets_too_much_pass(patch):
    rules = population.AbstractPopulation.rules
    patch.setattr(
        population.AbstractPopulation,
        "rules",
        lambda self, it: tuple(replace(one, at_least=one.at_least + 1) for one in rules(self, it)),
    )


@planted("simulator", "scheduler=sync", "death=0.0", "hang=0.0")
def a_member_at_the_gate_is_started_again(patch):
    waiting = {Status.PENDING, Status.PAUSED}

    def entry(it):
        return (it.progress, it.index, it.id) if it.status in waiting else None

    patch.setattr(experiment, "_waiting_entry", entry)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name, monkeypatch, search):
    plant, tool, says = PLANTED[name]
    plant(monkeypatch)
    found = search(400, *tool)
    assert found is not None
    assert says in found
    # A fault that was planted badly would only raise.
    assert not {"TypeError", "AttributeError", "NameError"} & set(found.split(":"))


@pytest.mark.slow
@pytest.mark.parametrize("tool", sorted({tool for _, tool, _ in PLANTED.values()}), ids=" ".join)
def test_without_a_bug_the_same_tool_finds_nothing(tool, search):
    assert search(40, *tool) is None


def test_there_are_enough_of_them():
    assert len(PLANTED) >= 20
