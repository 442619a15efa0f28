"""Every public name of Ray Tune is here, or says why it is not; docs/compat.md tells which."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import compat_page
from notes import BETTER, MEMBERS, SIGNATURES
from surface import DATA, MODULES, answer, described, ours

import pbtune
from pbtune.errors import NotInPbtune
from pbtune.tune.absent import ABSENT, why_absent
from pbtune.tune.places import EXTRA, HOMES

RAY_PYTHON = Path(__file__).parents[2] / ".venv-ray/bin/python"
NAMES = [(module, name) for module, names in MODULES.items() for name in names]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_here_or_says_why_not(module):
    path = module.removeprefix("ray").strip(".")
    is_missing = path not in HOMES and any(f"{path}.".startswith(f"{it}.") for it in ABSENT)
    if not is_missing:
        assert ours(module).__name__ == f"pbtune{module.removeprefix('ray')}"
        return
    with pytest.raises(NotInPbtune) as caught:
        ours(module)
    named = str(caught.value).partition(" is not in pbtune: ")[0]
    assert f"{module}.".startswith(f"{named}.")


@pytest.mark.parametrize("module", MODULES)
def test_every_name_is_here_or_says_why_not(module):
    for name in MODULES[module]:
        if described(module, name)["kind"] == "gone":
            assert why_absent(module.removeprefix("ray").strip("."), name)
        else:
            value, why = answer(module, name)
            assert (value is None) != (why is None), name


def test_the_constants_are_rays():
    for module, name in NAMES:
        entry = described(module, name)
        value, why = answer(module, name) if entry["kind"] == "constant" else (None, "")
        if why is None:
            assert value == entry["value"], f"{module}.{name}"


def test_the_page_is_as_the_names_are():
    assert compat_page.PAGE.read_text(encoding="utf-8") == compat_page.page(), (
        "run .venv/bin/python tests/compat/compat_page.py"
    )


def test_no_note_is_about_a_name_that_is_not_there():
    places = {compat_page.first_place(module, name) for module, name in NAMES}
    assert sorted({*BETTER, *SIGNATURES} - places) == []
    assert sorted(set(SIGNATURES) - set(compat_page.other_signatures())) == []
    assert sorted(set(MEMBERS) - set(compat_page.missing_members())) == []


@pytest.mark.parametrize("path", sorted(set(ABSENT) - set(HOMES)))
def test_nothing_is_called_absent_that_is_there(path):
    head, _, name = f"pbtune.{path}".rpartition(".")
    with pytest.raises(NotInPbtune) as caught:
        getattr(importlib.import_module(head), name)
    assert str(caught.value).endswith(ABSENT[path])


@pytest.mark.parametrize("path", sorted(HOMES))
def test_a_place_gives_the_objects_of_its_homes(path):
    place = importlib.import_module(f"pbtune.{path}")
    for home, names in HOMES[path].items():
        for name in names:
            own = getattr(importlib.import_module(f"pbtune.{home}"), name)
            assert getattr(place, name) is own
            assert name in dir(place)


@pytest.mark.parametrize("path", sorted(EXTRA))
def test_a_module_gives_what_its_namesake_in_ray_has_too(path):
    for name, home in EXTRA[path].items():
        own = getattr(importlib.import_module(f"pbtune.{home}"), name)
        assert getattr(importlib.import_module(f"pbtune.{path}"), name) is own


@pytest.mark.parametrize("module", ["pbtune", "pbtune.air", "pbtune.tune.utils.util"])
def test_a_name_that_nobody_has_is_missing_as_in_any_module(module):
    assert not hasattr(importlib.import_module(module), "no_such_name")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{module}.no_such_module")


def test_a_star_takes_what_a_place_has():
    names = {}
    exec("from pbtune.air.session import *", names)
    assert names["report"] is pbtune.tune.report


@pytest.mark.slow
@pytest.mark.skipif(not RAY_PYTHON.exists(), reason="`make bench-ray` has not been run")
def test_the_names_were_written_down_from_the_ray_that_is_installed(tmp_path):
    script = Path(__file__).with_name("enumerate_ray.py")
    code = (
        f"import sys; sys.argv[1:] = []; sys.path.insert(0, {str(script.parent)!r});"
        f"import warnings; warnings.simplefilter('ignore');"
        f"import enumerate_ray, json; print(json.dumps(enumerate_ray.surface()))"
    )
    done = subprocess.run([RAY_PYTHON, "-c", code], capture_output=True, text=True, check=True)
    now = json.loads(done.stdout.splitlines()[-1])
    assert now["ray"] == DATA["ray"]
    assert now["modules"] == DATA["modules"]
    assert now["objects"] == DATA["objects"]
