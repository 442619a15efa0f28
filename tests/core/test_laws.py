"""What must hold in every run, whatever its members do; ``RandomRun`` checks it at each record."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbtune.core.decisions import (
    SCHEDULER_KINDS,
    Deferred,
    Exploited,
    GateOpened,
    Measured,
    Promoted,
    Traced,
)
from pbtune.core.experiment import Experiment
from pbtune.core.fold import fold

OF_OTHER_METHODS = {GateOpened, Measured, Promoted, Traced, Deferred}
TURN_COUNT = 60


@pytest.mark.slow
@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_whatever_members_do_the_state_stays_sound_and_needed_checkpoints_stay(random_run, seed):
    run = random_run(seed)
    for _ in range(TURN_COUNT):
        run.anything()


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_a_run_whose_members_make_progress_comes_to_its_end(random_run, seed):
    run = random_run(seed)
    for _ in range(TURN_COUNT // 2):
        run.anything()
    turns = 0
    while not run.state.is_finished:
        run.train()
        turns += 1
        assert turns < 2000


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_the_recorded_decisions_alone_give_the_state(random_run, seed):
    run = random_run(seed)
    for _ in range(TURN_COUNT):
        run.anything()
    state = Experiment()
    for record in run.records:
        state = fold(state, record)
    assert repr(state) == repr(run.state)


def test_the_same_seed_gives_the_same_run(random_run):
    runs = [random_run(5), random_run(5)]
    for run in runs:
        for _ in range(TURN_COUNT):
            run.anything()
    assert repr(runs[0].records) == repr(runs[1].records)


@pytest.mark.slow
def test_random_runs_are_worth_their_time(random_run):
    kinds, copies = set(), 0
    for seed in range(20):
        run = random_run(seed)
        for _ in range(TURN_COUNT):
            run.anything()
        kinds |= {type(record) for record in run.records}
        copies += sum(isinstance(record, Exploited) for record in run.records)
    assert kinds >= set(SCHEDULER_KINDS) - OF_OTHER_METHODS
    assert copies > 50
