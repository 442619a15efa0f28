"""What workers say, as events and rows: the fence that keeps old attempts out."""

import pytest

from pbtune.core.events import Failed, Noticed, Opened, Reported, Returned, Saved
from pbtune.driver.translate import translate
from pbtune.executors.messages import Died, Errored, Finished


@pytest.fixture
def said(house):
    """A house whose t0 runs, and what its messages mean there."""
    made = house(keep=1)
    made.driver.react([Opened(1)])

    def mean(message):
        return translate(made.driver._settings, made.state, message)

    mean.house = made
    return mean


def test_a_streamed_report_is_only_a_row(said):
    meant = said(said.house.streams("t0", 3))
    assert meant.events == ()
    row = meant.row
    assert (row.trial, row.attempt, row.segment, row.step, row.time_total_s) == ("t0", 1, 0, 3, 3.0)
    assert (row.metrics, row.checkpoint) == (b"{}", None)


def test_a_report_with_a_checkpoint_is_first_saved_and_then_reported(said):
    meant = said(said.house.asks("t0", 2, saves=True))
    saved, reported = meant.events
    assert isinstance(saved, Saved)
    assert isinstance(reported, Reported)
    assert (saved.checkpoint, saved.step, saved.progress) == ("t0/checkpoint_000000", 2, 2.0)
    assert (saved.file_count, saved.bytes) == (1, len("weights"))
    assert reported.reports[0].checkpoint == meant.row.checkpoint == saved.checkpoint
    assert reported.reports[0].observed == {"score": 2.0}


@pytest.mark.parametrize(
    ("attribute", "score"), [(None, None), ("score", 0.5), ("eval/loss", pytest.approx(0.25))]
)
def test_a_checkpoint_is_kept_by_the_score_that_was_asked_for(house, attribute, score):
    made = house()
    made.driver.react([Opened(1)])
    settings = made.driver._settings
    retention = type(settings.retention)(1, attribute)
    settings = type(settings)(
        settings.objective, settings.scheduler, settings.param_space, retention=retention
    )
    asked = made.asks("t0", 2, saves=True, score=0.5, **{"eval/loss": 0.25})
    assert translate(settings, made.state, asked).events[0].score == score


def test_the_end_of_a_function_is_a_return_behind_its_notices(said):
    meant = said(Finished("t0", 1, (("unread-hyperparameter", "lr"),)))
    noticed, returned = meant.events
    assert isinstance(noticed, Noticed)
    assert noticed.text.startswith("'lr' is mutated, but the training function never reads it")
    assert returned == Returned("t0", 1)


def test_an_exception_is_a_failure_with_all_that_it_said(said):
    (failed,) = said(Errored("t0", 1, "ValueError", "bad", "Traceback …", fatal=True)).events
    assert failed == Failed("t0", 1, "ValueError", "bad", "Traceback …", fatal=True)


def test_an_attempt_that_found_no_space_is_lost_and_not_failed(said):
    (failed,) = said(Errored("t0", 1, "OSError", "full", "Traceback …", lost=True)).events
    assert failed == Failed("t0", 1, "OSError", "full", "Traceback …", lost=True)


def test_a_death_is_a_failure_too(said):
    (failed,) = said(Died("t0", 1, "killed by SIGKILL")).events
    assert (failed.error, failed.message) == ("WorkerDied", "killed by SIGKILL")
    assert not failed.fatal


@pytest.mark.parametrize(("trial", "attempt"), [("t0", 0), ("t0", 2), ("t9", 1)])
def test_a_message_of_an_attempt_that_is_not_running_means_nothing(said, trial, attempt):
    assert said(Finished(trial, attempt)) is None
    assert said(Died(trial, attempt, "killed")) is None
    if trial == "t0":
        assert said(said.house.asks(trial, 1, attempt=attempt)) is None
        assert said(said.house.streams(trial, 1, attempt=attempt)) is None
