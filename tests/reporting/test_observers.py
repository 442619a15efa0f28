"""What observers are told, from journals that are made up: in which order, and from where on."""

import json

import pytest

from pbtune.core.decisions import (
    Abandoned,
    Completed,
    Created,
    Exploited,
    Ranked,
    Retried,
    Started,
    Yielded,
)
from pbtune.core.events import (
    Failed,
    Noticed,
    Opened,
    Report,
    Reported,
    Returned,
    Saved,
    StoppedAll,
)
from pbtune.core.values import Ref
from pbtune.journal.sqlite import SqliteJournal
from pbtune.reporting.observers import CURSOR_NAME, Observers, Watch

HOOKS = {
    *("start", "restore", "save", "result", "complete", "recover", "error"),
}


class Recorder:
    """Has every hook, and keeps what it is told."""

    def __init__(self):
        self.told = []
        self.trials = {}

    def __getattr__(self, name):
        if name in {"on_checkpoint", "on_experiment_end", "setup", "on_look"} or (
            name.startswith("on_") and name.rpartition("_")[2] in HOOKS
        ):
            return lambda **info: self.note(name, info)
        raise AttributeError(name)

    def note(self, hook, info):
        trial, result = info.get("trial"), info.get("result")
        self.trials.update({it.trial_id: it for it in info.get("trials", ())})
        more = [] if trial is None else [trial.trial_id]
        more += [] if result is None else [result["training_iteration"]]
        self.told.append((hook.removeprefix("on_").removeprefix("trial_"), *more))

    def of_trials(self):
        return [it for it in self.told if it[0] not in {"setup", "look", "experiment_end"}]


@pytest.fixture
def observed():
    """What an observer is told of a run, from its stored cursor to the journal's end."""

    def watch(run_dir, *observers, **changes):
        observers = observers or (Recorder(),)
        said = []
        running = Observers(run_dir, observers, Watch(said.append, **changes))
        running.start()
        running.stop()
        assert said == []
        return observers[0]

    return watch


def created(index):
    return Created(f"t{index}", index, {"lr": 0.5}, {"lr": 0.5})


def started(trial, attempt=1, slot=0, **changes):
    fields = {"segment": 0, "step": 0, "time_total_s": 0.0}
    return Started(trial, attempt, slot, **{**fields, **changes})


def reported(trial, step, attempt=1):
    return Reported((Report(trial, attempt, step, step / 2),))


def saved(trial, step, attempt=1, number=0):
    return Saved(trial, attempt, f"{trial}/checkpoint_{number:06}", step, float(step), step / 2)


FIRST = [Opened(1), created(0), created(1), started("t0"), started("t1", slot=1)]


def test_results_come_before_the_checkpoint_that_came_with_them(made_up, row, observed):
    run_dir = made_up(
        [
            (FIRST, []),
            ([saved("t0", 1), reported("t0", 1)], [row("t0", 1, "{}")]),
        ]
    )
    assert observed(run_dir).of_trials() == [
        ("start", "t0"),
        ("start", "t1"),
        ("result", "t0", 1),
        ("checkpoint", "t0"),
        ("save", "t0"),
    ]


def test_streamed_reports_come_before_the_blocking_one_that_brought_them(made_up, row, observed):
    rows = [row("t0", 1, "{}"), row("t1", 1, "{}"), row("t0", 2, "{}"), row("t1", 2, "{}")]
    run_dir = made_up([(FIRST, []), ([reported("t0", 2)], rows)])
    assert observed(run_dir).of_trials()[2:] == [
        ("result", "t0", 1),
        ("result", "t1", 1),
        ("result", "t0", 2),
        ("result", "t1", 2),
    ]


def test_reports_of_an_attempt_come_after_its_start_and_before_its_end(made_up, row, observed):
    run_dir = made_up(
        [
            (FIRST[:2], []),
            ([started("t0")], []),
            ([], [row("t0", 1, "{}")]),
            ([Failed("t0", 1, "E", "no"), Retried("t0", 1), started("t0", 2)], []),
            ([], [row("t0", 1, "{}", attempt=2)]),
            ([Returned("t0", 2), Completed("t0", "returned")], [row("t0", 2, "{}", attempt=2)]),
        ]
    )
    assert observed(run_dir).of_trials() == [
        ("start", "t0"),
        ("result", "t0", 1),
        ("recover", "t0"),
        ("start", "t0"),
        ("result", "t0", 1),
        ("result", "t0", 2),
        ("complete", "t0"),
    ]


def test_a_copy_is_told_with_its_new_config_when_it_starts(made_up, row, observed):
    copy = Exploited(
        "t1", "t0", "t0", {"lr": 0.9}, "t0/checkpoint_000000", 1, 1.0, 0.5, 1.0, old_step=1
    )
    run_dir = made_up(
        [
            (FIRST, []),
            ([saved("t0", 1), reported("t0", 1)], [row("t0", 1, "{}")]),
            ([reported("t1", 1), Ranked("t1", 1, 0.0, 1.0, 0.5), copy], [row("t1", 1, "{}")]),
            ([started("t1", 2, 1, segment=1, step=1, checkpoint=copy.checkpoint)], []),
            ([], [row("t1", 2, "{}", attempt=2, segment=1)]),
        ]
    )
    seen = []

    class Looks:
        def on_trial_restore(self, iteration, trials, trial):
            seen.append((trial.config, trial.checkpoint, trial.status))

        def on_trial_result(self, iteration, trials, trial, result):
            seen.append(result["config"]["lr"])

    observed(run_dir, Looks(), checkpoint_at=lambda path: path.rpartition("/")[2])
    assert seen == [0.5, 0.5, ({"lr": 0.9}, "checkpoint_000000", "RUNNING"), 0.9]


def test_a_pause_tells_nothing_until_the_next_start(made_up, row, observed):
    run_dir = made_up(
        [
            (FIRST, []),
            ([saved("t0", 1), reported("t0", 1), Yielded("t0", 1)], [row("t0", 1, "{}")]),
        ]
    )
    recorder = observed(run_dir)
    assert recorder.of_trials()[-1] == ("save", "t0")
    assert recorder.trials["t0"].status == "PAUSED"


def test_only_the_report_that_ended_its_trial_is_done(made_up, row, observed):
    done = []

    class Looks:
        def on_trial_result(self, iteration, trials, trial, result):
            done.append((trial.trial_id, result["training_iteration"], result["done"]))

        def on_trial_complete(self, iteration, trials, trial):
            assert trial.last_result.get("done")

    ends = [reported("t0", 2), reported("t1", 1), Completed("t1", "x"), StoppedAll("y")]
    rows = [row("t0", 1, "{}"), row("t1", 1, "{}"), row("t0", 2, "{}")]
    observed(made_up([(FIRST, []), ([*ends, Completed("t0", "y")], rows)]), Looks())
    assert done == [("t0", 1, False), ("t1", 1, True), ("t0", 2, True)]


def test_a_failure_for_good_is_an_error_with_its_reason(made_up, observed):
    gone = [Failed("t0", 1, "WorkerDied", "killed"), Abandoned("t0", 1)]
    recorder = observed(made_up([(FIRST, []), (gone, [])]))
    assert recorder.of_trials()[-1] == ("error", "t0")
    trial = recorder.trials["t0"]
    assert (trial.status, trial.num_failures, trial.error) == ("ERROR", 1, "WorkerDied: killed")


def test_a_step_that_was_done_again_is_told_once(made_up, row, observed):
    again = started("t0", 2, supersedes=True)
    run_dir = made_up(
        [
            (FIRST, []),
            ([], [row("t0", 1, "{}"), row("t0", 2, "{}")]),
            ([Failed("t0", 1, "E", "no"), Retried("t0", 1), again], []),
            ([], [row("t0", 1, "{}", attempt=2)]),
        ]
    )
    results = [it for it in observed(run_dir).told if it[0] == "result"]
    assert results == [("result", "t0", 1)]


def test_a_logger_can_ask_for_every_row_that_was_told(made_up, row, observed):
    told = []

    class Asks:
        def on_trial_start(self, iteration, trials, trial):
            told.append((trial.is_redone, trial.rows()))

        def on_trial_result(self, iteration, trials, trial, result):
            told.append([it["training_iteration"] for it in trial.rows()])

    run_dir = made_up([(FIRST[:2], []), ([started("t0")], []), ([], [row("t0", 1, "{}")])])
    observed(run_dir, Asks())
    assert told == [(False, []), [1]]


def test_the_next_session_goes_on_behind_the_stored_cursor(made_up, row, observed):
    run_dir = made_up(
        [
            (FIRST[:2], []),
            ([started("t0")], []),
            ([saved("t0", 1), reported("t0", 1)], [row("t0", 1, '{"score": 3}')]),
        ]
    )
    assert len(observed(run_dir).of_trials()) == 4
    assert observed(run_dir).of_trials() == []
    journal = SqliteJournal.open(run_dir / "run.db")
    again = started("t0", 2, step=1, checkpoint="t0/checkpoint_000000", supersedes=True)
    journal.append([Opened(2), again], [], 1020.0)
    journal.append([], [row("t0", 2, '{"score": 4}', attempt=2)], 1021.0)
    journal.close()
    befores = []

    class Looks(Recorder):
        def note(self, hook, info):
            super().note(hook, info)
            if hook == "on_trial_restore":
                befores.append(info["trial"].last_result["score"])

    assert observed(run_dir, Looks()).of_trials() == [
        ("start", "t0"),
        ("restore", "t0"),
        ("result", "t0", 2),
    ]
    assert befores == [3]
    assert set(json.loads((run_dir / CURSOR_NAME).read_text())) == {"entry", "report"}


def test_a_run_that_says_nothing_new_writes_no_cursor(made_up, observed):
    run_dir = made_up([])
    assert observed(run_dir).told == [("setup",), ("look",), ("experiment_end",)]
    assert not (run_dir / CURSOR_NAME).exists()


def test_without_observers_nothing_is_read(tmp_path):
    said = []
    observers = Observers(tmp_path / "nowhere", [], Watch(said.append))
    observers.start()
    observers.stop()
    assert said == []


def test_a_journal_that_cannot_be_read_stops_the_observers_and_nobody_else(tmp_path):
    said = []
    observers = Observers(tmp_path / "nowhere", [Recorder()], Watch(said.append))
    observers.start()
    observers.stop()
    assert len(said) == 1
    assert "the run's observers have stopped: RunUnreadable: " in said[0]
    observers.check()


def test_an_observer_that_raises_is_told_of_once_and_the_others_go_on(made_up, row):
    class Broken:
        def on_trial_start(self, **info):
            raise SystemExit(3)

    said, recorder = [], Recorder()
    observers = Observers(made_up([(FIRST, [])]), [Broken(), recorder], Watch(said.append))
    observers.start()
    observers.stop()
    assert said == [
        "Broken raised SystemExit: 3 in on_trial_start(). It is called no more; training goes on."
    ]
    assert recorder.of_trials() == [("start", "t0"), ("start", "t1")]


def test_an_exception_that_cannot_be_shown_is_told_by_its_name(made_up):
    class Shy(Exception):
        def __str__(self):
            raise LookupError

    class Broken:
        def setup(self, **info):
            raise Shy

    said = []
    observers = Observers(made_up([(FIRST, [])]), [Broken()], Watch(said.append))
    observers.start()
    observers.stop()
    assert said == ["Broken raised Shy in setup(). It is called no more; training goes on."]


def test_an_observer_may_ask_that_its_failure_is_raised(made_up):
    class Strict:
        stop_on_error = True

        def on_trial_start(self, **info):
            message = "no"
            raise LookupError(message)

    said = []
    observers = Observers(made_up([(FIRST, [])]), [Strict(), Strict()], Watch(said.append))
    observers.start()
    observers.stop()
    assert said == []
    with pytest.raises(LookupError, match="no"):
        observers.check()


def test_notices_and_other_records_call_no_hook(made_up, observed):
    run_dir = made_up([(FIRST, []), ([Noticed("t0", "x", "y")], [])])
    assert observed(run_dir).of_trials() == [("start", "t0"), ("start", "t1")]


def test_the_users_own_objects_stand_in_configs(made_up, observed):
    seen = []

    class Looks:
        def on_trial_start(self, iteration, trials, trial):
            seen.append(trial.config)

    member = Created("t0", 0, {"model": Ref("model")})
    run_dir = made_up([([Opened(1), member, started("t0")], [])])
    observed(run_dir, Looks(), objects={"model": Recorder})
    assert seen == [{"model": Recorder}]


def test_a_trial_makes_its_folder_when_a_logger_wants_it(made_up, observed):
    class Makes:
        def on_trial_start(self, iteration, trials, trial):
            trial.init_local_path()
            trial.init_local_path()

    run_dir = made_up([(FIRST, [])])
    observed(run_dir, Makes())
    assert (run_dir / "t0").is_dir()
    assert (run_dir / "t1").is_dir()
