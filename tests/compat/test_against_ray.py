"""The cases give here what Ray Tune itself gave, but for the differences that are listed."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from asking import asked, case_functions
from differences import DIFFERENCES

import pbtune
from pbtune.tune import as_ray

ANSWERS = json.loads(Path(__file__).with_name("ray_tune.json").read_text(encoding="utf-8"))
NAMES = sorted({".".join(name.split(".")[:2]) for name in ANSWERS})
OUR_NAMES = {"TuneError": "PbtuneError"}
COUNT_MIN = 150


@pytest.fixture(scope="module", autouse=True)
def door():
    as_ray.install()
    pbtune.init(num_cpus=4)
    yield
    pbtune.shutdown()
    as_ray.uninstall()
    for name in [name for name in sys.modules if name.split(".")[0] == "cases"]:
        del sys.modules[name]


def is_same(ours, theirs):
    """Whether two answers agree; an exception may be a more special one."""
    if isinstance(theirs, dict) and set(theirs) == {"raises"}:
        kind = theirs["raises"][0]
        kinds = ours.get("raises", []) if isinstance(ours, dict) else []
        return OUR_NAMES.get(kind, kind) in kinds
    return ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_answered_as_by_ray(name, tmp_path):
    ours = asked(name, case_functions()[name], tmp_path)
    theirs = {key: it for key, it in ANSWERS.items() if key == name or key.startswith(f"{name}.")}
    assert set(ours) == set(theirs), ours.get(name)
    others = {
        key: (ours[key], theirs[key])
        for key in theirs
        if key not in DIFFERENCES and not is_same(ours[key], theirs[key])
    }
    assert others == {}
    agreed = {key: it.ours for key, it in DIFFERENCES.items() if key in theirs}
    assert {key: ours[key] for key in agreed} == agreed


def test_there_are_as_many_cases_as_promised():
    assert len(ANSWERS) >= COUNT_MIN
    assert len(DIFFERENCES) <= len(ANSWERS) // 10


def test_every_difference_is_one_and_has_its_reason():
    for name, it in DIFFERENCES.items():
        assert not is_same(it.ours, ANSWERS[name]), name
        assert it.because


def test_every_answer_is_of_a_case():
    assert {".".join(name.split(".")[:2]) for name in ANSWERS} <= set(case_functions())
