"""The only loop: commit, then adopt, then tell; nothing of an attempt that is over counts."""

import pytest

from pbtune.core.decisions import Exploited, Ranked, Released, Started
from pbtune.core.events import Noticed, Opened, Reported, Saved
from pbtune.core.plan import Continue, Start, Stop
from pbtune.driver.trash import TRASH_COUNT_MAX
from pbtune.executors.inline import InlineExecutor
from pbtune.executors.messages import Died, Errored, Finished
from pbtune.worker.protocol import WorkerSettings


@pytest.fixture
def opened(house):
    """A house whose run has begun: every slot runs a member."""

    def make(**options):
        made = house(**options)
        made.driver.react([Opened(1)])
        return made

    return make


def finished(house, trial):
    return Finished(trial, house.attempt(trial))


def test_a_run_begins_with_its_members_and_their_first_attempts(opened):
    made = opened(members=3, slots=2)
    assert made.journal.kinds() == ["Opened", *["Created"] * 3, *["Started"] * 2]
    assert [command.trial for command in made.executor.commands] == ["t0", "t1"]


def test_every_attempt_is_committed_before_it_is_started(opened, house):
    made = house(members=3, slots=2)
    told = []

    def check(command):
        if isinstance(command, Start):
            told.append((command.trial, command.attempt))
            assert told[-1] in [(it.trial, it.attempt) for it in made.journal.of(Started)]

    made.executor.on_command = check
    made.driver.react([Opened(1)])
    made.say(made.asks("t0", 2, saves=True))
    made.say(made.asks("t1", 2, saves=True, score=-1.0))
    assert len(told) >= 4


def test_a_report_and_its_consequences_are_one_commit_before_the_verdict(opened):
    made = opened()
    verdicts = []

    def check(command):
        verdicts.append(command)
        assert ("t0", 1, 2) in made.journal.steps()
        assert made.journal.of(Ranked)

    made.executor.on_command = check
    made.say(made.asks("t0", 2, saves=True))
    assert [type(command) for command in verdicts] == [Continue]
    entries = [
        it for it in made.journal.entries() if isinstance(it.record, (Saved, Reported, Ranked))
    ]
    assert len(entries) == 3
    assert len({entry.commit for entry in entries}) == 1


def test_all_that_waits_is_one_commit(opened):
    made = opened()
    before = list(made.journal.entries())[-1].commit
    messages = [made.asks("t0", 2, saves=True), made.asks("t1", 2, saves=True)]
    for message in messages:
        made.executor.hear(message)
    made.driver.turn(messages)
    assert {it.commit for it in made.journal.entries()} == {*range(1, before + 2)}
    assert len(made.journal.of(Ranked)) == 2


def test_a_commit_that_fails_tells_nobody_and_changes_nothing(opened):
    made = opened(keep=1)
    notices = []
    made.driver.on_notice = notices.append
    made.say(made.asks("t0", 2, saves=True))
    state, records, saved = made.state, made.journal.records, made.saved()
    commands, rows = list(made.executor.commands), made.journal.steps()

    def fail(records, rows):
        raise OSError(28, "No space left on device")

    made.journal.on_append = fail
    with pytest.raises(OSError, match="No space left"):
        made.say(made.asks("t1", 4, notices=(("unread-hyperparameter", "lr"),)))
    assert made.state is state
    assert made.journal.records == records
    assert made.journal.steps() == rows
    assert made.executor.commands == commands
    assert made.saved() == saved
    assert notices == []


def test_what_nobody_waits_for_is_no_commit(opened):
    made = opened()
    made.journal.on_append = lambda records, rows: pytest.fail("there was nothing to commit")
    made.driver.turn([])


def test_messages_of_an_old_attempt_are_dropped(opened):
    made = opened(max_failures=-1)
    made.say(Died("t0", 1, "killed"))
    assert made.attempt("t0") == 2
    records, rows = made.journal.records, made.journal.steps()
    old = [
        made.asks("t0", 5, attempt=1),
        made.streams("t0", 6, attempt=1),
        Finished("t0", 1),
        Errored("t0", 1, "ValueError", "late", ""),
        Died("t0", 1, "again"),
    ]
    for message in old:
        made.driver.turn([message])
    assert made.journal.records == records
    assert made.journal.steps() == rows


def test_messages_of_a_member_that_has_ended_or_was_never_there_are_dropped(opened):
    made = opened()
    made.say(finished(made, "t0"))
    records, rows = made.journal.records, made.journal.steps()
    made.driver.turn([made.asks("t0", 5), made.streams("t0", 6), Finished("t9", 1)])
    assert made.journal.records == records
    assert made.journal.steps() == rows


def test_a_message_of_an_attempt_that_ends_in_the_same_batch_is_dropped(opened):
    made = opened(interval=None, stop=(("training_iteration", 3.0),))
    messages = [made.asks("t0", 3), made.streams("t0", 4)]
    made.executor.hear(messages[0])
    made.driver.turn(messages)
    assert made.journal.steps() == [("t0", 1, 3)]


def test_streamed_reports_are_stored_without_events(opened):
    made = opened()
    records = made.journal.records
    made.driver.turn([made.streams("t0", step) for step in (1, 2, 3)])
    assert made.journal.steps() == [("t0", 1, step) for step in (1, 2, 3)]
    assert made.journal.records == records


def test_a_streamed_checkpoint_is_an_event(opened):
    made = opened()
    made.driver.turn([made.streams("t0", 1, saves=True)])
    assert made.journal.kinds()[-2:] == ["Saved", "Reported"]
    assert made.state.trials["t0"].restore.checkpoint == "t0/checkpoint_000000"


def test_released_checkpoints_are_deleted_only_after_the_commit_that_says_so(house):
    made = house(members=1, slots=1, keep=1, interval=None, stop=(("training_iteration", 6.0),))
    seen = []

    def check(records, rows):
        for record in records:
            if isinstance(record, Released):
                seen.extend(record.checkpoints)
                assert set(record.checkpoints) <= set(made.saved())

    made.journal.on_append = check
    made.executor.script.extend(
        (lambda step=step: [made.asks("t0", step, saves=True)]) for step in range(1, 7)
    )
    made.driver.run()
    assert len(seen) == 5
    assert made.saved() == ["t0/checkpoint_000005"]


def test_deletions_wait_for_an_idle_moment(house):
    made = house(members=1, slots=1, keep=1, interval=None, stop=(("training_iteration", 9.0),))
    there = []

    def nothing():
        there.append(len(made.saved()))
        return []

    made.executor.script.extend(
        [
            lambda: [made.asks("t0", 1, saves=True)],
            lambda: [made.asks("t0", 2, saves=True)],
            lambda: [made.asks("t0", 3, saves=True)],
            *[nothing] * 3,
            lambda: [made.asks("t0", 9)],
        ]
    )
    made.driver.run()
    assert there == [3, 2, 1]


def test_deletions_do_not_wait_for_ever(opened):
    made = opened(members=1, slots=1, keep=1, interval=None)
    for step in range(TRASH_COUNT_MAX + 4):
        made.say(made.asks("t0", step + 1, saves=True))
    assert len(made.saved()) == TRASH_COUNT_MAX + 1


def test_a_donor_s_checkpoint_outlives_its_own_trial_s_interest(opened):
    made = opened(keep=1)
    made.say(made.asks("t0", 2, saves=True, score=9.0))
    made.say(made.asks("t1", 2, saves=True, score=1.0))
    (copied,) = made.journal.of(Exploited)
    assert copied.checkpoint == "t0/checkpoint_000000"
    made.say(made.asks("t0", 4, saves=True, score=9.0))
    made.driver.turn([])
    assert "t0/checkpoint_000000" in made.saved()
    assert copied.checkpoint not in [
        it for one in made.journal.of(Released) for it in one.checkpoints
    ]


@pytest.mark.parametrize("code", ["unread-hyperparameter", "checkpoint-ignored"])
def test_a_notice_is_told_once_in_a_run(opened, code):
    made = opened()
    told = []
    made.driver.on_notice = told.append
    made.say(made.asks("t0", 2, saves=True, notices=((code, "lr"),)))
    made.say(made.asks("t1", 2, saves=True, notices=((code, "lr"),)))
    assert len(told) == 1
    assert [notice.text for notice in made.journal.of(Noticed)] == told


def test_notices_about_different_hyperparameters_are_all_told(opened):
    made = opened()
    told = []
    made.driver.on_notice = told.append
    both = (("unread-hyperparameter", "lr"), ("unread-hyperparameter", "decoy"))
    made.say(made.asks("t0", 2, saves=True, notices=both))
    assert len(told) == 2


def test_a_notice_that_comes_with_the_end_of_a_function_is_told_too(opened):
    made = opened()
    made.say(Finished("t0", 1, (("unread-hyperparameter", "lr"),)))
    assert len(made.journal.of(Noticed)) == 1


def test_members_that_block_without_a_checkpoint_are_named_once(opened):
    made = opened()
    for trial in ("t0", "t1"):
        made.say(made.asks(trial, 4))
    (notice,) = made.journal.of(Noticed)
    assert (notice.trial, notice.code) == ("t0", "no-checkpoint")


@pytest.mark.parametrize(
    "said",
    [
        {"step": 2, "saves": True},
        {"step": 3, "done": True},
        # It ends before anybody could have copied it.
        {"step": 3},
    ],
)
def test_a_member_whose_checkpoint_would_change_nothing_is_not_named(opened, said):
    made = opened(stop=(("training_iteration", 3.0),))
    made.say(made.asks("t0", **said))
    assert made.journal.of(Noticed) == []


def test_a_checkpoint_that_came_in_the_same_batch_counts(opened):
    made = opened()
    messages = [made.streams("t0", 1, saves=True), made.asks("t0", 4)]
    made.executor.hear(messages[1])
    made.driver.turn(messages)
    assert made.journal.of(Noticed) == []


def test_without_a_ranking_scheduler_nobody_needs_checkpoints(opened):
    made = opened(interval=None, stop=(("training_iteration", 3.0),))
    made.say(made.asks("t0", 3))
    assert made.journal.of(Noticed) == []


def test_what_was_on_its_way_when_the_run_ended_is_stored_and_decides_nothing(house):
    made = house(fail_fast=True)

    def fail():
        made.executor.late = [
            made.streams("t1", 1),
            made.asks("t1", 2, saves=True),
            made.streams("t1", 3, attempt=0),
            Finished("t1", 1),
        ]
        return [Errored("t0", 1, "ValueError", "over", "")]

    made.executor.script.append(fail)
    state = made.driver.run()
    assert state.halted == "t0 failed: over"
    assert made.journal.steps() == [("t1", 1, 1), ("t1", 1, 2)]
    assert made.journal.kinds()[-1] == "Halted"


def test_in_a_halted_run_everybody_is_stopped(opened):
    made = opened(fail_fast=True)
    made.say(Errored("t0", 1, "ValueError", "over", ""))
    assert made.executor.commands[-1] == Stop(1, "t1", 1)


def test_no_worker_outlives_a_driver_that_fails(house):
    made = house()

    def broken():
        raise KeyboardInterrupt

    made.executor.script.append(broken)
    with pytest.raises(KeyboardInterrupt):
        made.driver.run()
    assert made.executor.closed_count == 1


def test_a_fatal_error_is_kept_for_who_asked(opened):
    made = opened()
    fatal = Errored("t0", 1, "MetricMissing", "report() lacks 'score'", "", fatal=True)
    made.say(fatal)
    assert str(made.driver.fatal) == fatal.message
    assert made.state.halted == "report() lacks 'score'"


def test_fewer_slots_than_there_are_can_be_asked_for(house):
    made = house(members=3, slots=3)
    made.driver.slots_max = 1
    made.driver.react([Opened(1)])
    assert [command.trial for command in made.executor.commands] == ["t0"]
    assert len(made.state.trials) == 3


def test_records_bear_the_wall_clock_and_no_decision_depends_on_it(house):
    made = house(members=1, slots=1, stop=(("training_iteration", 2.0),))

    def later():
        made.clock.jump(60)
        return [made.asks("t0", 2, saves=True)]

    made.executor.script.append(later)
    made.driver.run()
    assert {entry.at for entry in made.journal.entries()} == {1000.0, 1060.0}


def test_a_silent_moment_is_used_for_the_journal(house):
    made = house(members=1, slots=1, stop=(("training_iteration", 2.0),))
    made.executor.script.extend([list, lambda: [made.asks("t0", 2, saves=True)]])
    made.driver.run()
    assert made.journal.idle_count == 1


def test_an_error_of_the_driver_is_not_taken_for_the_function_s_own(house, tmp_path):
    made = house(members=1, slots=1, max_failures=-1)
    calls = []

    def train(config):
        from pbtune import tune

        calls.append(config)
        tune.report({"score": 1.0, "training_iteration": 4})

    def fail(records, rows):
        if rows:
            raise OSError(28, "No space left on device")

    made.journal.on_append = fail
    settings = WorkerSettings(str(tmp_path), "run", ("score", "training_iteration"))
    made.driver._executor = InlineExecutor(settings, train, {})
    with pytest.raises(OSError, match="No space left"):
        made.driver.run()
    assert len(calls) == 1
    assert made.journal.kinds() == ["Opened", "Created", "Started"]
