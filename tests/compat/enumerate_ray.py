"""Write down Ray Tune's public surface: `.venv-ray/bin/python tests/compat/enumerate_ray.py`.

Needs `make bench-ray`. The answer is tests/compat/surface_2_60.json: every module of ray.tune and
ray.air, and ray.train as far as a tuning script meets it, with their public names; of functions the
parameters, of classes the parameters and the public members.
"""

import ast
import contextlib
import enum
import importlib
import inspect
import io
import json
import os
import warnings
from pathlib import Path

ANSWER = Path(__file__).with_name("surface_2_60.json")
ROOTS = ("ray.tune", "ray.air")
SINGLE = (
    *("ray.train", "ray.train.context", "ray.train.constants", "ray.train.error"),
    *("ray.train.utils", "ray.train.base_trainer", "ray.train.backend"),
)
SKIPPED = (".tests", ".examples", "._internal", ".execution.experimental", ".automl")


def modules():
    """Every module, by its file: looking for them by importing would run into the broken ones."""
    import ray

    top = Path(ray.__file__).parents[1]
    for root in ROOTS:
        for path in sorted((top / root.replace(".", "/")).rglob("*.py")):
            name = ".".join(path.relative_to(top).with_suffix("").parts).removesuffix(".__init__")
            if not any(f"{part}." in f"{name}." for part in SKIPPED):
                yield name
    yield from SINGLE


def assigned(body):
    """The names that a module's own statements make, below `if` and `try` too."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (it.id for it in node.targets if isinstance(it, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, (ast.If, ast.Try)):
            for part in ("body", "orelse", "finalbody"):
                yield from assigned(getattr(node, part, []))


def public(module):
    """The names that a module means to give: its __all__, or what it makes itself."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return sorted(it for it in listed if not it.startswith("_"))
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = {it for it in assigned(tree.body) if not it.startswith("_")} - {"logger"}
    return sorted(it for it in names if hasattr(module, it))


def default(value):
    """A default as a literal; ... if it is none that can be written."""
    text = repr(value)
    try:
        ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return "..."
    return text


def parameters(function):
    """The parameters as Python would write them, without annotations; None if it can't tell."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    parts, is_open = [], True
    for it in signature.parameters.values():
        if it.kind is it.KEYWORD_ONLY and is_open:
            parts.append("*")
        is_open = is_open and it.kind not in {it.KEYWORD_ONLY, it.VAR_POSITIONAL}
        stars = {it.VAR_POSITIONAL: "*", it.VAR_KEYWORD: "**"}.get(it.kind, "")
        ending = "" if it.default is it.empty else f"={default(it.default)}"
        parts.append(f"{stars}{it.name}{ending}")
    return f"({', '.join(parts)})"


def members(cls):
    """The public methods and properties of a class, own and inherited from Ray."""
    found = {}
    for name, value in inspect.getmembers_static(cls):
        if name.startswith("_"):
            continue
        raw = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        if isinstance(value, property):
            found[name] = {"kind": "property"}
        elif inspect.isfunction(raw):
            kind = {staticmethod: "static", classmethod: "class"}.get(type(value), "method")
            found[name] = {"kind": kind, "parameters": parameters(raw)}
        else:
            found[name] = {"kind": "attribute"}
    return found


def described(value):
    """What is written down of one object: a kind, and what there is to say of it."""
    if inspect.isclass(value):
        if issubclass(value, enum.Enum):
            return {"kind": "enum", "members": {it.name: str(it.value) for it in value}}
        answer = {"kind": "class", "parameters": parameters(value)}
        if not issubclass(value, BaseException):
            answer["members"] = members(value)
        return answer
    if callable(value):
        return {"kind": "function", "parameters": parameters(value)}
    if isinstance(value, (str, int, float, bool)) and not isinstance(value, enum.Enum):
        is_local = isinstance(value, float) or str(value).startswith("/")
        return {"kind": "constant", "value": None if is_local else value}
    return {"kind": "object", "type": type(value).__name__}


def home(value):
    """Where an object is at home; None if it has none."""
    name = getattr(value, "__qualname__", None)
    return None if name is None else f"{value.__module__}.{name}"


def surface():
    """All of it: {module: {name: home or description}}, and {home: description}."""
    import ray

    answer = {"ray": ray.__version__, "modules": {}, "unimportable": [], "objects": {}}
    for name in ("ray", *modules()):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                module = importlib.import_module(name)
        # The boundary of Ray's code: a module that lacks its library says so in many ways.
        except BaseException:  # noqa: BLE001
            answer["unimportable"].append(name)
            continue
        answer["modules"][name] = {it: _entry(answer, module, it) for it in public(module)}
    return answer


def _entry(answer, module, name):
    try:
        value = getattr(module, name)
    # The boundary of Ray's code: some names are there to say that they have gone.
    except BaseException as error:  # noqa: BLE001
        return {"kind": "gone", "error": type(error).__name__}
    if inspect.ismodule(value):
        return {"kind": "module"}
    at = home(value)
    if at is None:
        return described(value)
    if at not in answer["objects"]:
        answer["objects"][at] = described(value)
    return at


def main():
    warnings.simplefilter("ignore")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ANSWER.write_text(f"{json.dumps(surface(), indent=1, sort_keys=True)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
