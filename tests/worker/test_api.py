import numpy as np
import pytest

import pbtune
from pbtune import train, tune
from pbtune.errors import NotInATrial
from pbtune.worker import api


def test_report_outside_a_trial_warns_and_does_nothing():
    with pytest.warns(UserWarning, match=r"report\(\) was called outside a trial"):
        assert tune.report({"loss": 1}) is None


def test_the_warning_points_at_the_user_s_line():
    with pytest.warns(UserWarning, match="outside a trial") as caught:
        tune.report({"loss": 1})
    assert caught[0].filename == __file__


def test_get_checkpoint_outside_a_trial_warns_and_gives_none():
    with pytest.warns(UserWarning, match=r"get_checkpoint\(\) was called outside a trial"):
        assert tune.get_checkpoint() is None


def test_outside_a_trial_every_checkpoint_is_due_so_that_code_saves():
    with pytest.warns(UserWarning, match=r"checkpoint_due\(\) was called outside a trial"):
        assert tune.checkpoint_due() is True


def test_a_new_checkpoint_outside_a_trial_is_an_error_since_it_has_no_place():
    with pytest.raises(NotInATrial, match="there is no trial here"), tune.new_checkpoint():
        pytest.fail("a folder was handed out")


def test_the_context_outside_a_trial_answers_none():
    context = tune.get_context()
    assert context.get_trial_id() is None
    assert context.get_trial_name() is None
    assert context.get_trial_dir() is None
    assert context.get_trial_resources() is None
    assert context.get_experiment_name() is None
    assert context.get_storage() is None
    assert context.get_world_size() == 1
    assert context.get_world_rank() == context.get_local_rank() == 0


def test_the_context_inside_a_trial_says_who_and_where(inside, tmp_path):
    context = tune.get_context()
    assert context.get_trial_id() == context.get_trial_name() == "t0"
    assert context.get_trial_dir() == str(tmp_path / "run" / "t0")
    assert context.get_experiment_name() == "run"
    assert context.get_storage() == str(tmp_path / "run")
    assert context.get_trial_resources() == {}


def test_calls_reach_the_session_that_was_entered_last(session, channel):
    outer, inner = session(trial="t1"), session(trial="t2")
    api.enter(outer)
    api.enter(inner)
    tune.report({"loss": 1})
    api.leave()
    tune.report({"loss": 1})
    api.leave()
    assert [message.trial for message in channel.streamed] == ["t2", "t1"]


def test_report_passes_metrics_and_checkpoint_on(inside, channel, folder):
    tune.report({"loss": 1}, checkpoint=tune.Checkpoint.from_directory(folder))
    assert channel.streamed[0].checkpoint.id == "t0/checkpoint_000000"
    assert tune.get_checkpoint().path.endswith("t0/checkpoint_000000")


def test_a_new_checkpoint_is_a_folder_inside_the_run(inside, tmp_path):
    with tune.new_checkpoint() as path:
        assert path.startswith(str(tmp_path / "run" / "t0"))


def test_without_a_rule_no_checkpoint_is_due_inside_a_trial(inside):
    assert tune.checkpoint_due() is False


@pytest.mark.parametrize("value", [1, 1.5, np.float32(1.0)])
def test_a_number_is_reported_under_tune_s_own_name(inside, channel, value):
    api.report_value(value)
    assert channel.streamed[0].metrics.startswith(b'{"_metric":1')


def test_nothing_is_reported_of_nothing(inside, channel):
    api.report_value(None)
    assert channel.streamed == []


def test_both_spellings_are_the_same_functions():
    assert train.report is tune.report
    assert train.get_checkpoint is tune.get_checkpoint
    assert train.get_context is tune.get_context
    assert pbtune.train is train
