"""Prove the tools: faults of one line each, planted into commits, fences and recovery.

A fault exists only while its test runs; the table says which tool has to find it, and how.
"""

import msgspec
import pytest

from pbtune.core import events as e
from pbtune.core import fold, trial
from pbtune.core.plan import Running
from pbtune.core.trial import Status
from pbtune.driver import loop
from pbtune.driver.loop import Driver
from pbtune.driver.recover import Savings
from pbtune.errors import StorageFull, StorageUnwritable
from pbtune.executors.inline import InlineExecutor
from pbtune.executors.messages import Streamed
from pbtune.journal.folded import Folded
from pbtune.journal.memory import MemoryJournal

PLANTED = {}
replace = msgspec.structs.replace


def planted(*tool, says=""):
    """Adds a fault to the table: the tool that has to find it, and what that has to say."""

    def add(plant):
        PLANTED[plant.__name__.replace("_", " ")] = (plant, tool, says)
        return plant

    return add


# Law 2: a commit before everything else.


@planted("simulator", says="before its record is committed")
def a_command_before_its_commit(patch):
    commit, after = Driver._commit, Driver._after_commit
    waiting = []
    patch.setattr(Driver, "_commit", lambda self, *batch: waiting.append(batch))

    def late(self, records):
        if waiting:
            commit(self, *waiting.pop())
        after(self, records)

    patch.setattr(Driver, "_after_commit", late)


@planted("simulator", "full=0.2")
def a_full_disk_is_acknowledged(patch):
    def commit(self, records, rows):
        try:
            self._journal.append(records, rows, 0.0)
        except StorageFull:
            return

    patch.setattr(Driver, "_commit", commit)


@planted("simulator", "broken=0.1", says="whose last write has failed")
def a_failed_flush_is_tried_again(patch):
    def commit(self, records, rows):
        try:
            self._journal.append(records, rows, 0.0)
        except StorageUnwritable:
            self._journal.append(records, rows, 0.0)

    patch.setattr(Driver, "_commit", commit)


@planted("simulator", says="deleted before its release is committed")
def files_are_deleted_before_the_commit(patch):
    commit = Driver._commit

    def early(self, records, rows):
        for record in records:
            for name in getattr(record, "checkpoints", ()):
                self._store.delete(name)
        commit(self, records, rows)

    patch.setattr(Driver, "_commit", early)


@planted("simulator", "full=0.0", says="is acknowledged, and not stored")
def streamed_reports_are_not_stored(patch):
    translate = loop.translate

    def forget(settings, state, message):
        bare = isinstance(message, Streamed) and message.checkpoint is None
        return None if bare else translate(settings, state, message)

    patch.setattr(loop, "translate", forget)


@planted(
    "journal",
    "test_a_record_that_cannot_be_stored_takes_the_whole_commit_along",
    says="AssertionError",
)
def half_a_commit_is_stored(patch):
    append = MemoryJournal.append

    def one_by_one(self, records, rows, at):
        append(self, [], rows, at)
        return [append(self, [record], [], at) for record in records][-1]

    patch.setattr(MemoryJournal, "append", one_by_one)


@planted("simulator", says="isn't what the records fold to")
def what_is_kept_folded_is_a_turn_behind(patch):
    finish, before = Driver._finish, {}

    def note(self, *args):
        before[id(self)] = self.state
        finish(self, *args)

    def keep(self):
        state = before.get(id(self), self.state)
        self._journal.keep(Folded(state, self._savings.all(), tuple(self._notices)))
        self._unkept_count = 0

    patch.setattr(Driver, "_finish", note)
    patch.setattr(Driver, "_keep", keep)


# Law 3: fences, attempts, recovery.


@planted("simulator", "lie=0.5")
def a_message_of_an_old_attempt_is_accepted(patch):
    translate = loop.translate

    def unfenced(settings, state, message):
        now = state.trials.get(message.trial)
        attempt = message.attempt if now is None else now.attempt
        return translate(settings, state, replace(message, attempt=attempt))

    patch.setattr(loop, "translate", unfenced)


@planted("simulator", "lie=0.5", says="twice")
def a_report_that_comes_twice_is_accepted(patch):
    patch.setattr(Driver, "_is_new", lambda self, row: True)


@planted("simulator", "crashes=[60,3,8]", says="visible twice")
def recovering_twice_forgets_what_is_done_again(patch):
    opened = fold._FOLDS[e.Opened]

    def forgetful(state, record):
        state = opened(state, record)
        waiting = [it for it in state.trials.values() if it.slot is None]
        changed = {it.id: replace(it, redo=False) for it in waiting}
        return replace(state, trials={**state.trials, **changed})

    patch.setitem(fold._FOLDS, e.Opened, forgetful)


@planted("simulator", "max_failures=0", "poison=0.1", says="Difference")
def the_driver_s_death_counts_as_a_failure_of_its_members(patch):
    opened = fold._FOLDS[e.Opened]

    def blaming(state, record):
        names = list(state.slots.values())
        state = opened(state, record)
        blamed = {it: replace(state.trials[it], failures=1) for it in names}
        return replace(state, trials={**state.trials, **blamed})

    patch.setitem(fold._FOLDS, e.Opened, blaming)


@planted("simulator", "damage=0.2", says="can't go from PENDING to")
def a_failed_member_cannot_go_back(patch):
    narrow = frozenset({Status.RUNNING, Status.DONE, Status.FAILED})
    patch.setitem(trial.LEGAL, Status.PENDING, narrow)


@planted("simulator", "damage=0.3", "max_failures=-1", "poison=0.0", says="not at its end")
def damaged_checkpoints_are_trusted(patch):
    patch.setattr(Savings, "damage_of", lambda *_: [])


@planted("executor", "test_a_held_slot_says_so_until_it_is_let_go_on")
def a_worker_that_waits_does_not_say_so(patch):
    patch.setattr(InlineExecutor, "running", lambda self: [Running(0, *self._now)])


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
    assert len(PLANTED) >= 13
