"""A run in a real kernel: one output that is updated, and an interrupt that can be resumed."""

import pytest

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: make test-trackers")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: make test-trackers")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: make test-trackers")

# The libraries and what they import warn of their own affairs.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TRAIN = """
import time
import pbtune
from pbtune import tune

def train(config):
    for step in range(12):
        time.sleep(0.1)
        tune.report({"score": step * config["lr"]})

pbtune.init(num_cpus=2)
callbacks = []
results = tune.Tuner(
    train,
    param_space={"lr": tune.uniform(0, 1)},
    tune_config=tune.TuneConfig("max", "score", num_samples=2, seed=1),
    run_config=tune.RunConfig(name="cell", storage_path=".", callbacks=callbacks),
).fit()
"""
INTERRUPTED = """
import os, signal, threading
from pathlib import Path

class Interrupt(tune.Callback):
    def on_trial_result(self, **info):
        if info["result"]["training_iteration"] == 2 and not Path("told").exists():
            Path("told").touch()
            os.kill(os.getpid(), signal.SIGINT)

callbacks = [Interrupt()]
try:
    RUN
except KeyboardInterrupt:
    print("interrupted")
results = tune.Tuner.restore("./cell", train).fit()
print(results.num_terminated)
print([it.name for it in threading.enumerate() if it.name.startswith("pbtune")])
"""


def executed(tmp_path, *cells):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(it) for it in cells])
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3", resources=resources).execute()
    return [cell.outputs for cell in book.cells]


def test_a_cell_has_one_output_however_long_it_trains(tmp_path):
    train, shown = executed(tmp_path, TRAIN, "results")
    displays = [it for it in train if it.output_type == "display_data"]
    assert len(displays) == 1
    assert "2 done" in displays[0].data["text/html"]
    [result] = [it for it in shown if it.output_type == "execute_result"]
    assert "<td>t0</td>" in result.data["text/html"]


def test_an_interrupted_cell_leaves_a_run_that_goes_on(tmp_path):
    define, _, fit = TRAIN.partition("results = ")
    run = ("results = " + fit).replace("\n", "\n    ")
    _, outputs = executed(tmp_path, define, INTERRUPTED.replace("RUN", run))
    said = "".join(it.text for it in outputs if it.output_type == "stream" and it.name == "stdout")
    assert "To go on: Tuner.restore(" in said
    assert "interrupted\n2\n[]" in said
