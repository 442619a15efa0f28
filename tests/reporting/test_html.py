"""A run as HTML, and the objects that show themselves in a notebook."""

import io
import sys
import types

import pytest

from pbtune.core.decisions import Created, Started
from pbtune.core.events import Opened
from pbtune.journal.reader import JournalReader
from pbtune.reporting import html, notebook
from pbtune.reporting.notebook import NotebookView
from pbtune.reporting.population import Population


def begun(count, lr=0.5):
    names = [f"t{at}" for at in range(count)]
    created = [Created(name, at, {"lr": lr}) for at, name in enumerate(names)]
    return [Opened(1), *created, *(Started(it, 1, at, 0, 0, 0.0) for at, it in enumerate(names))]


def test_results_show_their_population(trained):
    shown = trained._repr_html_()
    assert shown.count('<tr class="best">') + shown.count("<tr class=best>") == 1
    for result in trained:
        assert f"<td>{result.trial_id}</td>" in shown


def test_a_result_shows_its_last_report_and_its_config(trained):
    shown = trained[0]._repr_html_()
    assert "<td>score</td>" in shown
    assert f"<td>{trained[0].metrics['score']}</td>" in shown
    assert "<td>config/lr</td>" in shown


def test_text_is_escaped(made_up):
    folder = made_up([(begun(2, "<b onclick=x>"), [])], "<i>run")
    shown = html.of_folder(folder)
    assert "<b onclick" not in shown
    assert "<i>run" not in shown
    assert "&lt;i&gt;run" in shown


def test_a_large_population_is_summed_up(made_up, row):
    rows = [row(f"t{at}", 1, f'{{"score":{at}}}') for at in range(100)]
    with JournalReader(made_up([(begun(100), rows)])) as reader:
        shown = html.run(Population(reader).look())
    assert shown.count("<tr") == 1 + html.ROWS_MAX + 1 + 1
    assert "80 more: 80 running" in shown


@pytest.mark.parametrize(
    ("values", "points"), [([], ""), ([1.0], "2.0,"), ([-1.7e308, 1.7e308], "158.0,2.0")]
)
def test_a_curve_is_drawn_of_any_numbers(values, points):
    assert points in html.sparkline(values)


class Handle:
    """A display as a kernel gives it."""

    def __init__(self):
        self.shown = []

    def update(self, made):
        self.shown.append(made)


@pytest.fixture
def kernel(monkeypatch):
    """IPython with a kernel, of which only the display is asked for."""
    handle = Handle()
    display = types.ModuleType("IPython.display")
    display.HTML = str
    display.display = lambda made, display_id: handle.shown.append(made) or handle
    library = types.ModuleType("IPython")
    library.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", library)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return handle


def test_a_notebook_has_one_display_that_is_updated_in_place(kernel, run_dir, capsys):
    assert notebook.is_notebook()
    view = NotebookView(run_dir, 1)
    view.start()
    view.stop()
    assert len(kernel.shown) == 2
    assert all("<b>climb</b>" in it for it in kernel.shown)
    assert view._thread is not None
    assert not view._thread.is_alive()
    assert capsys.readouterr() == ("", "")


def test_an_interrupted_cell_says_how_the_run_goes_on(kernel, run_dir, capsys):
    view = NotebookView(run_dir, 0)
    view.start()
    view.stop(is_interrupted=True)
    assert kernel.shown == []
    assert f"Tuner.restore('{run_dir}', …).fit()" in capsys.readouterr().out


def test_ipython_on_a_terminal_is_no_notebook(monkeypatch):
    library = types.ModuleType("IPython")
    library.get_ipython = lambda: types.SimpleNamespace(stdout=io.StringIO())
    monkeypatch.setitem(sys.modules, "IPython", library)
    assert not notebook.is_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not notebook.is_notebook()
