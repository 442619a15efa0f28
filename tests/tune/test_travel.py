"""How a function reaches its workers, whatever it is and wherever it was written."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

import pbtune
from pbtune import tune
from pbtune.errors import Unpicklable


def test_a_lambda_trains(fit):
    (result,) = fit(lambda config: tune.report({"at": config["x"]}), param_space={"x": 3})
    assert result.metrics["at"] == 3


def test_a_closure_trains_with_what_it_closes_over(fit):
    data = {"rows": [1, 2, 3]}

    def train(config):
        tune.report({"at": sum(data["rows"])})

    (result,) = fit(train)
    assert result.metrics["at"] == 6


def test_a_partial_trains_and_names_its_run_after_its_function(fit):
    def train(config, rows, scale):
        tune.report({"at": scale * sum(rows)})

    (result,) = fit(partial(train, rows=[1, 2], scale=2))
    assert result.metrics["at"] == 6


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda bad: lambda config: bad, r"closure variable 'bad' = <_io.*<lambda>\(\)"),
        (lambda bad: partial(lambda config, data: data, data=bad), "argument 'data' = <_io"),
        (lambda bad: lambda config, data=bad: data, "default of 'data' = <_io"),
    ],
    ids=["closure", "partial", "default"],
)
def test_an_object_that_cannot_travel_is_named_and_leaves_no_run(fit, tmp_path, make, named):
    with (tmp_path / "file").open("w") as bad, pytest.raises(Unpicklable, match=named) as caught:
        fit(make(bad))
    assert "Make it inside the function" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_object_in_the_search_space_that_cannot_travel_is_named(fit, tmp_path):
    with (
        (tmp_path / "file").open("w") as bad,
        pytest.raises(Unpicklable, match=r"param_space\['data'\] = <_io"),
    ):
        fit(lambda config: None, param_space={"data": bad})


SCRIPT = dedent(
    """
    import os, sys
    import pbtune
    from pbtune import tune

    class Model:
        size = 3

    def train(config):
        tune.report({"at": Model.size * config["x"]})

    pbtune.init(num_cpus=1)
    run = tune.RunConfig(name="run", storage_path=sys.argv[-1], verbose=0)
    (result,) = tune.Tuner(train, param_space={"x": 2}, run_config=run).fit()
    print("got", result.metrics["at"])
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["-c", "stdin", "file"])
def test_a_script_without_a_main_guard_works(tmp_path, way):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    arguments = {"-c": ["-c", SCRIPT], "stdin": ["-"], "file": [str(script)]}[way]
    done = subprocess.run(
        [sys.executable, *arguments, str(tmp_path)],
        input=SCRIPT if way == "stdin" else "",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "got 6\n", done.stderr
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "run") in done.stderr


def test_a_file_in_the_working_directory_shadows_nothing_of_the_library(tmp_path):
    (tmp_path / "socket.py").write_text("raise RuntimeError('the wrong one')\n")
    done = subprocess.run(
        # The script itself would meet the file first: that is Python's own way.
        [sys.executable, "-c", f"import sys; sys.path.remove('')\n{SCRIPT}", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(pbtune.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "got 6\n", done.stderr
