"""The names that scripts may use, and what importing them costs."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import pbtune
from pbtune import errors, train, tune
from pbtune.tune import schedulers

NAMES = {
    pbtune: {"__version__", "init", "shutdown", "train", "tune"},
    schedulers: {
        *("FIFOScheduler", "PopulationBasedTraining", "PB2", "MFPBT", "MOPBT", "IPBT"),
        *("ASHAScheduler", "AsyncHyperBandScheduler", "HyperBandScheduler", "MedianStoppingRule"),
        *(
            "AbstractScheduler",
            "TrialScheduler",
            "create_scheduler",
            "PopulationBasedTrainingReplay",
        ),
        *("RandomSearch", "CosineDecay", "FixedSchedule", "ExploitOnly"),
        *("Truncation", "BinaryTournament", "TTest", "GapThreshold"),
        *("IntervalGrowth", "TrustRegion"),
    },
    train: {
        *("Checkpoint", "CheckpointConfig", "FailureConfig", "Result", "RunConfig"),
        *("get_checkpoint", "get_context", "report"),
    },
    tune: {
        *("Checkpoint", "CheckpointConfig", "FailureConfig", "RunConfig", "TuneConfig"),
        *("Tuner", "Result", "ResultGrid", "TuneContext", "TuneError", "PbtuneWarning"),
        *("report", "get_checkpoint", "get_context", "checkpoint_due", "new_checkpoint"),
        *("choice", "grid_search", "sample_from", "uniform", "quniform", "loguniform"),
        *("qloguniform", "randint", "qrandint", "lograndint", "qlograndint", "randn", "qrandn"),
        *("Trainable", "with_parameters", "with_resources", "PlacementGroupFactory"),
        *("Callback", "Stopper", "CLIReporter", "JupyterNotebookReporter", "ProgressReporter"),
        *("run", "run_experiments", "Experiment", "ExperimentAnalysis", "Schedule"),
        *("register_trainable", "register_env", "create_searcher", "create_scheduler", "search"),
        "schedulers",
    },
}
HEAVY = ["numpy", "pandas", "rich", "click", "fsspec", "matplotlib", "cloudpickle", "ray"]


@pytest.mark.parametrize("module", NAMES, ids=lambda module: module.__name__)
def test_exactly_these_names_are_public(module):
    assert set(module.__all__) == NAMES[module]
    assert len(module.__all__) == len(NAMES[module])
    assert all(hasattr(module, name) for name in NAMES[module])


@pytest.mark.parametrize("module", NAMES, ids=lambda module: module.__name__)
def test_every_public_name_says_what_it_is(module):
    objects = [getattr(module, name) for name in NAMES[module] - {"__version__"}]
    assert [it for it in objects if not (inspect.getdoc(it) or "").strip()] == []


@pytest.mark.parametrize("name", sorted(NAMES[train]))
def test_both_spellings_are_the_same_object(name):
    assert getattr(train, name) is getattr(tune, name)


def test_the_root_has_the_modules_themselves():
    assert sys.modules["pbtune.tune"] is pbtune.tune
    assert sys.modules["pbtune.train"] is pbtune.train
    assert pbtune.tune.schedulers is schedulers


def test_tunes_name_for_our_root_error_is_our_root_error():
    assert tune.TuneError is errors.PbtuneError


def test_every_error_is_in_one_tree_and_in_its_drawing():
    classes = [it for _, it in inspect.getmembers(errors, inspect.isclass)]
    ours = [it for it in classes if it.__module__ == "pbtune.errors"]
    assert [it for it in ours if not issubclass(it, errors.PbtuneError)] == []
    assert [it.__name__ for it in ours if it.__name__ not in errors.__doc__] == []


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError):
        _ = tune.NoSuchThing


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    ["import pbtune", "from pbtune import tune, train", "import pbtune.tune.schedulers"],
)
def test_importing_pbtune_imports_nothing_heavy(statement):
    assert loaded_by(statement) & set(HEAVY) == set()


@pytest.mark.slow
def test_the_heavy_modules_would_be_noticed():
    assert "click" in loaded_by("import pbtune.cli")


@pytest.mark.slow
def test_asking_the_command_line_for_help_imports_no_verb():
    helped = "from pbtune.cli import main\nmain(['--help'], standalone_mode=False)"
    code = "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n {}\n"
    statement = code.format(helped.replace("\n", "\n "))
    assert loaded_by(statement) & {"rich", "numpy", "matplotlib", "pbtune.cli.plot"} == set()


@pytest.mark.slow
def test_every_name_can_be_the_first_one_that_a_script_asks_for():
    code = (
        "import importlib, sys\n"
        "import pbtune.tune\n"
        "for name in pbtune.tune.__all__:\n"
        "    for module in [it for it in sys.modules if it.split('.')[0] == 'pbtune']:\n"
        "        del sys.modules[module]\n"
        "    getattr(importlib.import_module('pbtune.tune'), name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_names_that_come_when_asked_for_are_those_that_types_know():
    tree = ast.parse(Path(tune.__file__).read_text(encoding="utf-8"))
    (guarded,) = [it for it in tree.body if isinstance(it, ast.If)]
    known = {alias.name for node in guarded.body for alias in node.names}
    assert known == set(tune._PLACES) | tune._PACKAGES
    assert known <= set(dir(tune))
