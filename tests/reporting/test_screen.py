"""The screen of a run: what a person wants to know now, in the lines and columns that there are."""

import io
import math

import pytest
from rich.console import Console

from pbtune.core.decisions import Completed, Created, Exploited, Halted, Ranked, Started
from pbtune.core.events import Failed, Noticed, Opened, Saved
from pbtune.journal.reader import JournalReader
from pbtune.reporting.population import Population
from pbtune.reporting.screen import ROWS_MAX, screen
from pbtune.reporting.words import summary

RULES = '{"settings":{"stop":{"bounds":[["loss",1],["training_iteration",10]]}}}'
SAVED = Saved("t0", 1, "t0/checkpoint_000000", 1, 1.0, 0.5)
COPIED = Exploited("t1", "t0", "t0", {"lr": 0.5}, "t0/checkpoint_000000", 1, 1.0, 0.5, 1.0)


def begun(count=2, lr=0.123456789, **more):
    names = [f"t{at}" for at in range(count)]
    created = [Created(name, at, {"lr": lr, **more}) for at, name in enumerate(names)]
    return [Opened(1), *created, *(Started(it, 1, at, 0, 0, 0.0) for at, it in enumerate(names))]


def looked(folder):
    with JournalReader(folder) as reader:
        return Population(reader).look()


def lines(folder, width=80, height=None):
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    console.print(screen(looked(folder), width, height))
    return console.file.getvalue().splitlines()


def cells(folder, width=80):
    """The table: each member's cells by the column's name."""
    shown = lines(folder, width)
    [at] = [at for at, line in enumerate(shown) if line.startswith("trial ")]
    names = shown[at].split()
    return {
        line.split()[0]: dict(zip(names, line.split(), strict=False))
        for line in shown[at + 1 :]
        if line.startswith("t") and "←" not in line
    }


def scored(row, *scores):
    return [row(f"t{at}", 1, f'{{"score":{score}}}') for at, score in enumerate(scores)]


def test_the_summary_counts_states_reports_and_exploits(made_up, row):
    history = [(begun(4), scored(row, 1, 5)), ([SAVED, COPIED, Completed("t2", "returned")], [])]
    assert summary(looked(made_up(history))) == (
        "made_up: 10 s | 2 reports | 2 running, 1 paused, 1 done | 1 exploits | best score 5 (t1)"
    )


def test_the_summary_says_how_far_it_is(made_up, row):
    rows = [row("t0", step, '{"score":1}') for step in range(1, 6)]
    folder = made_up([(begun(), rows)], settings={"engine": RULES})
    assert "| 25%, about 30 s left | best score 1 (t0)" in summary(looked(folder))


def test_the_best_is_first_and_every_member_has_its_row(made_up, row):
    folder = made_up([(begun(3), scored(row, 1, 3, 2))])
    shown = cells(folder)
    assert list(shown) == ["t1", "t2", "t0"]
    assert shown["t1"] == {
        "trial": "t1", "status": "running", "step": "1", "score": "3", "lr": "0.1235"
    }  # fmt: skip


def test_a_loss_is_shown_as_it_was_reported(made_up, row):
    folder = made_up([(begun(), scored(row, -2.5, 3))], mode="min")
    assert summary(looked(folder)).endswith("best score -2.5 (t0)")
    assert next(iter(cells(folder).values()))["score"] == "-2.5"


def test_the_first_of_equals_is_called_the_best(made_up, row):
    rows = [row(name, 1, '{"score":7}') for name in ("t1", "t0")]
    assert summary(looked(made_up([(begun(), rows)]))).endswith("best score 7 (t0)")


def test_without_a_metric_nobody_is_best(made_up, row):
    folder = made_up([(begun(), [row("t0", 1, '{"loss":1}')])], metric=None, mode=None)
    assert "best" not in "\n".join(lines(folder))
    assert set(cells(folder)) == {"t0", "t1"}


def test_a_score_of_nan_is_behind_all_numbers_and_warned_of(made_up, row):
    ranked = Ranked("t0", 1, math.nan, 1.0, 0.5)
    folder = made_up([([*begun(3), ranked], scored(row, '{"$float":"nan"}', 1))])
    assert [line.split()[0] for line in lines(folder) if "running" in line][1:] == [
        *("t1", "t0", "t2"),
    ]
    assert "! t0: the last score is NaN or missing" in lines(folder)


def test_donors_failures_and_the_last_exploits_are_named(made_up):
    folder = made_up([([*begun(), SAVED, COPIED, Failed("t0", 1, "ValueError", "no")], [])])
    assert any(line.split() == ["t1", "paused", "1", "0.5", "t0"] for line in lines(folder))
    assert any(line.split()[-1] == "1" for line in lines(folder) if line.startswith("t0"))
    assert "t1 ← t0  lr 0.1235 → 0.5" in lines(folder)


def test_a_large_population_is_summed_up_and_says_so(made_up, row):
    count = ROWS_MAX + 5
    folder = made_up([(begun(count), scored(row, *range(count)))])
    shown = lines(folder)
    assert sum(line.startswith("t") and "running" in line for line in shown) == ROWS_MAX
    assert any(line.startswith(f"t{count - 1} ") for line in shown)
    assert "5 more: 5 running, scores 5 to 9" in shown


@pytest.mark.parametrize("height", [10, 16, 24, 50])
@pytest.mark.parametrize("count", [2, 25, 400])
def test_it_fits_the_terminal(made_up, row, count, height):
    history = [([*begun(count), SAVED, COPIED], scored(row, *range(count)))]
    shown = lines(made_up(history, settings={"engine": RULES}), 80, height)
    assert all(len(line) <= 80 for line in shown)
    # A terminal of a few lines shows at least the best members.
    assert len(shown) < max(height, 18)


def test_hyperparameters_that_do_not_fit_are_named(made_up, row):
    more = {f"hyperparameter_{at}": at for at in range(9)}
    folder = made_up([(begun(2, **more), scored(row, 1, 2))], mutated=("lr", *more))
    shown = lines(folder)
    assert all(len(line) <= 80 for line in shown)
    [line] = [line for line in shown if line.startswith("not shown: ")]
    assert "hyperparameter_3" in line
    assert "hyperparamete… " in "\n".join(shown)


def test_progress_is_a_bar_with_the_slots_in_use(made_up):
    records = [*begun(4), Completed("t2", "stop"), Completed("t3", "stop")]
    shown = lines(made_up([(records, [])], settings={"engine": RULES}))
    assert "━" * 20 in shown[1]
    assert "50%  2 running, 2 done  slots 2/4" in shown[1]


def test_a_run_that_was_halted_says_why(made_up):
    folder = made_up([([*begun(), Halted("t0 failed, and fail_fast is set", "t0")], [])])
    assert any("halted: t0 failed, and fail_fast is set" in line for line in lines(folder))


def test_the_history_of_the_best_score_is_a_row_of_bars(made_up, row):
    ranked = [Ranked("t0", step, float(step), float(step), 0.5) for step in range(1, 5)]
    folder = made_up([([*begun(), *ranked], scored(row, 4, 1))])
    assert any("best score 4 (t0)  ▁▃▆██" in line for line in lines(folder))


def test_warnings_that_matter_are_shown_once_and_not_all(made_up):
    noticed = [Noticed("t0", "code", f"notice {at}") for at in (0, 0, 1, 2, 3, 4)]
    shown = lines(made_up([([*begun(), *noticed], [])]))
    warned = [line for line in shown if line.startswith("! ")]
    assert warned == [f"! notice {at}" for at in range(4)] + ["! and 1 more: pbtune show made_up"]


def test_a_population_that_has_become_one_lineage_is_warned_of(made_up):
    again = Exploited("t2", "t0", "t0", {"lr": 0.5}, "t0/checkpoint_000000", 1, 1.0, 0.5, 1.0)
    folder = made_up([([*begun(3), SAVED, COPIED, again], [])])
    assert any("all members descend from t0" in line for line in lines(folder))
    apart = made_up([([*begun(4), SAVED, COPIED, again], [])], "apart")
    assert not any("descend" in line for line in lines(apart))


def test_text_of_users_is_shown_as_it_is_but_steers_no_terminal(made_up):
    folder = made_up([(begun(lr="[/lr] :warning:"), [])], "[red]run")
    assert lines(folder)[0].startswith("[red]run  ")
    assert "[/lr] :warnin…" in "\n".join(lines(folder))
    hostile = made_up([([*begun(lr="\x1b[2J"), Noticed("t0", "c", "\x1b]0;owned\x07")], [])], "b")
    assert "\x1b" not in "\n".join(lines(hostile))
    assert "\x07" not in "\n".join(lines(hostile))


def test_wide_characters_keep_the_columns_in_line(made_up, row):
    folder = made_up([(begun(lr="学習率"), scored(row, 1, 2))])
    shown = [line for line in lines(folder) if line.startswith("t")]
    assert shown[1].endswith("学習率")
    assert shown[0].rstrip().endswith("lr  from")
