"""Tune's small helpers, and the settings that are only accepted."""

import logging

import pytest

import pbtune
from pbtune import tune
from pbtune.air import ScalingConfig
from pbtune.errors import NotInPbtune, SettingsError
from pbtune.tune import utils
from pbtune.tune.logger import pretty_print
from pbtune.tune.tune_config import ResumeConfig


def test_nested_dicts_are_flattened_and_looked_up_again():
    nested = {"a": {"b": {"c": 1}}, "d": [1, {"e": 2}], "empty": {}}
    flat = utils.flatten_dict(nested, flatten_list=True)
    assert flat == {"a/b/c": 1, "d/0": 1, "d/1/e": 2, "empty": {}}
    assert utils.unflattened_lookup("d/1/e", nested) == 2
    assert utils.unflattened_lookup("a/x", nested, default=7) == 7
    with pytest.raises(KeyError, match="a/x"):
        utils.unflattened_lookup("a/x", nested)
    with pytest.raises(SettingsError, match="holds"):
        utils.flatten_dict({"a/b": {"c": 1}}, prevent_delimiter=True)


def test_a_dict_is_updated_deeply_and_only_where_it_may_be():
    base = {"a": {"b": 1, "type": "x"}, "c": {"d": 1}}
    assert utils.merge_dicts(base, {"a": {"e": 2}})["a"] == {"b": 1, "type": "x", "e": 2}
    assert base["a"] == {"b": 1, "type": "x"}
    with pytest.raises(KeyError, match="no 'new' to update"):
        utils.deep_update({"a": 1}, {"new": 2})
    update = {"c": {"new": 2}}
    assert utils.deep_update({"c": {}}, update, allow_new_subkey_list=["c"]) == update
    changed = utils.deep_update(
        {"a": {"b": 1, "type": "x"}}, {"a": {"type": "y"}}, override_all_if_type_changes=["a"]
    )
    assert changed == {"a": {"type": "y"}}
    assert utils.deep_update({"a": {"b": 1}}, {"a": {}}, override_all_key_list=["a"]) == {"a": {}}


def test_a_slow_block_is_warned_of(caplog):
    with caplog.at_level(logging.WARNING), utils.warn_if_slow("loading", threshold=-1):
        pass
    with utils.warn_if_slow("saving", threshold=60):
        pass
    assert "loading took" in caplog.text
    assert "saving" not in caplog.text


def test_a_function_is_called_until_it_does_not_raise():
    calls = []

    def fragile():
        calls.append(1)
        if len(calls) < 3:
            raise OSError

    assert utils.retry_fn(fragile, OSError, num_retries=3, sleep_time=0)
    assert not utils.retry_fn(lambda: 1 / 0, ZeroDivisionError, num_retries=2, sleep_time=0)


def test_waiting_for_a_gpu_names_those_that_are_seen(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-x")
    assert utils.wait_for_gpu()
    assert utils.wait_for_gpu(1)
    assert pbtune.get_gpu_ids() == [3, "GPU-x"]
    with pytest.raises(RuntimeError, match="no GPU 7"):
        utils.wait_for_gpu(7)


def test_what_cannot_be_sent_is_printed(capsys):
    held = (it for it in ())
    assert utils.diagnose_serialization(lambda config: None)
    assert not utils.diagnose_serialization(lambda config: list(held))
    assert "can't be sent to workers" in capsys.readouterr().out


class Forgetful(tune.Trainable):
    def step(self):
        return {"training_iteration": 1}

    def save_checkpoint(self, checkpoint_dir):
        return {}

    def load_checkpoint(self, checkpoint):
        pass


def test_a_class_that_does_not_go_on_is_found():
    with pytest.raises(SettingsError, match="the next iteration is 1, not 4"):
        utils.validate_save_restore(Forgetful)


def test_a_result_is_printed_one_value_a_line():
    result = {"b": {"c": [1, None]}, "a": True, "config": {"x": 1}, "left": None, "out": 1}
    assert pretty_print(result, exclude={"out"}) == "a: true\nb:\n  c:\n  - 1\n  - null\n"


def test_a_date_is_as_in_the_names_of_runs():
    assert len(utils.date_str()) == len("2026-11-29_04-30-00")


def test_scaling_is_what_a_trial_asks_for():
    assert ScalingConfig().total_resources == {"CPU": 1.0}
    config = ScalingConfig(num_workers=2, use_gpu=True, trainer_resources={"CPU": 1})
    assert config.as_placement_group_factory().bundles == [
        {"GPU": 1.0, "CPU": 2.0},
        {"GPU": 1.0, "CPU": 1.0},
    ]
    asked = ScalingConfig(num_workers=1, use_gpu=True, resources_per_worker={"CPU": 4})
    assert (asked.num_cpus_per_worker, asked.num_gpus_per_worker) == (4.0, 1.0)
    assert asked == ScalingConfig(num_workers=1, use_gpu=True, resources_per_worker={"CPU": 4})
    with pytest.raises(SettingsError, match="num_workers"):
        ScalingConfig(num_workers=-1)


def test_what_a_resumed_run_does_with_its_trials_can_be_said_in_one_object():
    assert ResumeConfig().flags() == (True, False, False)
    types = ResumeConfig.ResumeType
    assert ResumeConfig(errored=types.RESTART).flags() == (True, False, True)
    assert ResumeConfig(unfinished="skip", errored="resume").flags() == (False, True, False)
    with pytest.raises(SettingsError, match="errored must be one of"):
        ResumeConfig(errored="again")
    with pytest.raises(NotInPbtune, match="wider bounds"):
        ResumeConfig(finished="resume")
    with pytest.raises(NotInPbtune, match="name_1"):
        ResumeConfig(unfinished="restart")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: tune.RunConfig(local_dir="x"), "use storage_path"),
        (lambda: tune.RunConfig(storage_filesystem=object()), "give a URL"),
        (lambda: tune.TuneConfig(chdir_to_trial_dir=True), "get_trial_dir"),
    ],
)
def test_settings_that_are_not_here_say_so(make, said):
    with pytest.raises(NotInPbtune, match=said):
        make()


def test_settings_that_mean_nothing_here_are_accepted():
    sync = tune.SyncConfig(sync_period=5)
    assert tune.RunConfig(sync_config=sync).sync_config == tune.SyncConfig(sync_period=5)
    with pytest.raises(SettingsError, match="function of the trial"):
        tune.TuneConfig(trial_name_creator="t")


def test_outside_a_trial_there_is_none():
    assert tune.get_trial_id() is None
    assert tune.get_trial_name() is None
    assert tune.get_trial_dir() is None
    assert tune.get_trial_resources() is None
    with pytest.raises(DeprecationWarning):
        tune.get_context().get_metadata()
