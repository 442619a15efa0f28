"""Scripts written for Ray Tune run: with `ray` replaced by `pbtune`, and as they are."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pbtune

FOLDER = os.environ.get("PBTUNE_TUNE_SCRIPTS")
SCRIPTS = sorted(Path(FOLDER).glob("*.py")) if FOLDER else []
OWN = sorted(Path(__file__).with_name("scripts").glob("*.py"))
OWN_COUNT_MIN = 10
SRC = str(Path(pbtune.__file__).parents[1])
TIMEOUT_S = 120

pytestmark = pytest.mark.slow
needs_folder = pytest.mark.skipif(
    FOLDER is None, reason="PBTUNE_TUNE_SCRIPTS names no folder of scripts written for Ray Tune"
)


def translated(text):
    """The script with `ray` replaced by `pbtune` in import lines and in `ray.init` and its kin."""
    text = re.sub(r"(?m)^(\s*(?:from|import)\s+)ray\b", r"\1pbtune", text)
    return re.sub(r"(?<![\w./\"'])ray\.(?=[a-z])", r"pbtune.", text)


def ran(folder, *arguments):
    """What a fresh interpreter prints; it must end well."""
    runs = str(folder / "runs")
    environment = {**os.environ, "PYTHONPATH": SRC, "PBTUNE_STORAGE": runs, "RESULTS": runs}
    ended = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@needs_folder
def test_the_folder_that_is_named_has_scripts():
    assert SCRIPTS, f"{FOLDER} has no *.py"


@needs_folder
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_runs_with_only_ray_replaced_by_pbtune(script, tmp_path):
    changed = translated(script.read_text(encoding="utf-8"))
    assert not re.search(r"(?m)^\s*(from|import)\s+ray\b", changed)
    copy = tmp_path / script.name
    copy.write_text(changed, encoding="utf-8")
    assert "Best hyperparameters" in ran(tmp_path, copy, "--smoke-test")
    assert list(tmp_path.glob("runs/*/run.db"))


@needs_folder
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_runs_unchanged_as_ray(script, tmp_path):
    out = ran(tmp_path, "-m", "pbtune", "run", "--as-ray", script, "--smoke-test")
    assert "Best hyperparameters" in out
    assert list(tmp_path.glob("runs/*/run.db"))


def test_there_are_as_many_scripts_as_promised():
    assert len(OWN) >= OWN_COUNT_MIN


@pytest.mark.parametrize("script", OWN, ids=lambda path: path.stem)
def test_one_of_ours_runs_with_only_ray_replaced_by_pbtune(script, tmp_path):
    changed = translated(script.read_text(encoding="utf-8"))
    assert not re.search(r"(?m)^\s*(from|import)\s+ray\b", changed)
    copy = tmp_path / script.name
    copy.write_text(changed, encoding="utf-8")
    assert ran(tmp_path, "-W", "error", copy).endswith("PASSED\n")


@pytest.mark.parametrize("script", OWN, ids=lambda path: path.stem)
def test_one_of_ours_runs_unchanged_as_ray(script, tmp_path):
    out = ran(tmp_path, "-m", "pbtune", "run", "--as-ray", script)
    assert out.endswith("PASSED\n")
