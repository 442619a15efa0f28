"""Reporters: what they show of trials, and when."""

import re
import sys
import types
from types import SimpleNamespace

import pytest

from pbtune import tune
from pbtune.errors import SettingsError


def trial(number, status="RUNNING", error=None, lr=0.1, **result):
    return SimpleNamespace(
        trial_id=f"t{number}",
        status=status,
        config={"lr": lr, "net": {"kind": "relu"}},
        evaluated_params={"lr": lr, "net/kind": "relu"},
        last_result=result,
        num_failures=0 if error is None else 2,
        error=error,
        local_experiment_path="/runs/one",
        __str__=lambda: f"train_t{number}",
    )


def lines(capsys, reporter, trials, *, done=False):
    reporter.report(trials, done)
    return capsys.readouterr().out.splitlines()


def cells(shown):
    """The table's rows, each as its cells; the header first."""
    rows = [line for line in shown if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_table_has_hyperparameters_and_the_first_numbers_that_are_reported(capsys):
    trials = [trial(0, training_iteration=3, acc=0.5, text="x", b=1, c=2, d=3, time_this_iter_s=1)]
    header, row = cells(lines(capsys, tune.CLIReporter(), trials))
    assert header[1:] == ["status", "lr", "net/kind", "iter", "acc", "b", "c"]
    assert row[1:] == ["RUNNING", "0.1", "relu", "3", "0.5", "1", "2"]


@pytest.mark.parametrize(
    ("columns", "header"),
    [(["eval/loss", "missing"], ["eval/loss"]), ({"eval/loss": "loss", "acc": "a"}, ["loss", "a"])],
)
def test_columns_that_are_named_are_the_only_ones(capsys, columns, header):
    reporter = tune.CLIReporter(metric_columns=columns, parameter_columns={"net/kind": "kind"})
    trials = [trial(0, acc=0.5, other=1, eval={"loss": 0.25})]
    shown, row = cells(lines(capsys, reporter, trials))
    assert shown[2:] == ["kind", *header]
    assert row[2:4] == ["relu", "0.25"]


def test_columns_may_be_added_one_by_one(capsys):
    named = tune.CLIReporter(metric_columns={"acc": "a"}, parameter_columns=["lr"])
    named.add_metric_column("loss", "l")
    named.add_parameter_column("net/kind")
    header, _ = cells(lines(capsys, named, [trial(0, acc=1, loss=2)]))
    assert header[2:] == ["lr", "net/kind", "a", "l"]
    with pytest.raises(SettingsError, match="column 'loss' is shown already"):
        named.add_metric_column("loss")
    with pytest.raises(SettingsError, match="the columns are a list; give a dict"):
        named.add_parameter_column("other", "o")


def test_a_reporter_keeps_its_columns_to_itself():
    columns = ["acc"]
    tune.CLIReporter(metric_columns=columns).add_metric_column("loss")
    assert columns == ["acc"]
    assert "loss" not in tune.CLIReporter.DEFAULT_COLUMNS


def test_counts_best_trial_and_place_stand_above_the_table(capsys):
    reporter = tune.CLIReporter(metric="loss", mode="min", total_samples=4)
    trials = [trial(0, loss=0.5), trial(1, "TERMINATED", loss=0.25), trial(2, "PENDING")]
    shown = lines(capsys, reporter, trials)
    assert shown[0] == "== Status =="
    assert re.match(r"Current time: .* \(running for 00:00:0\d\.\d\d\)", shown[1])
    assert shown[2] == (
        "Current best trial: t1 with loss=0.25 and parameters={'lr': 0.1, 'net/kind': 'relu'}"
    )
    assert shown[3] == "Result logdir: /runs/one"
    assert shown[4] == "Number of trials: 3/4 (1 PENDING, 1 RUNNING, 1 TERMINATED)"


def test_nan_and_text_are_never_the_best(capsys):
    reporter = tune.CLIReporter(metric="loss", mode="max")
    trials = [trial(0, loss=float("nan")), trial(1, loss="high"), trial(2, loss=-1.0)]
    assert "Current best trial: t2" in lines(capsys, reporter, trials)[2]


def test_trials_that_have_ended_are_sorted_the_best_first_if_asked(capsys):
    trials = [trial(n, "TERMINATED", loss=loss) for n, loss in enumerate([2, float("nan"), 1, 3])]
    reporter = tune.CLIReporter(
        metric="loss", mode="min", sort_by_metric=True, metric_columns=["loss"]
    )
    assert [row[-1] for row in cells(lines(capsys, reporter, trials))[1:]] == ["1", "2", "3", "nan"]
    plain = tune.CLIReporter(sort_by_metric=True, metric_columns=["loss"])
    assert [row[-1] for row in cells(lines(capsys, plain, trials))[1:]] == ["2", "nan", "1", "3"]


def test_too_many_trials_are_shown_fairly_until_the_end(capsys):
    trials = [trial(n, "RUNNING", n=n) for n in range(4)]
    trials += [trial(n, "ERROR", n=n) for n in range(4, 6)]
    reporter = tune.CLIReporter(max_progress_rows=3, metric_columns=["n"])
    shown = lines(capsys, reporter, trials)
    assert [row[-1] for row in cells(shown)[1:]] == ["0", "1", "4"]
    assert "... 3 more trials not shown" in shown
    assert len(cells(lines(capsys, reporter, trials, done=True))) == 7


def test_failures_have_a_table_of_their_own(capsys):
    trials = [trial(n, "ERROR", error=f"ValueError: no\n{n}") for n in range(3)]
    shown = cells(lines(capsys, tune.CLIReporter(max_error_rows=2), trials))
    assert shown[4][1:] == ["# failures", "error"]
    assert [row[1:] for row in shown[5:]] == [["2", "ValueError: no 0"], ["2", "ValueError: no 1"]]


def test_long_text_loses_its_beginning(capsys):
    reporter = tune.CLIReporter(max_column_length=8, metric_columns=["text"])
    assert cells(lines(capsys, reporter, [trial(0, text="abcdefghij")]))[1][-1] == "...fghij"


def test_tables_can_be_left_for_the_end(capsys):
    reporter = tune.CLIReporter(print_intermediate_tables=False)
    assert cells(lines(capsys, reporter, [trial(0)])) == []
    assert len(cells(lines(capsys, reporter, [trial(0)], done=True))) == 2


def test_without_trials_there_is_no_table(capsys):
    assert lines(capsys, tune.CLIReporter(), [])[0] == "== Status =="


def test_a_report_is_due_at_first_then_after_the_interval_and_at_the_end():
    often, seldom = tune.CLIReporter(max_report_frequency=-1), tune.CLIReporter()
    assert [often.should_report([]) for _ in range(3)] == [True] * 3
    assert [seldom.should_report([]) for _ in range(3)] == [True, False, False]
    assert seldom.should_report([], done=True)


def test_the_runs_metric_is_taken_unless_the_reporter_has_one(capsys):
    reporter = tune.CLIReporter()
    reporter.setup(start_time=0.0, total_samples=2, metric="acc", mode="max")
    shown = lines(capsys, reporter, [trial(0, acc=1.0)])
    assert "with acc=1.0" in shown[2]
    assert "Number of trials: 1/2" in shown[4]
    with pytest.raises(SettingsError, match="given twice: to TuneConfig and to the reporter"):
        tune.CLIReporter(metric="loss", mode="min").setup(metric="acc", mode="max")


def test_a_reporter_of_ones_own_needs_only_two_methods():
    class Own(tune.ProgressReporter):
        def should_report(self, trials, done=False):
            return done

        def report(self, trials, done, *sys_info):
            pass

    Own().setup(start_time=1.0)
    with pytest.raises(TypeError, match="should_report"):
        tune.ProgressReporter()


@pytest.fixture
def notebook(monkeypatch):
    """A notebook's front end, and what it shows."""
    shown = []
    shell = type("ZMQInteractiveShell", (), {})()
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    display = types.ModuleType("IPython.display")
    display.HTML = str
    display.clear_output = lambda *, wait: shown.append("cleared")
    handle = SimpleNamespace(update=lambda text: shown.append(("again", text)))

    def first(text, *, display_id):
        shown.append(("first", text))
        return handle

    display.display = first
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_in_a_notebook_the_table_stays_in_its_place(notebook):
    reporter = tune.JupyterNotebookReporter(metric_columns=["acc"], max_progress_rows=1)
    reporter.report([trial(0, acc="<b>"), trial(1)], done=False)
    reporter.report([trial(0, acc=0.5)], done=True)
    assert [it if isinstance(it, str) else it[0] for it in notebook] == [
        "cleared",
        "first",
        "again",
    ]
    (_, first), (_, again) = notebook[1:]
    assert "<td>&lt;b&gt;</td>" in first
    assert "... 1 more trials not shown" in first
    assert "<th>acc</th>" in again
    assert "<td>0.5</td>" in again


def test_a_notebook_reporter_may_leave_the_cell_as_it_is(notebook):
    reporter = tune.JupyterNotebookReporter(overwrite=False, print_intermediate_tables=False)
    reporter.report([trial(0)], done=False)
    assert notebook[0][0] == "first"
    assert "<table>" not in notebook[0][1]


def test_outside_of_a_notebook_it_prints(capsys):
    shown = lines(capsys, tune.JupyterNotebookReporter(metric_columns=["acc"]), [trial(0, acc=1)])
    assert cells(shown)[0][-1] == "acc"
