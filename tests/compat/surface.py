"""What Ray Tune 2.60 has, as it was written down, and what pbtune says to each name."""

import ast
import importlib
import inspect
import json
from pathlib import Path

from pbtune.errors import NotInPbtune

DATA = json.loads(Path(__file__).with_name("surface_2_60.json").read_text(encoding="utf-8"))
MODULES = {
    **DATA["modules"],
    # These need libraries that Ray doesn't bring; they are named by hand.
    **{name: {} for name in DATA["unimportable"]},
}
PRIVATE = "pbtune."


def ours(name):
    """Our module for one of Ray's.

    Raises:
        NotInPbtune: If we have none.
    """
    return importlib.import_module(f"pbtune{name.removeprefix('ray')}")


def answer(module, name):
    """What pbtune has under a name of Ray's: (object, None), or (None, why it is not here)."""
    try:
        return getattr(ours(module), name), None
    except NotInPbtune as error:
        said = str(error)
        return None, said.partition(" is not in pbtune: ")[2]


def described(module, name):
    """What was written down of a name."""
    entry = MODULES[module][name]
    return DATA["objects"][entry] if isinstance(entry, str) else entry


def parameters(text):
    """{name: (position or None, whether it must be given)} of parameters as text."""
    tree = ast.parse(f"def f{text}: ...").body[0].args
    positional = [*tree.posonlyargs, *tree.args]
    first_default = len(positional) - len(tree.defaults)
    found = {it.arg: (at, at < first_default) for at, it in enumerate(positional)}
    for it, default in zip(tree.kwonlyargs, tree.kw_defaults, strict=True):
        found[it.arg] = (None, default is None)
    return found


def differences(theirs, function):
    """What a call as Ray takes it would meet here: names that are missing, or stand elsewhere."""
    signature = inspect.signature(function)
    kinds = {it.kind for it in signature.parameters.values()}
    takes_any = inspect.Parameter.VAR_KEYWORD in kinds
    own = {}
    for at, it in enumerate(signature.parameters.values()):
        is_positional = it.kind in {it.POSITIONAL_ONLY, it.POSITIONAL_OR_KEYWORD}
        own[it.name] = (at if is_positional else None, it.default is it.empty)
    said = []
    for name, (at, is_needed) in parameters(theirs).items():
        if name.startswith("_"):
            continue
        if name not in own:
            if not takes_any:
                said.append(f"{name} is missing")
        elif at is not None and own[name][0] is None:
            said.append(f"{name} only by name")
        elif at is not None and own[name][0] != at:
            said.append(f"{name} is number {own[name][0]}, not {at}")
        elif own[name][1] and not is_needed:
            said.append(f"{name} must be given")
    return said
