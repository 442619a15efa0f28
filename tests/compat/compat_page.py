"""Make docs/compat.md: `.venv/bin/python tests/compat/compat_page.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from notes import BETTER, MEMBERS, SCHEDULERS, SIGNATURES
from surface import DATA, MODULES, answer, described, differences, ours

from pbtune.errors import NotInPbtune

PAGE = Path(__file__).parents[2] / "docs" / "compat.md"
HEAD = """# Ray Tune's names in pbtune

Every public name of Ray Tune {version}: of `ray`, `ray.tune`, `ray.air`, and of `ray.train` as far
as a tuning script meets it. In a script `ray` becomes `pbtune`, in its imports and nowhere else; or
it runs unchanged by `pbtune run --as-ray SCRIPT`.

- *same*: the same name, arguments and meaning.
- *better*: the same call, with what is said.
- *not here*: importing it raises `NotInPbtune`, an `ImportError` that says why and what to use.

{here} of {all} names are here. `tests/compat/compat_page.py` makes this page from
`tests/compat/surface_2_60.json`, which `tests/compat/enumerate_ray.py` writes in an environment
with Ray (`make bench-ray`); a test keeps it true. What the names do is compared with Ray itself by
the cases in `tests/compat/`.
"""


VARIABLES = """
## Environment variables

| Variable | In pbtune |
|---|---|
| `TUNE_DISABLE_AUTO_CALLBACK_LOGGERS` | same: no `result.json`, `progress.csv`, `params.json` … |
| `TUNE_DISABLE_STRICT_METRIC_CHECKING` | same: a report may lack the metric, and is ranked last |
| `CUDA_VISIBLE_DEVICES` | same: respected, and set for each slot |
| `OMP_NUM_THREADS` | same: set to the trial's CPUs |
| every other `TUNE_…` and `RAY_…` | not read: there is nothing in pbtune that they could set |
"""


def rows(module):
    """(names, what is said of them) of a module."""
    said = {}
    for name in sorted(MODULES[module]):
        if described(module, name)["kind"] == "gone":
            said[name] = "not here: Ray has taken it out"
            continue
        _, why = answer(module, name)
        full = first_place(module, name)
        if why is not None:
            said[name] = f"not here: {why}"
        elif full in BETTER:
            said[name] = f"better: {BETTER[full]}"
        else:
            said[name] = "same"
    grouped = {}
    for name, text in said.items():
        grouped.setdefault(text, []).append(name)
    order = sorted(grouped.items(), key=lambda it: (it[0] != "same", it[0][:4] == "not ", it[0]))
    return [(names, text) for text, names in order]


def first_place(module, name):
    """The shortest path of the object that is behind a name."""
    entry = MODULES[module][name]
    if not isinstance(entry, str):
        return f"{module}.{name}"
    places = [
        f"{it}.{at}" for it, names in MODULES.items() for at, x in names.items() if x == entry
    ]
    return min(
        places, key=lambda place: (place.count("."), not place.startswith("ray.tune"), place)
    )


def missing_members():
    """(class, why, members) of the classes that are here, and lack some."""
    found = {}
    for module in MODULES:
        for name in MODULES[module]:
            details = described(module, name)
            if details["kind"] != "class" or first_place(module, name) != f"{module}.{name}":
                continue
            own, why = answer(module, name)
            if why is not None:
                continue
            lacks = [
                it
                for it, member in details.get("members", {}).items()
                if not hasattr(own, it) and it not in instance_names(own) and member
            ]
            if lacks:
                found[f"{module}.{name}"] = lacks
    return found


def instance_names(cls):
    """What an object of the class has besides: what its source gives to ``self``."""
    import inspect
    import re

    try:
        text = "".join(inspect.getsource(it) for it in cls.__mro__ if it.__module__[:6] == "pbtune")
    except (OSError, TypeError, AttributeError):
        return set()
    fields = {
        it for base in getattr(cls, "__mro__", ()) for it in vars(base).get("__annotations__", {})
    }
    return set(re.findall(r"self\.(\w+)(?:: [^=\n]+)? = ", text)) | fields


def other_signatures():
    """{name: how a call of it differs} of the names that are here."""
    found = {}
    for module in MODULES:
        for name in MODULES[module]:
            details = described(module, name)
            if not details.get("parameters") or first_place(module, name) != f"{module}.{name}":
                continue
            own, why = answer(module, name)
            if why is not None:
                continue
            try:
                said = differences(details["parameters"], own)
            except (TypeError, ValueError):
                said = ["it can't be called"]
            if said:
                found[f"{module}.{name}"] = said
    return found


def why_members(name):
    """Why a class lacks members of Ray's."""
    return SCHEDULERS if name.startswith("ray.tune.schedulers") else MEMBERS[name]


def page():
    """The whole text."""
    here = total = 0
    body = []
    absent = []
    for module in MODULES:
        try:
            ours(module)
        except NotInPbtune as error:
            why = str(error).partition(" is not in pbtune: ")[2]
            absent.append((module, why))
            total += len(MODULES[module])
            continue
        lines = rows(module)
        total += len(MODULES[module])
        here += sum(len(names) for names, text in lines if not text.startswith("not here"))
        if lines:
            body.append(f"\n## {module}\n\n| Name | In pbtune |\n|---|---|\n")
            for names, text in lines:
                body.append(f"| {', '.join(f'`{it}`' for it in names)} | {text} |\n")
    body.append("\n## Modules that are not here\n\n| Module | Because |\n|---|---|\n")
    grouped = {}
    for module, why in absent:
        grouped.setdefault(why, []).append(module)
    for why, names in grouped.items():
        body.append(f"| {', '.join(f'`{it}`' for it in names)} | {why} |\n")
    body.append("\n## Members that are not here\n\n| Class | Members | Because |\n|---|---|---|\n")
    for name, lacks in missing_members().items():
        body.append(
            f"| `{name}` | {', '.join(f'`{it}`' for it in lacks)} | {why_members(name)} |\n"
        )
    body.append("\n## Calls that differ\n\n| Name | Because |\n|---|---|\n")
    body += [f"| `{name}` | {SIGNATURES[name]} |\n" for name in other_signatures()]
    return HEAD.format(version=DATA["ray"], here=here, all=total) + "".join(body) + VARIABLES


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
