"""The pictures that show one thing each: what is in them, for a few members and for many."""

import math
from itertools import pairwise

import pytest

from pbtune.core.decisions import Created, Started
from pbtune.core.events import Opened
from pbtune.errors import NoResult, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.reporting import plots
from pbtune.reporting.plots.tree import ROWS_MAX, grown
from pbtune.reporting.snapshot import RunView
from pbtune.testing.made_run import MadeRun

# They import matplotlib.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The folder of a run with 200 members and many copies."""
    run = MadeRun(tmp_path_factory.mktemp("many") / "many", 200, interval=2)
    run.train(8)
    return run.end()


@pytest.fixture(scope="module")
def tree(many):
    """Its lineage, drawn."""
    axes = plots.plot_lineage(many)
    axes.get_figure().draw_without_rendering()
    return axes


def names(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("kind", plots.DRAWN)
def test_each_kind_gives_axes_and_takes_the_callers(run_dir, kind):
    axes = plots.style.figure(4, 3).add_subplot()
    assert plots.DRAWN[kind](run_dir, axes) is axes
    assert plots.DRAWN[kind](run_dir).get_title(loc="left").startswith("climb")


@pytest.mark.parametrize("kind", plots.KINDS)
def test_each_kind_is_written_by_its_name(run_dir, tmp_path, kind):
    plots.plot(run_dir, tmp_path / "picture.svg", kind=kind)
    assert (tmp_path / "picture.svg").read_text().startswith("<?xml")


def test_a_kind_that_there_is_not_is_named(run_dir):
    with pytest.raises(SettingsError, match="there is no picture of kind 'pie'; there are popul"):
        plots.plot(run_dir, kind="pie")


def test_only_the_populations_picture_compares(run_dir):
    with pytest.raises(SettingsError, match="compare is for"):
        plots.plot(run_dir, kind="scores", compare={"lr": "best_lr"})


class TestLineage:
    def test_every_living_member_that_there_is_room_for_has_its_name(self, run_dir):
        found = names(plots.plot_lineage(run_dir))
        assert set(found) <= {f"t{at}" for at in range(4)}
        assert len(found) >= 2

    def test_names_do_not_overlap(self, tree):
        boxes = sorted(
            (text.get_window_extent().y0, text.get_window_extent().y1) for text in tree.texts
        )
        assert len(boxes) > 10
        assert all(a[1] <= b[0] + 1 for a, b in pairwise(boxes))

    def test_the_winner_always_has_its_name(self, many, tree):
        winner = plots.data.read(many).winner
        [bold] = [text for text in tree.texts if text.get_weight() == "bold"]
        assert bold.get_text() == winner

    def test_short_branches_are_left_out_and_counted_but_never_an_ancestor(self, many, tree):
        data = plots.data.read(many)
        branches, left_out = grown(data)
        assert len(branches) <= ROWS_MAX
        assert left_out == len(data.series) - len(branches) > 0
        assert f"{left_out} short branches left out" in tree.get_title("left")
        for piece in data.pieces:
            assert (piece.trial, piece.segment) in branches
        rows = [branch.row for branch in branches.values()]
        assert sorted(rows) == list(range(len(rows)))

    def test_no_link_runs_through_another_branch(self, many):
        branches, _ = grown(plots.data.read(many))
        for branch in branches.values():
            if branch.parent is None:
                continue
            parent = branches[branch.parent]
            low, high = sorted([branch.row, parent.row])
            crossed = [
                it
                for it in branches.values()
                if low < it.row < high and it.start < branch.start < it.end
            ]
            assert crossed == []

    def test_the_colours_tell_scores_apart_with_any_vision(self):
        norm, colors = plots.style.score_norm([0.0, 1.0], is_falling=False)
        falling = plots.style.score_norm([0.0, 1.0], is_falling=True)[1]
        light = [sum(colors(norm(at / 20))[:3]) for at in range(21)]
        # Lightness alone tells them apart, also in print; the best is the lightest, and no white.
        assert light == sorted(light)
        assert light[-1] < 2.2
        assert colors(norm(1.0)) == falling(norm(0.0))
        assert colors(math.nan)[:3] == falling(math.nan)[:3] != colors(0.0)[:3]


class TestScores:
    def test_few_members_have_a_colour_and_a_name_each(self, run_dir):
        _, labels = plots.plot_scores(run_dir).get_legend_handles_labels()
        assert labels[:4] == ["t0", "t1", "t2", "t3"]
        assert labels[4].endswith(", the winner")

    def test_many_are_a_crowd_with_its_quartiles(self, many):
        _, labels = plots.plot_scores(many).get_legend_handles_labels()
        assert labels[:2] == ["the middle half", "the median"]
        assert len(labels) == 3


class TestSchedule:
    def test_each_mutated_hyperparameter_has_its_panel_and_its_scale(self, run_dir):
        panels = plots.plot_schedule(run_dir).child_axes
        assert [it.get_ylabel() for it in panels] == ["lr", "net/kind"]
        assert panels[0].get_yscale() == "log"

    def test_another_members_schedule_ends_with_its_config(self, run_dir):
        with JournalReader(run_dir) as reader:
            config = RunView(reader).experiment.trials["t2"].config
        axes = plots.plot_schedule(run_dir, trial="t2", keys=["lr"])
        assert axes.get_title(loc="left") == "climb: the schedule of t2"
        [line] = axes.child_axes[0].get_lines()
        assert line.get_ydata()[-1] == config["lr"]

    def test_a_trial_that_there_is_not_is_named(self, run_dir):
        with pytest.raises(NoResult, match="climb has no trial 't9'; it has t0, t1, t2, t3"):
            plots.plot_schedule(run_dir, trial="t9")


class TestParallel:
    def test_there_is_a_column_for_each_hyperparameter_and_the_score(self, run_dir):
        axes = plots.plot_parallel(run_dir)
        assert [it.get_text() for it in axes.get_xticklabels()] == ["lr", "net/kind", "score"]
        assert len([it for it in axes.get_lines() if len(it.get_xdata()) == 3]) == 4

    def test_every_line_ends_at_its_members_score(self, many):
        axes = plots.plot_parallel(many)
        ends = [it.get_ydata()[-1] for it in axes.get_lines() if len(it.get_xdata()) == 4]
        assert len(ends) == 200
        assert (min(ends), max(ends)) == (0.0, 1.0)


class TestDiversity:
    def test_lineages_die_out_and_never_return(self, many):
        spread, lineages, greediness = plots.plot_diversity(many).child_axes
        counts = list(lineages.get_lines()[0].get_ydata())
        assert counts[0] == 200
        assert counts == sorted(counts, reverse=True)
        shares = list(greediness.get_lines()[0].get_ydata())
        assert shares[0] == pytest.approx(1 / 200)
        assert shares[-1] >= 1 / counts[-1]
        assert [it.get_label() for it in spread.get_lines()] == ["lr", "momentum", "augment"]

    def test_a_spread_begins_at_one(self, many):
        spread = plots.plot_diversity(many).child_axes[0]
        assert spread.get_lines()[0].get_ydata()[0] == 1.0

    def test_members_that_are_all_alike_have_nothing_to_draw(self, made_up, row):
        names = ["t0", "t1"]
        records = [Opened(1), *(Created(it, at, {"lr": 1}) for at, it in enumerate(names))]
        records += [Started(it, 1, at, 0, 0, 0.0) for at, it in enumerate(names)]
        folder = made_up([(records, [row("t0", 1, '{"score":1}')])], mutated=())
        for draw in (plots.plot_diversity, plots.plot_parallel, plots.plot_schedule):
            with pytest.raises(SettingsError, match=r"no hyperparameter differs|mutates nothing"):
                draw(folder)
