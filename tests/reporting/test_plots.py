"""The picture of a run."""

import builtins

import pytest

from pbtune.core.decisions import Created, Exploited, Started
from pbtune.core.events import Opened, Saved
from pbtune.errors import NoResult, SettingsError
from pbtune.journal.reader import JournalReader
from pbtune.reporting.lineage import lineage
from pbtune.reporting.plots import plot_run
from pbtune.reporting.snapshot import RunView

# The first of them imports matplotlib.
pytestmark = pytest.mark.slow

PNG = b"\x89PNG\r\n\x1a\n"


def begun(*configs):
    names = [f"t{at}" for at in range(len(configs))]
    created = [Created(name, at, configs[at]) for at, name in enumerate(names)]
    return [Opened(1), *created, *(Started(it, 1, at, 0, 0, 0.0) for at, it in enumerate(names))]


def labelled(axes, label):
    [line] = [line for line in axes.get_lines() if line.get_label() == label]
    return line.get_xdata(), line.get_ydata()


def test_a_picture_is_written(run_dir, tmp_path):
    target = tmp_path / "run.png"
    plot_run(run_dir, target, {"lr": "best_lr"})
    assert target.read_bytes().startswith(PNG)
    assert target.stat().st_size > 20_000


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_ending_chooses_the_format(run_dir, tmp_path, ending, start):
    target = tmp_path / f"run.{ending}"
    plot_run(run_dir, target)
    assert target.read_bytes().startswith(start)


def test_results_plot_themselves(trained, tmp_path):
    trained.plot(tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(PNG)


def test_without_a_path_nothing_is_written(run_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plot_run(run_dir)
    assert list(tmp_path.iterdir()) == []


def test_there_is_one_panel_for_the_score_and_one_for_each_mutated_hyperparameter(run_dir):
    axes = plot_run(run_dir).axes
    assert [it.get_ylabel() for it in axes] == ["score", "lr", "net/kind"]
    assert axes[1].get_yscale() == "log"
    assert {it.get_text() for it in axes[2].get_yticklabels()} == {"relu", "tanh"}


def test_the_title_says_who_won(run_dir):
    with JournalReader(run_dir) as reader:
        view = RunView(reader)
    title = plot_run(run_dir).get_suptitle()
    assert title.startswith(f"climb: 4 members, {len(view.exploits)} exploits; ")
    assert title.endswith(" won")


def test_the_winners_lineage_is_drawn_over_all_steps(run_dir):
    steps, values = labelled(plot_run(run_dir).axes[0], "the winner's lineage")
    assert list(steps) == list(range(1, 13))
    assert list(values) == sorted(values)


def test_the_winners_schedule_is_what_it_trained_with(run_dir):
    with JournalReader(run_dir) as reader:
        view = RunView(reader)
    figure = plot_run(run_dir)
    won = figure.get_suptitle().split("; ")[1].split()[0]
    expected = [
        (float(at), view.configs[piece.trial, piece.segment]["lr"])
        for piece in lineage(view, won)
        for at in (piece.start_step, min(piece.end_step, 12))
    ]
    assert list(zip(*labelled(figure.axes[1], "the winner's schedule"), strict=True)) == expected


def test_a_compared_metric_is_drawn_over_its_hyperparameter(run_dir):
    axes = plot_run(run_dir, compare={"lr": "best_lr"}).axes[1]
    steps, values = labelled(axes, "best_lr")
    assert list(steps) == list(range(1, 13))
    assert set(values) == {0.5}


def test_a_nested_metric_can_be_compared(run_dir):
    assert labelled(plot_run(run_dir, compare={"lr": "eval/loss"}).axes[1], "eval/loss")


def test_a_constant_can_be_compared_too(run_dir):
    axes = plot_run(run_dir, compare={"constant": "score"}).axes
    assert axes[-1].get_ylabel() == "constant"


def dotted(axes):
    """The links of the picture: the steps of both their ends."""
    return [
        tuple(int(step) for step, _ in link)
        for made in axes.collections
        if made.get_linestyles()[0][1] is not None
        for link in made.get_segments()
    ]


def test_every_exploit_is_linked_to_its_donor(run_dir):
    with JournalReader(run_dir) as reader:
        exploits = RunView(reader).exploits
    drawn = dotted(plot_run(run_dir).axes[0])
    assert drawn == [(it.record.step, it.record.old_step) for it in exploits]


def test_a_hyperparameter_that_no_config_has_is_named(run_dir):
    with pytest.raises(SettingsError, match=r"no config has 'lrr'; there are constant, lr, net"):
        plot_run(run_dir, compare={"lrr": "score"})


@pytest.mark.parametrize("metric", ["scores", "kind", "eval"])
def test_a_metric_that_no_report_has_as_a_number_is_named(run_dir, metric):
    with pytest.raises(SettingsError, match=rf"no report has the number '{metric}'; .*score"):
        plot_run(run_dir, compare={"lr": metric})


def test_a_run_without_reports_has_nothing_to_draw(made_up):
    with pytest.raises(NoResult, match="has no reports yet"):
        plot_run(made_up([(begun({"lr": 1.0}), [])]))


@pytest.mark.parametrize("name", ["run.xyz", "nowhere/run.png"])
def test_a_picture_that_cannot_be_written_is_named(run_dir, tmp_path, name):
    with pytest.raises(SettingsError, match=name.replace(".", r"\.")):
        plot_run(run_dir, tmp_path / name)


def test_without_matplotlib_the_extra_is_named(run_dir, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SettingsError, match=r"pip install 'pbtune\[plot\]'"):
        plot_run(run_dir)


BODIES = ['{"score":{"$float":"nan"}}', '{"other":"text"}', "{}", '{"score":{"$float":"inf"}}']


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("metric", ["score", None])
def test_reports_that_cannot_be_compared_are_drawn_without_a_winner(made_up, row, body, metric):
    folder = made_up([(begun({"lr": 1.0}), [row("t0", 1, body)])], metric=metric)
    assert plot_run(folder).get_suptitle().startswith("made_up: 1 members, 0 exploits")


@pytest.mark.parametrize("value", ["text", None, True, [1, 2], {"a": 1}, 3])
def test_hyperparameters_of_every_kind_are_drawn(made_up, row, value):
    rows = [row("t0", 1, '{"score":1}'), row("t1", 1, '{"score":2}')]
    folder = made_up([(begun({"lr": value}, {"lr": 0.5}), rows)])
    assert plot_run(folder).axes[1].get_ylabel() == "lr"


def test_a_winner_that_was_just_copied_is_drawn_before_its_first_report(made_up, row):
    copy = Exploited("t0", "t1", "t1", {"lr": 3.0}, "t1/checkpoint_000001", 1, 1.0, 0.5, 1.0, 1)
    saved = Saved("t1", 1, "t1/checkpoint_000001", 1, 1.0, 0.5)
    rows = [row("t0", 1, '{"score":9}'), row("t1", 1, '{"score":1}')]
    folder = made_up([([*begun({"lr": 1.0}, {"lr": 2.0}), saved, copy], rows)])
    steps, _ = labelled(plot_run(folder).axes[1], "the winner's schedule")
    assert list(steps) == [0, 1, 1, 1]


def test_a_large_population_has_colours_for_all(made_up, row):
    count = 30
    rows = [row(f"t{at}", 1, f'{{"score":{at}}}') for at in range(count)]
    axes = plot_run(made_up([(begun(*[{"lr": 1.0}] * count), rows)])).axes[0]
    assert len({tuple(color) for color in axes.collections[0].get_colors()}) == count


def test_too_many_links_are_drawn_as_a_sample(run_dir, monkeypatch):
    monkeypatch.setattr("pbtune.reporting.plots.population.LINKS_MAX", 2)
    assert 1 <= len(dotted(plot_run(run_dir).axes[0])) <= 2
