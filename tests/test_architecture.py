"""The house keeps its plan: which folder imports what, how long things get, what is caught.

The checker reads syntax trees only, so that a violation is found without being run. The second half
of this file plants violations and demands that each is found.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "pbtune"

MAY_IMPORT = {
    "core": set(),
    "journal": {"core"},
    "checkpoints": {"core"},
    "worker": {"core", "checkpoints"},
    "executors": {"core", "checkpoints", "worker"},
    "driver": {"core", "journal", "checkpoints", "executors"},
    "models": {"core"},
    "reporting": {"core", "journal"},
    "tune": {
        "core",
        "driver",
        "executors",
        "reporting",
        "worker",
        "checkpoints",
        "journal",
        "models",
    },
    "integrations": {"tune"},
    "air": {"tune", "train", "integrations"},
    "cli": {"tune", "core", "journal", "checkpoints", "reporting"},
    "testing": {"core", "journal", "checkpoints", "worker", "executors", "driver", "reporting"},
    "__init__": {"tune", "train", "air"},
    "__main__": {"cli"},
    "train": {"tune"},
    "errors": set(),
    "version": set(),
}
FREE_FOR_ALL = {"errors", "version"}

PURE = {
    *("abc", "bisect", "collections", "copy", "dataclasses", "enum", "functools", "heapq"),
    *("inspect", "itertools", "math", "msgspec", "operator", "re", "string", "typing"),
}
"""What core may import besides itself: nothing in it knows a clock, a file or a process."""
IMPURE_NAMES = {"open", "print", "input", "exec", "eval", "__import__"}
RANDOM_TYPE_ONLY = {
    *("core/rng.py", "core/space.py", "core/explore.py", "core/selection.py", "core/encoding.py"),
}
ONLY_IN = {
    "sqlite3": {"journal"},
    "subprocess": {"worker", "executors"},
    "multiprocessing": {"worker", "executors"},
    "signal": {"worker", "executors", "driver"},
    "socket": {"worker", "executors", "reporting"},
    "numpy": {"models"},
    "ray": {"executors"},
    # Whoever looks at a run, or opens its journal, unpickles nothing.
    "pickle": {"tune", "worker", "executors"},
    "cloudpickle": {"tune", "worker", "executors"},
}

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
FUNCTION_LINES_USUAL = 30
PARAMETERS_MAX = 6
BOUNDARY = re.compile(r"#.*(boundary|observer)", re.IGNORECASE)
BOUNDARY_LINES = 8


class Module(NamedTuple):
    name: str
    path: str
    folder: str
    tree: ast.Module
    lines: list[str]

    def at(self, node: ast.AST) -> str:
        return f"{self.path}:{node.lineno}"


class Import(NamedTuple):
    """One imported module. ``attributes`` are the names taken from it, if any were."""

    target: str
    attributes: tuple[str, ...]
    node: ast.Import | ast.ImportFrom


def modules(root: Path) -> dict[str, Module]:
    found = {}
    for file in sorted(root.rglob("*.py")):
        path = file.relative_to(root)
        text = file.read_text(encoding="utf-8")
        parts = [*path.parts[:-1], path.stem]
        folder = parts[0]
        name = ".".join(["pbtune", *(part for part in parts if part != "__init__")])
        module = Module(name, path.as_posix(), folder, ast.parse(text), text.splitlines())
        found[name] = module
    return found


def imports(module: Module, known: dict[str, Module]) -> Iterator[Import]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.name.split(".")
                drop = node.level - module.path.endswith("__init__.py")
                base = ".".join([*package[: len(package) - drop], *filter(None, [base])])
            names = tuple(alias.name for alias in node.names)
            inner = [name for name in names if f"{base}.{name}" in known]
            for name in inner:
                yield Import(f"{base}.{name}", (), node)
            if len(inner) < len(names):
                yield Import(base, tuple(name for name in names if name not in inner), node)


def check_table(module: Module, known: dict[str, Module]) -> Iterator[str]:
    if module.folder not in MAY_IMPORT:
        yield f"{module.path}: the table doesn't know the folder {module.folder}"
        return
    allowed = MAY_IMPORT[module.folder] | FREE_FOR_ALL | {module.folder}
    for it in imports(module, known):
        if it.target.split(".")[0] == "pbtune":
            parts = it.target.split(".")
            folder = parts[1] if len(parts) > 1 else "__init__"
            if folder not in allowed:
                yield f"{module.at(it.node)}: {module.folder} must not import {it.target}"


def check_reach(module: Module, known: dict[str, Module]) -> Iterator[str]:
    for it in imports(module, known):
        top = it.target.split(".")[0]
        if module.folder not in ONLY_IN.get(top, {module.folder}):
            yield f"{module.at(it.node)}: {module.folder} must not touch {top}"


def check_core(module: Module, known: dict[str, Module]) -> Iterator[str]:
    if module.folder != "core":
        return
    for it in imports(module, known):
        top = it.target.split(".")[0]
        if top == "random" and module.path in RANDOM_TYPE_ONLY:
            if set(it.attributes) - {"Random"}:
                yield f"{module.at(it.node)}: core draws only from a random.Random"
        elif top not in PURE | {"pbtune"}:
            yield f"{module.at(it.node)}: core must stay pure, not import {top}"
    for node in ast.walk(module.tree):
        text = ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Name)) else ""
        if text.startswith("random.") and text != "random.Random":
            yield f"{module.at(node)}: core draws only from a random.Random"
        if text in IMPURE_NAMES:
            yield f"{module.at(node)}: core must stay pure, not use {text}()"


def check_late_imports(module: Module, _known: dict[str, Module]) -> Iterator[str]:
    for function in functions(module):
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                _, mark, reason = module.lines[node.lineno - 1].partition("# noqa: PLC0415")
                if not mark or not reason.strip():
                    yield f"{module.at(node)}: an import inside a function needs its reason"


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def check_lengths(module: Module, _known: dict[str, Module]) -> Iterator[str]:
    if len(module.lines) > FILE_LINES_MAX:
        yield f"{module.path}: {len(module.lines)} lines, more than {FILE_LINES_MAX}"
    for function in functions(module):
        if lines_of(function) > FUNCTION_LINES_MAX:
            yield f"{module.at(function)}: {function.name} has {lines_of(function)} lines"


def check_parameters(module: Module, _known: dict[str, Module]) -> Iterator[str]:
    for function in functions(module):
        given = function.args
        names = [it.arg for it in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        count = len([name for name in names if name not in {"self", "cls"}])
        line = module.lines[function.lineno - 1]
        if count > PARAMETERS_MAX and re.search("# noqa: .*Tune's own signature", line) is None:
            yield f"{module.at(function)}: {function.name} takes {count} parameters"


def check_excepts(module: Module, _known: dict[str, Module]) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler) or not is_broad(node.type):
            continue
        # A clean-up that ends by raising the same exception catches nothing.
        last = node.body[-1]
        if isinstance(last, ast.Raise) and last.exc is None:
            continue
        around = module.lines[max(0, node.lineno - BOUNDARY_LINES) : node.body[0].lineno]
        if not any(BOUNDARY.search(line) for line in around):
            yield f"{module.at(node)}: a broad except that no comment calls a boundary"


def is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(it, ast.Name) and it.id in {"Exception", "BaseException"} for it in names)


def check_cycles(known: dict[str, Module]) -> Iterator[str]:
    graph = {
        name: {it.target for it in imports(module, known) if it.target in known} - typed(module)
        for name, module in known.items()
    }
    done: set[str] = set()

    def walk(name: str, above: list[str]) -> Iterator[str]:
        if name in above:
            yield f"import cycle: {' -> '.join([*above[above.index(name) :], name])}"
        elif name not in done:
            for target in sorted(graph[name]):
                yield from walk(target, [*above, name])
            done.add(name)

    for name in sorted(graph):
        yield from walk(name, [])


def typed(module: Module) -> set[str]:
    """What is imported for annotations only."""
    return {
        inner.module
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
        if isinstance(inner, ast.ImportFrom) and inner.module
    }


def check_classes(known: dict[str, Module]) -> Iterator[str]:
    """Abstract or final. The tree of errors is the exception: its branches are caught by name."""
    classes = {
        node.name: (module, node)
        for module in known.values()
        if module.folder != "errors"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    extended = {base for _, node in classes.values() for it in node.bases for base in [name_of(it)]}
    for name in sorted(extended & set(classes)):
        module, node = classes[name]
        if "final" in {name_of(it) for it in node.decorator_list}:
            yield f"{module.at(node)}: {name} is final and has subclasses"
        elif not is_abstract(node):
            yield f"{module.at(node)}: {name} has subclasses and is not abstract"


def is_abstract(node: ast.ClassDef) -> bool:
    bases = {name_of(it) for it in node.bases}
    decorators = {name_of(it) for part in ast.walk(node) for it in decorators_of(part)}
    return bool({"ABC", "Protocol"} & bases) or "abstractmethod" in decorators


def decorators_of(node: ast.AST) -> list[ast.expr]:
    return node.decorator_list if isinstance(node, ast.FunctionDef) else []


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return name_of(node.value)
    return ast.unparse(node).rpartition(".")[2]


MODULE_CHECKS: list[Callable[[Module, dict[str, Module]], Iterator[str]]] = [
    check_table,
    check_reach,
    check_core,
    check_late_imports,
    check_lengths,
    check_parameters,
    check_excepts,
]


def violations(root: Path) -> list[str]:
    known = modules(root)
    found = [
        text
        for check in MODULE_CHECKS
        for module in known.values()
        for text in check(module, known)
    ]
    return [*found, *check_cycles(known), *check_classes(known)]


def share_of_long_functions(root: Path) -> float:
    lengths = [lines_of(it) for module in modules(root).values() for it in functions(module)]
    return sum(length > FUNCTION_LINES_USUAL for length in lengths) / len(lengths)


def test_the_checker_reads_the_whole_house():
    assert {module.folder for module in modules(SOURCE).values()} >= {
        *("core", "journal", "checkpoints", "worker", "executors"),
        *("driver", "reporting", "tune", "cli"),
    }


def test_the_house_keeps_its_plan():
    assert violations(SOURCE) == []


def test_nine_of_ten_functions_are_short():
    assert share_of_long_functions(SOURCE) <= 0.1


# File | its text | what the checker has to say. Each is planted alone, into a house in order.
PLANTED = r"""
core/bad.py | from pbtune.journal import base | core must not import pbtune.journal
core/bad.py | import pbtune | core must not import pbtune
worker/bad.py | import pbtune.journal.base | worker must not import pbtune.journal.base
driver/bad.py | from pbtune.worker.protocol import Asked | driver must not import pbtune.worker
reporting/bad.py | def f():\n import pbtune.driver # noqa: PLC0415 x | reporting must not import
checkpoints/bad.py | from ..worker import api | checkpoints must not import pbtune.worker
utils/bad.py |  | the table doesn't know the folder utils
core/bad.py | import time | core must stay pure, not import time
core/bad.py | from logging import getLogger | core must stay pure, not import logging
core/bad.py | import random | core must stay pure, not import random
core/bad.py | x = open('f') | core must stay pure, not use open()
core/rng.py | import random\nx = random.random() | core draws only from a random.Random
core/rng.py | from random import shuffle | core draws only from a random.Random
reporting/bad.py | import sqlite3 | reporting must not touch sqlite3
worker/bad.py | import numpy.random | worker must not touch numpy
tune/bad.py | def f():\n import json # noqa: PLC0415 | an import inside a function needs its reason
tune/bad.py | def f(a, b, c, d, e, *, f, g): ... # noqa: PLR0913 | f takes 7 parameters
tune/bad.py | try: ...\nexcept (ValueError, Exception): ... | a broad except that no comment calls
tune/bad.py | try: ...\nexcept: ... | a broad except that no comment calls a boundary
tune/bad.py | from pbtune.tune import good | tune.bad -> pbtune.tune.good -> pbtune.tune.bad
tune/bad.py | class A: ...\nclass B(A): ... | A has subclasses and is not abstract
tune/bad.py | @final\nclass A(ABC): ...\nclass B(A): ... | A is final and has subclasses
"""
PLANTS = [tuple(line.replace(r"\n", "\n").split(" | ")) for line in PLANTED.strip().splitlines()]
PLANTS += [
    ("tune/bad.py", "x = 1\n" * 401, "401 lines, more than 400"),
    ("tune/bad.py", "def f():\n" + " x = 1\n" * 50, "f has 51 lines"),
]

GOOD = {
    "core/rng.py": "import random\n\ndef f() -> random.Random:\n    return random.Random(1)\n",
    "errors.py": "class A(Exception): ...\nclass B(A): ...\n",
    "worker/good.py": (
        "from pbtune import errors\nfrom pbtune.core import rng\n"
        "try:\n    x = 1\n# The process boundary of user code.\nexcept Exception:\n    x = 2\n"
        "try:\n    x = 1\nexcept BaseException:\n    x = 2\n    raise\n"
    ),
    "tune/good.py": (
        "from pbtune.tune import bad\n"
        "class C(ABC): ...\n@final\nclass D(C): ...\n"
        "def f(a, b, c, d, e, f, g):  # noqa: PLR0913  Tune's own signature\n"
        "    import json  # noqa: PLC0415  heavy\n"
    ),
    "tune/bad.py": "",
}


def planted(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def test_a_house_in_order_has_no_violations(tmp_path):
    assert violations(planted(tmp_path, GOOD)) == []


@pytest.mark.parametrize(("path", "text", "expected"), PLANTS)
def test_a_planted_violation_is_found(tmp_path, path, text, expected):
    found = violations(planted(tmp_path, {**GOOD, path: text}))
    assert len(found) == 1, found
    assert expected in found[0]


def test_too_many_long_functions_are_noticed(tmp_path):
    long = "def f():\n" + "    x = 1\n" * 40
    planted(tmp_path, {"tune/a.py": long + "def g(): ...\n" * 8})
    assert share_of_long_functions(tmp_path) == pytest.approx(1 / 9)
