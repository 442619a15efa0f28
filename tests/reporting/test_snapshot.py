"""The read model: what the journal says, folded."""

from pbtune.core.decisions import Created, Started
from pbtune.core.events import Opened
from pbtune.core.trial import Status
from pbtune.journal.reader import JournalReader
from pbtune.journal.sqlite import SqliteJournal
from pbtune.reporting.snapshot import RunView

MEMBERS, STEPS = 4, 12


def test_a_finished_run_is_ended_and_consistent(reader):
    view = RunView(reader)
    assert view.is_ended
    assert [trial.status for trial in view.trials] == [Status.DONE] * MEMBERS
    assert {trial.step for trial in view.trials} == {STEPS}
    view.experiment.validate()


def test_the_members_come_in_their_order(reader):
    assert [trial.index for trial in RunView(reader).trials] == list(range(MEMBERS))


def test_every_exploit_has_its_segment_its_config_and_its_checkpoint(reader):
    view = RunView(reader)
    assert view.exploits
    for exploit in view.exploits:
        record = exploit.record
        assert view.configs[record.trial, exploit.segment] == record.config
        saving = view.savings[record.checkpoint]
        assert saving.record.trial == record.donor
        assert saving.record.step == record.step
    for trial in view.trials:
        assert view.configs[trial.id, trial.segment] == trial.config


def test_every_attempt_that_reported_has_its_start(reader):
    view = RunView(reader)
    for report in reader.reports(superseded=True):
        start = view.starts[report.trial, report.attempt]
        assert start.segment == report.segment
        assert start.step < report.step


def test_the_view_knows_why_each_trial_ended_and_when(reader):
    view = RunView(reader)
    assert set(view.reasons) == {trial.id for trial in view.trials}
    assert view.failures == {}
    assert view.last_at >= view.header.created_at


def test_a_refresh_folds_only_what_is_new(made_up):
    folder = made_up([([Opened(1), Created("t0", 0, {"lr": 1.0})], [])])
    writer = SqliteJournal.open(folder / "run.db")
    with JournalReader(folder) as reader:
        view = RunView(reader)
        assert not view.is_ended
        assert view.refresh() is False
        writer.append([Started("t0", 1, 0, 0, 0, 0.0)], [], 1020.0)
        assert view.refresh() is True
        assert view.trials[0].status is Status.RUNNING
        assert view.last_at == 1020.0
        assert view.refresh() is False
    writer.close()


def test_a_run_in_which_nothing_happened_yet_is_no_ended_one(made_up):
    with JournalReader(made_up([])) as reader:
        view = RunView(reader)
    assert view.trials == []
    assert not view.is_ended
    assert view.last_at == view.header.created_at
