"""Taking a run up again: what goes on, what stays, what is refused, and what is kept for it."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

import pbtune
from pbtune import tune
from pbtune.core.events import Damaged, Reconfigured, Rewound
from pbtune.errors import RunUnreadable, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.tune.logger import CSVLoggerCallback, JsonLoggerCallback

UNTIL = 4
CANARY = "canary-5d41402abc4b"


@pytest.fixture
def marks(tmp_path):
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture
def climb(marks):
    """Counts steps, and writes each into marks/<trial>. A file marks/stop or marks/fail ends it."""

    def climb(config):
        trial = tune.get_context().get_trial_id()
        checkpoint, step = tune.get_checkpoint(), 0
        if checkpoint is not None:
            step = json.loads(Path(checkpoint.path, "step").read_text())
        while True:
            step += 1
            if step == 3 and (marks / "stop").exists():
                raise KeyboardInterrupt
            if step == 3 and (marks / "fail").exists():
                raise ValueError("as it was told")
            with (marks / trial).open("a") as log:
                log.write(f"{step} ")
            with tune.new_checkpoint() as folder:
                Path(folder, "step").write_text(json.dumps(step))
                saved = tune.Checkpoint.from_directory(folder)
                tune.report({"score": step * config["lr"]}, checkpoint=saved)

    return climb


@pytest.fixture
def tuner(tmp_path, climb):
    """Two members in this process: ``tuner(seed=1, space={...}, resume="auto", ...)``."""
    pbtune.init(executor="inline")

    def call(function=climb, *, seed=1, space=None, samples=2, until=UNTIL, **run):
        return tune.Tuner(
            function,
            param_space={"lr": tune.uniform(0.0, 1.0)} if space is None else space,
            tune_config=tune.TuneConfig("max", "score", num_samples=samples, seed=seed),
            run_config=tune.RunConfig(
                name="run",
                storage_path=tmp_path / "runs",
                stop={"training_iteration": until},
                verbose=0,
                **run,
            ),
        )

    yield call
    pbtune.shutdown()


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "runs" / "run"


@pytest.fixture
def steps(marks):
    """The steps that each trial has done, repeated ones too."""
    return lambda: [
        [int(step) for step in (marks / trial).read_text().split()]
        for trial in sorted(it.name for it in marks.glob("t*"))
    ]


@pytest.fixture
def stopped(tuner, marks, run_dir):
    """A run that Ctrl-C ended in its first trial, after two steps; the second hasn't begun."""

    def call(**settings):
        (marks / "stop").touch()
        with pytest.raises(KeyboardInterrupt):
            tuner(**settings).fit()
        (marks / "stop").unlink()
        return run_dir

    return call


@pytest.fixture
def failed(tuner, marks, run_dir):
    """A run whose two trials have failed after two steps each."""
    (marks / "fail").touch()
    assert tuner().fit().num_errors == 2
    (marks / "fail").unlink()
    return run_dir


def records(run_dir, kind):
    with JournalReader(run_dir) as reader:
        return [it.record for it in reader.entries() if isinstance(it.record, kind)]


def series(results):
    return [[row["training_iteration"] for row in result.rows] for result in results]


def test_an_interrupted_run_goes_on_where_it_was(stopped, steps):
    run_dir = stopped()
    assert steps() == [[1, 2]]
    assert tune.Tuner.can_restore(run_dir)
    results = tune.Tuner.restore(run_dir).fit()
    assert steps() == [[1, 2, 3, 4], [1, 2, 3, 4]]
    assert series(results) == [[1, 2, 3, 4], [1, 2, 3, 4]]
    assert results.num_terminated == 2


def test_the_same_script_started_again_goes_on(stopped, tuner, steps):
    stopped(resume="auto")
    tuner(resume="auto").fit()
    assert steps() == [[1, 2, 3, 4], [1, 2, 3, 4]]


def test_unfinished_trials_stay_as_they_are_if_asked(stopped, steps):
    results = tune.Tuner.restore(stopped(), resume_unfinished=False).fit()
    assert steps() == [[1, 2]]
    assert series(results) == [[1, 2], []]


@pytest.mark.parametrize(
    ("flags", "first", "errors"),
    [
        ({}, [1, 2], 2),
        ({"resume_errored": True}, [1, 2, 3, 4], 0),
        ({"restart_errored": True}, [1, 2, 1, 2, 3, 4], 0),
        ({"resume_errored": True, "restart_errored": True}, [1, 2, 3, 4], 0),
    ],
)
def test_failed_trials_go_on_or_start_anew_only_if_asked(failed, steps, flags, first, errors):
    results = tune.Tuner.restore(failed, **flags).fit()
    assert steps() == [first, first]
    assert results.num_errors == errors


def test_a_higher_bound_lets_finished_trials_go_on(tuner, run_dir, steps):
    tuner().fit()
    results = tune.Tuner.restore(run_dir, stop={"training_iteration": 6}).fit()
    assert steps() == [[1, 2, 3, 4, 5, 6]] * 2
    assert series(results) == [[1, 2, 3, 4, 5, 6]] * 2


def test_more_samples_leave_the_first_ones_alone(tuner, run_dir, steps):
    before = tuner().fit()
    after = tune.Tuner.restore(run_dir, num_samples=3).fit()
    assert steps() == [[1, 2, 3, 4]] * 3
    assert [it.config for it in after][:2] == [it.config for it in before]


def test_a_moved_run_and_its_copy_both_go_on(stopped, steps, tmp_path):
    run_dir = stopped()
    moved, copied = tmp_path / "elsewhere" / "moved", tmp_path / "copied"
    shutil.copytree(run_dir, copied)
    moved.parent.mkdir()
    run_dir.rename(moved)
    for folder in (moved, copied):
        results = tune.Tuner.restore(folder).fit()
        assert series(results) == [[1, 2, 3, 4]] * 2
        assert Path(results[0].path).parent == folder
        assert Path(results[0].checkpoint.path).is_dir()
    assert steps() == [[1, 2, 3, 4, 3, 4], [1, 2, 3, 4, 1, 2, 3, 4]]


def test_a_finished_run_gives_its_results_and_runs_nothing(tuner, run_dir, steps):
    first = tuner().fit()
    size = (run_dir / "run.db").stat().st_size
    for again in (tune.Tuner.restore(run_dir), tuner(resume="auto")):
        results = again.fit()
        assert [it.metrics for it in results] == [it.metrics for it in first]
        assert again.get_results() is results
    assert steps() == [[1, 2, 3, 4]] * 2
    assert (run_dir / "run.db").stat().st_size == size


CHANGES = {
    "seed": ({"seed": 2}, "objective/seed: 1 → 2"),
    "space": ({"space": {"lr": tune.uniform(0.0, 2.0)}}, r"param_space/lr/upper: 1\.0 → 2\.0"),
    "name": ({}, "trainable: 'climb' → 'other'|trainable: climb → other"),
}


@pytest.fixture(params=list(CHANGES))
def changed(request, tuner, climb):
    """A tuner of the same run under other settings, and what the refusal says of them."""
    settings, said = CHANGES[request.param]

    def other(config):
        climb(config)

    function = other if request.param == "name" else climb
    return lambda resume: tuner(function, resume=resume, **settings), said


def test_other_settings_are_refused_with_the_difference(stopped, changed, steps):
    stopped()
    tuner, said = changed
    with pytest.raises(SettingsError, match=said):
        tuner("auto").fit()
    assert steps() == [[1, 2]]


def test_other_settings_that_are_meant_are_journalled(stopped, changed, steps):
    run_dir = stopped()
    tuner, _ = changed
    tuner("override").fit()
    assert steps() == [[1, 2, 3, 4], [1, 2, 3, 4]]
    (record,) = records(run_dir, Reconfigured)
    assert len(record.changes) == 1


def test_a_folder_that_is_no_run_is_not_restored(tmp_path):
    assert not tune.Tuner.can_restore(tmp_path)
    with pytest.raises(RunUnreadable, match="no run of pbtune"):
        tune.Tuner.restore(tmp_path)


def damage(checkpoint):
    (checkpoint / "step").write_text("99")


def test_a_damaged_checkpoint_is_gone_behind_loudly(stopped, steps):
    run_dir = stopped()
    damage(run_dir / "t0" / "checkpoint_000001")
    with pytest.warns(UserWarning, match=r"t0/checkpoint_000001 is damaged .*going back"):
        results = tune.Tuner.restore(run_dir).fit()
    assert steps()[0] == [1, 2, 2, 3, 4]
    assert series(results) == [[1, 2, 3, 4]] * 2
    assert [it.checkpoint for it in records(run_dir, Damaged)] == ["t0/checkpoint_000001"]
    assert [it.checkpoint for it in records(run_dir, Rewound)] == ["t0/checkpoint_000000"]


def test_with_no_whole_checkpoint_left_a_trial_starts_from_nothing(stopped, steps):
    run_dir = stopped()
    for number in (0, 1):
        damage(run_dir / "t0" / f"checkpoint_{number:06d}")
    with pytest.warns(UserWarning, match="is damaged"):
        tune.Tuner.restore(run_dir).fit()
    assert steps()[0] == [1, 2, 1, 2, 3, 4]


def test_only_the_owner_can_read_what_is_kept(stopped):
    run_dir = stopped()
    modes = {it.name: stat.S_IMODE(it.stat().st_mode) for it in [run_dir, *run_dir.iterdir()]}
    assert modes == {
        "run": 0o700,
        "t0": 0o700,
        "run.db": 0o600,
        "driver.lock": 0o600,
        "tuner.pkl": 0o600,
    }


def holders(run_dir, text):
    return [it for it in run_dir.rglob("*") if it.is_file() and text.encode() in it.read_bytes()]


SECRETS = {
    "text": {"api_key": CANARY},
    "nested": {"login": {"password": CANARY}},
    "choice": {"auth_token": tune.choice([CANARY, f"{CANARY}-2"])},
    "grid": {"secret": tune.grid_search([CANARY, f"{CANARY}-2"])},
    "list": {"credentials": [CANARY]},
    "dict": {"aws_credentials": {"id": CANARY}},
    "bytes": {"private_key": CANARY.encode()},
    "number": {"password": int.from_bytes(CANARY.encode())},
    "header": {"Authorization": f"Bearer {CANARY}"},
    "list of dicts": {"logins": [{"passphrase": CANARY}], "pair": ({"pwd": CANARY},)},
    "choice of dicts": {"login": tune.choice([{"password": CANARY}])},
    "grid of dicts": {"login": tune.grid_search([{"password": CANARY}])},
    "odd keys": {"logins": {1: {"password": CANARY}}},
}


@pytest.mark.parametrize("where", list(SECRETS))
def test_a_secret_of_the_config_is_in_no_file(stopped, tuner, where, steps):
    space = {"lr": 0.5, **SECRETS[where]}
    run_dir = stopped(space=space)
    assert holders(run_dir, CANARY) == []
    # Given again, as the script does, the run goes on with it.
    tuner(space=space, resume="auto").fit()
    assert steps()[0] == [1, 2, 3, 4]
    assert holders(run_dir, CANARY) == []
    assert holders(run_dir, str(int.from_bytes(CANARY.encode()))) == []


def test_a_secret_that_a_function_draws_is_in_no_file(tuner, run_dir):
    space = {"lr": 0.5, "access_token": tune.sample_from(lambda: f"{CANARY}-drawn")}
    results = tuner(space=space, samples=1).fit()
    assert results[0].config["access_token"] == f"{CANARY}-drawn"
    assert holders(run_dir, "-drawn") == []


def test_loggers_do_not_see_secrets(tuner, run_dir):
    space = {
        "lr": 0.5,
        "api_key": CANARY,
        "logins": {1: {"password": CANARY}},
        "more": {1: [({"token": CANARY},)]},
        "model": object,
    }
    loggers = [JsonLoggerCallback(), CSVLoggerCallback()]
    results = tuner(space=space, samples=1, callbacks=loggers).fit()
    assert results[0].config["api_key"] == CANARY
    assert holders(run_dir, CANARY) == []
    params = json.loads((run_dir / "t0" / "params.json").read_text())
    assert params == {
        "lr": 0.5,
        "api_key": "***",
        "logins": {"1": {"password": "***"}},
        "more": {"1": [[{"token": "***"}]]},
        "model": str(object),
    }


def test_without_its_secret_a_run_is_not_restored(stopped, steps):
    space = {"lr": 0.5, "api_key": CANARY}
    run_dir = stopped(space=space)
    with pytest.raises(SettingsError, match="param_space/api_key"):
        tune.Tuner.restore(run_dir).fit()
    tune.Tuner.restore(run_dir, param_space=space).fit()
    assert steps()[0] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 512),
        ("tokenizer", "bpe-512"),
        ("author", "Ada"),
        ("auto", "yes"),
        ("token_dropout", tune.uniform(0.0, 1.0)),
        ("secret_layers", tune.choice([2])),
    ],
)
def test_what_only_sounds_like_a_secret_is_kept(stopped, name, value):
    run_dir = stopped(space={"lr": 0.5, name: value})
    config = tune.Tuner.restore(run_dir).fit()[0].config
    assert holders(run_dir, str(config[name])) != []


def test_the_environment_is_in_no_file(stopped, monkeypatch):
    monkeypatch.setenv("HARMLESS_NAME", CANARY)
    assert holders(stopped(), CANARY) == []
    assert os.environ["HARMLESS_NAME"] == CANARY


def test_a_folder_whose_driver_died_before_the_first_record_is_used(tuner, run_dir):
    run_dir.mkdir(parents=True)
    for name in ("driver.lock", "tuner.pkl", ".run.db-new"):
        (run_dir / name).write_bytes(b"half")
    results = tuner(resume="auto").fit()
    assert Path(results[0].path).parent == run_dir
    assert not (run_dir / ".run.db-new").exists()


def test_a_folder_with_something_else_in_it_is_left_alone(tuner, run_dir):
    run_dir.mkdir(parents=True)
    (run_dir / "thesis.tex").touch()
    with pytest.warns(UserWarning, match="'run' is taken: this run is 'run_1'"):
        tuner(resume="auto").fit()
    assert [it.name for it in run_dir.iterdir()] == ["thesis.tex"]
