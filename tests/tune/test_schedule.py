"""The schedule of a result: an object, a file, a function, a picture."""

import json
import math
import pickle
import sys
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.core.values import Ref
from pbtune.errors import NoResult, RunUnreadable, SettingsError
from pbtune.tune.schedule import FORMAT, Schedule, SchedulePiece
from pbtune.tune.schedulers import PopulationBasedTraining

PNG = b"\x89PNG\r\n\x1a\n"
STEPS = 12


class Relu:
    """An activation, as an object that no journal can hold."""


def climb(config):
    """The score climbs by ``lr`` a step, so a schedule is checked by its sum."""
    checkpoint, state = tune.get_checkpoint(), [0.0, 0]
    if checkpoint is not None:
        state = json.loads(Path(checkpoint.path, "state.json").read_text())
    score, step = state
    while step < STEPS:
        step, score = step + 1, score + config["lr"]
        with tune.new_checkpoint() as folder:
            Path(folder, "state.json").write_text(json.dumps([score, step]))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"score": score}, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    pbtune.init(executor="inline")
    tuner = tune.Tuner(
        climb,
        param_space={"lr": tune.loguniform(1e-3, 1.0), "net": {"width": 8}, "act": Relu},
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            num_samples=4,
            seed=3,
            scheduler=PopulationBasedTraining("training_iteration", perturbation_interval=2),
        ),
        run_config=tune.RunConfig("climb", tmp_path_factory.mktemp("runs"), verbose=0),
    )
    try:
        return tuner.fit()
    finally:
        pbtune.shutdown()


@pytest.fixture
def schedule():
    pieces = [
        SchedulePiece(0, 4, {"lr": 0.1, "net": {"width": 8}, "act": "relu"}, "t0"),
        SchedulePiece(4, 10, {"lr": 0.02, "net": {"width": 8}, "act": "tanh"}, "t1"),
        SchedulePiece(10, 12, {"lr": 0.001, "net": {"width": 16}, "act": "tanh"}, "t2"),
    ]
    return Schedule(pieces, trial="t2", run="climb", mutated=("lr", "net/width"))


def test_every_trials_score_is_the_sum_of_its_schedule(trained):
    for result in trained:
        schedule = result.schedule
        assert schedule.end_step == STEPS
        total = sum(schedule.value("lr", step) for step in range(1, STEPS + 1))
        assert result.metrics["score"] == pytest.approx(total)


def test_the_winners_schedule_is_what_the_run_gives_without_a_name(trained):
    best = trained.get_best_result()
    assert Schedule.from_run(trained.experiment_path) == best.schedule
    assert best.schedule.trial == best.trial_id
    assert any(len(result.schedule) > 1 for result in trained)


def test_the_last_config_is_the_results_own_with_the_users_own_objects(trained):
    best = trained.get_best_result()
    assert best.schedule.at(STEPS) == best.config
    assert best.schedule.value("act", STEPS) is Relu


def test_from_the_journal_alone_an_object_is_its_name(trained):
    alone = Schedule.from_run(trained.experiment_path)
    assert alone.value("act", 1) == Ref("act")
    assert alone.at(1)["act"] == Ref("act")
    again = Schedule.from_json(trained.get_best_result().schedule.to_json())
    assert again == alone


def test_a_trial_that_is_not_there_is_named_beside_those_that_are(trained):
    with pytest.raises(NoResult, match="no trial 't9'; it has t0, t1, t2, t3"):
        Schedule.from_run(trained.experiment_path, "t9")


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(RunUnreadable, match="no run"):
        Schedule.from_run(tmp_path)


def test_a_run_without_a_metric_has_no_winner(tmp_path):
    pbtune.init(executor="inline")
    config = tune.RunConfig("run", tmp_path, verbose=0)
    results = tune.Tuner(lambda _: {"score": 1}, param_space={"lr": 2}, run_config=config).fit()
    pbtune.shutdown()
    with pytest.raises(NoResult, match="no winner so far: name a trial, as in trial='t0'"):
        Schedule.from_run(results.experiment_path)
    assert results[0].schedule.at(1) == {"lr": 2}


def test_each_step_has_the_config_of_its_piece(schedule):
    lrs = [schedule.at(step)["lr"] for step in range(1, 13)]
    assert lrs == [0.1] * 4 + [0.02] * 6 + [0.001] * 2


def test_outside_its_steps_the_first_and_the_last_config_hold(schedule):
    assert [schedule.value("lr", step) for step in (-5, 0, 12.5, math.inf)] == [
        *(0.1, 0.1),
        *(0.001, 0.001),
    ]


def test_changing_what_it_gives_changes_nothing(schedule):
    schedule.at(1)["net"]["width"] = 99
    schedule.value("net", 1)["width"] = 99
    schedule.to_dict()["pieces"][0]["config"]["net"]["width"] = 99
    assert schedule.value("net/width", 1) == 8


def test_a_hyperparameter_is_a_function_of_the_step(schedule):
    rate = schedule.function("lr")
    assert [rate(1), rate(4), rate(5), rate(100)] == [0.1, 0.1, 0.02, 0.001]


def test_a_function_may_count_from_zero_as_frameworks_do(schedule):
    rate = schedule.function("lr", first=0)
    assert [rate(0), rate(3), rate(4), rate(10)] == [0.1, 0.1, 0.02, 0.001]


def test_a_function_travels_to_other_processes(schedule):
    rate = pickle.loads(pickle.dumps(schedule.function("net/width")))
    assert [rate(1), rate(11)] == [8, 16]


def test_an_unknown_hyperparameter_is_named_at_once(schedule):
    for ask in (lambda: schedule.value("lrr", 1), lambda: schedule.function("lrr")):
        with pytest.raises(SettingsError, match="no 'lrr' at step 1; it has act, lr, net/width"):
            ask()


def test_there_is_no_step_nan(schedule):
    with pytest.raises(SettingsError, match="no step NaN"):
        schedule.at(math.nan)


def test_json_and_dicts_come_back_as_they_were(schedule, tmp_path):
    path = tmp_path / "schedule.json"
    text = schedule.to_json(path)
    assert path.read_text() == text
    assert Schedule.from_json(text) == Schedule.from_json(path) == schedule
    assert Schedule.from_json(str(path)) == Schedule.from_dict(schedule.to_dict()) == schedule


def test_the_json_is_plain_for_other_programs(schedule):
    data = json.loads(schedule.to_json())
    assert (data["format"], data["run"], data["trial"]) == (FORMAT, "climb", "t2")
    assert data["pieces"][1] == {
        "trial": "t1",
        "start_step": 4,
        "end_step": 10,
        "config": {"lr": 0.02, "net": {"width": 8}, "act": "tanh"},
    }


def test_what_json_lacks_comes_back_too():
    config = {"sizes": (1, (2,)), "clip": math.inf, "big": 1 << 80, "$key": None}
    schedule = Schedule([SchedulePiece(0, 3, config)])
    assert Schedule.from_json(schedule.to_json()).at(1) == config
    nan = Schedule.from_json(Schedule([SchedulePiece(0, 1, {"x": math.nan})]).to_json())
    assert math.isnan(nan.value("x", 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no schedule of format 1: its format is None"),
        ('{"format":2}', "its format is 2"),
        ('{"format":1}', "this is no schedule: 'pieces'"),
        ('{"format":1,"pieces":[{"end_step":"x"}],"mutated":[]}', "this is no schedule"),
        ('{"format":1,"pieces":[],"mutated":[],"trial":"","run":""}', "not none"),
        ('{"format":', "this is no schedule"),
    ],
)
def test_what_is_no_schedule_is_refused(text, message):
    with pytest.raises(SettingsError, match=message):
        Schedule.from_json(text)


@pytest.mark.parametrize("steps", [[], [(1, 4)], [(0, 4), (5, 6)], [(0, 4), (4, 2)], [(0, 4)] * 2])
def test_pieces_have_to_follow_each_other(steps):
    with pytest.raises(SettingsError, match="must follow each other from step 0 on"):
        Schedule([SchedulePiece(start, end, {}) for start, end in steps])


def test_a_copy_that_has_not_reported_yet_is_an_empty_piece():
    schedule = Schedule([SchedulePiece(0, 4, {"lr": 1}), SchedulePiece(4, 4, {"lr": 2})])
    assert [schedule.value("lr", step) for step in (4, 5)] == [1, 2]


def test_csv_has_one_row_a_piece(schedule, tmp_path):
    path = tmp_path / "schedule.csv"
    text = schedule.to_csv(path)
    assert path.read_text() == text
    assert text.splitlines() == [
        "trial,start_step,end_step,config/lr,config/net/width,config/act",
        "t0,0,4,0.1,8,relu",
        "t1,4,10,0.02,8,tanh",
        "t2,10,12,0.001,16,tanh",
    ]


def test_csv_takes_lists_objects_and_keys_that_appear_late():
    pieces = [
        SchedulePiece(0, 1, {"sizes": [1, 2], "act": Ref("act")}),
        SchedulePiece(1, 2, {"sizes": (3,), "new": 'a,"b"'}),
    ]
    assert Schedule(pieces).to_csv().splitlines() == [
        "trial,start_step,end_step,config/sizes,config/act,config/new",
        ',0,1,"[1, 2]",act,',
        ',1,2,[3],,"a,""b"""',
    ]


@pytest.mark.slow
def test_a_data_frame_has_the_same_rows(schedule):
    frame = schedule.to_dataframe()
    assert frame.to_dict("records") == schedule.rows()


def test_without_pandas_the_rows_are_there_and_the_frame_says_what_to_install(
    schedule, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert len(schedule.rows()) == 3
    with pytest.raises(SettingsError, match=r"pip install 'pbtune\[pandas\]'"):
        schedule.to_dataframe()


def test_the_keys_are_those_that_are_mutated_else_those_that_change(schedule):
    assert schedule.keys == ["lr", "net/width"]
    assert Schedule(schedule.pieces).keys == ["lr", "net/width", "act"]
    assert Schedule(schedule.pieces[:1]).keys == []


def test_it_prints_in_one_short_line(schedule):
    assert repr(schedule) == (
        "<Schedule of t2: 3 pieces to step 12, lr 0.1 → 0.001, net/width 8 → 16>"
    )
    assert repr(Schedule(schedule.pieces[:1])) == "<Schedule of a trial: 1 piece to step 4>"


def test_a_notebook_shows_a_table_without_trusting_its_values():
    pieces = [
        SchedulePiece(0, 2, {"act": "<b>"}, "t0"),
        SchedulePiece(2, 4, {"act": Ref("act/1")}, "t1"),
        SchedulePiece(4, 5, {}, "t2"),
    ]
    shown = Schedule(pieces, mutated=("act",))._repr_html_()
    assert "<td>1 to 2</td><td>t0</td><td>&lt;b&gt;</td>" in shown
    assert "<td>3 to 4</td><td>t1</td><td>act/1</td>" in shown
    assert "<td>5 to 5</td><td>t2</td><td>-</td>" in shown


def test_schedules_are_equal_if_they_say_the_same(schedule):
    same = Schedule.from_dict(schedule.to_dict())
    other = Schedule(schedule.pieces[:2], trial="t2", run="climb")
    assert schedule == same
    assert hash(schedule) == hash(same)
    assert schedule != other
    assert schedule != "schedule"


@pytest.mark.slow
def test_a_picture_has_a_panel_for_each_hyperparameter(schedule, tmp_path):
    path = tmp_path / "schedule.png"
    figure = schedule.plot(path, keys=["lr", "net/width", "act"])
    assert path.read_bytes().startswith(PNG)
    panels = figure.axes[0].child_axes
    assert [panel.get_ylabel() for panel in panels] == ["lr", "net/width", "act"]
    assert [panel.get_yscale() for panel in panels[:2]] == ["log", "linear"]
    line = panels[0].get_lines()[0]
    assert list(line.get_xdata()) == [0, 4, 10, 12]
    assert list(line.get_ydata()) == [0.1, 0.1, 0.02, 0.001]


@pytest.mark.slow
def test_what_cannot_be_drawn_is_named(schedule, tmp_path):
    with pytest.raises(SettingsError, match="no 'lrr'"):
        schedule.plot(keys=["lrr"])
    with pytest.raises(SettingsError, match="nothing in this schedule changes: name the keys"):
        Schedule(schedule.pieces[:1]).plot()
    with pytest.raises(SettingsError, match="can't be written"):
        schedule.plot(tmp_path / "gone" / "schedule.png")


@pytest.mark.slow
def test_without_matplotlib_the_picture_says_what_to_install(schedule, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SettingsError, match=r"pip install 'pbtune\[plot\]'"):
        schedule.plot()
