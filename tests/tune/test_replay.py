"""Policies: what a run leaves for a replay, and the replay of it."""

import json
from pathlib import Path

import pytest

from pbtune import tune
from pbtune.errors import NoResult, SettingsError
from pbtune.tune.schedulers import PopulationBasedTraining
from pbtune.tune.schedulers.pbt import PopulationBasedTrainingReplay
from pbtune.tune.schedulers.replay import read_policy

ROWS = [
    ["1_lr=3", "2_lr=9", 4, 5, {"lr": 9.0}, {"lr": 9.5}],
    ["3", "1_lr=3", 9, 10, {"lr": 9.5}, {"lr": 8.0, "on": True}],
    ["0", "3", 14, 15, {"lr": 8.0, "on": True}, {"lr": 7.0, "on": True}],
]


def climb(config):
    """Rises by its rate, and saves what it has."""
    from pathlib import Path

    from pbtune import tune

    step, score = 0, 0.0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as path:
            words = (Path(path) / "state.txt").read_text().split()
        step, score = int(words[0]), float(words[1])
    while True:
        step += 1
        score += config["net"]["rate"] * config["scale"]
        with tune.new_checkpoint() as path:
            (Path(path) / "state.txt").write_text(f"{step} {score!r}")
            saved = tune.Checkpoint.from_directory(path)
            tune.report({"score": score}, checkpoint=saved)


SPACE = {"net": {"rate": tune.uniform(0.0, 1.0)}, "scale": 2}
STOP = {"stop": {"training_iteration": 20}}


def trained(fit, **settings):
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration", perturbation_interval=3, synch=True, **settings
    )
    return fit(
        climb,
        param_space=SPACE,
        scheduler=scheduler,
        metric="score",
        mode="max",
        num_samples=4,
        run=STOP,
        slots=2,
    )


def replayed(replay, name, tmp_path, **settings):
    tuner = tune.Tuner(
        climb,
        tune_config=tune.TuneConfig(scheduler=replay, **settings),
        run_config=tune.RunConfig(name=name, storage_path=tmp_path, verbose=0, **STOP),
    )
    return tuner.fit()


def policy(tmp_path, rows, name="pbt_policy_x_00000.txt"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_run_leaves_tunes_files_and_each_replays_to_the_same_score(fit, tmp_path):
    results = trained(fit)
    folder, best = Path(results.experiment_path), results.get_best_result()
    rows = [json.loads(line) for line in (folder / "pbt_global.txt").read_text().splitlines()]
    assert len(rows) == sum(len(row) == 6 for row in rows) > 0
    assert {row[0].split("_")[0] for row in rows} <= {"0", "1", "2", "3"}
    assert all(row[4]["scale"] == row[5]["scale"] == 2 for row in rows)
    path = min(folder.glob("pbt_policy_*.txt"))
    copied = next(it for it in results if path.name == f"pbt_policy_{Path(it.path).name}.txt")
    for at, (source, result) in enumerate([(folder, best), (path, copied)]):
        (again,) = replayed(PopulationBasedTrainingReplay(source), f"again{at}", tmp_path)
        assert again.metrics["score"] == result.metrics["score"]
        configs = [it.config for it in result.schedule.pieces]
        assert [it.config for it in again.schedule.pieces] == configs
    schedule = PopulationBasedTrainingReplay(copied.schedule)
    assert schedule.policy == PopulationBasedTrainingReplay(path).policy


def test_a_policy_leads_back_through_every_donor(fit):
    results = trained(fit)
    folder = Path(results.experiment_path)
    for result in results:
        path = folder / f"pbt_policy_{Path(result.path).name}.txt"
        pieces = result.schedule.pieces
        if len(pieces) == 1:
            assert not path.exists()
            continue
        first, changes = read_policy(path)
        assert first == pieces[0].config
        assert changes == [(it.start_step, it.config) for it in pieces[1:]]


def test_without_log_config_no_files_are_left(fit):
    results = trained(fit, log_config=False)
    assert list(Path(results.experiment_path).glob("pbt_*.txt")) == []


def test_after_a_resume_the_files_are_whole_again(fit):
    results = trained(fit)
    folder = Path(results.experiment_path)
    before = {path.name: path.read_text() for path in folder.glob("pbt_*.txt")}
    (folder / "pbt_global.txt").write_text("torn")
    (folder / "pbt_policy_t9.txt").write_text("of nobody")
    tuner = tune.Tuner.restore(folder, climb, stop={"training_iteration": 26})
    tuner.fit()
    after = {path.name: path.read_text() for path in folder.glob("pbt_*.txt")}
    assert after["pbt_global.txt"].startswith(before["pbt_global.txt"])
    assert len(after["pbt_global.txt"]) > len(before["pbt_global.txt"])
    assert "pbt_policy_t9.txt" not in after


def test_rays_policy_file_is_followed_from_its_end(tmp_path):
    replay = PopulationBasedTrainingReplay(policy(tmp_path, ROWS))
    assert replay.config == {"lr": 9.0}
    assert replay.policy == [(5, {"lr": 9.5}), (10, ROWS[1][5]), (15, ROWS[2][5])]


def test_rows_before_a_broken_link_were_overwritten(tmp_path):
    rows = [["7", "8", 1, 2, {"lr": 1.0}, {"lr": 2.0}], *ROWS[1:]]
    replay = PopulationBasedTrainingReplay(str(policy(tmp_path, rows)))
    assert replay.config == {"lr": 9.5}
    assert [step for step, _ in replay.policy] == [10, 15]


def test_a_change_that_a_later_one_went_back_behind_never_was(tmp_path):
    rows = [ROWS[0], ["3", "1_lr=3", 9, 4, {"lr": 9.5}, {"lr": 8.0}]]
    assert PopulationBasedTrainingReplay(policy(tmp_path, rows)).policy == [(4, {"lr": 8.0})]


@pytest.mark.parametrize("text", ["no json", "[1, 2]", '["a", "b", 1, 2, {}, 3]', "{}"])
def test_what_is_no_policy_is_named(tmp_path, text):
    path = tmp_path / "policy.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match="Could not read PBT policy file"):
        PopulationBasedTrainingReplay(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="Policy file not found"):
        PopulationBasedTrainingReplay(tmp_path / "gone.txt")


def test_a_trial_that_a_run_lacks_is_named(fit):
    results = trained(fit)
    with pytest.raises(NoResult, match="has no trial 't9'"):
        PopulationBasedTrainingReplay(results.experiment_path, trial="t9")


def test_more_than_one_trial_is_refused_before_anything_starts(fit, tmp_path):
    replay = PopulationBasedTrainingReplay(policy(tmp_path, ROWS))
    with pytest.raises(SettingsError, match="a replay trains one trial"):
        fit(climb, scheduler=replay, num_samples=2)
    assert not (tmp_path / "run").exists()


def test_an_empty_policy_trains_the_config_of_the_space(tmp_path, fit):
    path = tmp_path / "pbt_policy_t0.txt"
    path.write_text("\n")
    space = {"net": {"rate": 1.0}, "scale": 1}
    (result,) = fit(
        climb, param_space=space, scheduler=PopulationBasedTrainingReplay(path), run=STOP
    )
    assert result.metrics["score"] == 20.0


def test_the_scheduler_is_made_by_its_name(tmp_path):
    path = policy(tmp_path, ROWS)
    made = tune.create_scheduler("pbt_replay", policy_file=path, metric="left out")
    assert made.policy[0] == (5, {"lr": 9.5})
