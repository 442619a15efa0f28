"""The example, run as a person runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pbtune

SCRIPT = Path(__file__).parents[2] / "examples/pbt_function.py"
SRC = str(Path(pbtune.__file__).parents[1])
TIMEOUT_S = 120

pytestmark = pytest.mark.slow


@pytest.fixture
def example(tmp_path):
    """What ``python examples/pbt_function.py OPTIONS`` prints; each call in a fresh folder."""
    folders = iter(range(10))

    def run(*options):
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        environment = {**os.environ, "PYTHONPATH": SRC, "PBTUNE_STORAGE": str(folder / "runs")}
        ended = subprocess.run(
            [sys.executable, str(SCRIPT), *options],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert (folder / "runs/pbt_function/run.db").is_file()
        run.folder = folder
        return ended.stdout

    return run


def reached(out):
    """How many of the eight members got to the end, and the best accuracy."""
    found = re.search(r"Best accuracy ([\d.]+); (\d) of 8 members got to 200\.", out)
    assert found, out
    return int(found[2]), float(found[1])


def test_the_smoke_test_prints_the_best_hyperparameters(example):
    out = example("--smoke-test", "--seed", "1")
    assert "Best hyperparameters found were: {'lr': " in out
    # Ten steps are not enough to get anywhere.
    assert reached(out)[0] == 0


@pytest.mark.parametrize("seed", ["1", "2"])
def test_inline_the_same_seed_prints_the_same_twice(example, seed):
    first, second = [example("--inline", "--seed", seed, "--iterations", "150") for _ in range(2)]
    assert first == second
    assert "Best hyperparameters" in first


def test_another_seed_prints_something_else(example):
    options = ("--inline", "--iterations", "150", "--seed")
    assert example(*options, "1") != example(*options, "2")


def test_pbt_gets_every_member_to_the_end_where_no_constant_learning_rate_can(example):
    with_pbt, _ = reached(example("--inline", "--seed", "1"))
    without, best = reached(example("--inline", "--seed", "1", "--no-pbt"))
    assert with_pbt == 8
    assert without == 0
    assert best < 200


def test_the_picture_is_written_where_it_was_asked_for(example):
    out = example("--inline", "--seed", "1", "--iterations", "50", "--plot", "picture.png")
    assert "The picture is picture.png" in out
    assert (example.folder / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_help_names_every_option():
    command = [sys.executable, str(SCRIPT), "--help"]
    environment = {**os.environ, "PYTHONPATH": SRC}
    out = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout
    for option in ("--smoke-test", "--iterations", "--seed", "--no-pbt", "--inline", "--plot"):
        assert option in out
