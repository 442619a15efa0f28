"""The report: a page of Markdown, with figures, from the CSV files alone."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.comparison import figures
from benchmarks.comparison.analysis import RANDOM_SEARCH, Runs, Task
from benchmarks.comparison.claims import claims, ray_scores
from benchmarks.comparison.statistics import Estimate, interquartile
from benchmarks.comparison.suite import PROBLEMS, TOYS, read_all

GREEDY_RIGHT = ("B2 plain", "B3", "B4 numbers", "B4 mixed")
GREEDY_WRONG = ("B1", "B2 deceptive")
Bounds = dict[str, dict[str, float]]

HEAD = """# Which method, where? The comparison of the algorithms

Made by `python -m benchmarks.algorithms` from the CSV files in [algorithms/raw](algorithms/raw):
one row a run, {run_count:,} runs. The unit is a whole population's run, and seeds are paired: seed
n gives every method the same first configs, weights and data. Scores are interquartile means with
95 % intervals of a stratified bootstrap over seeds. Budgets are equal in member-steps: every run
ends when its members have trained their share, whatever was copied. What decides is the production
core with the schedulers' own defaults; members train in virtual time, at the same speed.

"PBT" is `PopulationBasedTraining(synch=True)`, and "PBT, asynchronous" the default. With members of
the same speed an asynchronous one is compared with others that have not finished the same interval,
so it is replaced less often: less greedy, and slower to follow. PB2 and BG-PBT run with
`synch=True`, BG-PBT with `trust_region=True, backtrack=True` too; MF-PBT and IPBT always are, and
get `budget=`. The growing interval is `interval_growth=8`. Problems with more than 60 generations
are left out for the methods with a model. Settings were looked at on seeds from 1000 on, and the
figures below are of seeds from 0 on.
"""


def write(folder: Path, page: Path) -> None:
    """Write the page, and its figures into the folder."""
    runs = Runs(rows := read_all(folder / "raw"))
    bounds: Bounds = json.loads((folder / "bounds.json").read_text())
    lines = [HEAD.format(run_count=len(rows))]
    lines += _must(runs, folder / "ray")
    lines += _overall(runs, bounds, folder)
    for name in PROBLEMS:
        if runs.tasks(name):
            lines += _problem(runs, name, bounds.get(name, {}), folder)
    lines += _ray(folder / "ray")
    page.write_text("\n".join(lines).rstrip() + "\n")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def shown(value: Estimate | None, digits: int) -> str:
    """A value with its interval."""
    if value is None:
        return ""
    return f"{value.value:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def _signed(value: Estimate | None) -> str:
    if value is None:
        return ""
    return f"{value.value:+.4g} [{value.low:+.4g}, {value.high:+.4g}]"


def _must(runs: Runs, ray: Path) -> Iterator[str]:
    yield "## What has to hold"
    yield ""
    yield "Differences are means of paired ones, oriented so that more than 0 is in favour of the"
    yield "first. *Better*: the 95 % interval is above 0. *Not worse*: it reaches 0."
    yield ""
    found = [
        [it.title, it.needs, _signed(it.gap), str(it.count), it.verdict] for it in claims(runs, ray)
    ]
    yield from _table(["claim", "needs", "difference [95 %]", "seeds", ""], found)
    yield "Against the asynchronous default MF-PBT has less to win where greed is wrong: that one"
    yield "is hardly greedy, because it seldom copies. It pays for that where greed is right."
    yield ""


def _overall(runs: Runs, bounds: Bounds, folder: Path) -> Iterator[str]:
    yield "## Over all toys"
    yield ""
    yield "Each toy at its main interval; 0 is random search, 1 the best schedule that is known."
    yield "Where greed is wrong (B1, B2 deceptive) and where it is right (B2 plain, B3, B4) are two"
    yield "questions, and an average over both would answer neither."
    yield ""
    kinds = {"greed is wrong": GREEDY_WRONG, "greed is right": GREEDY_RIGHT}
    everything = [task for toy in TOYS for task in _main_tasks(runs, toy.name)]
    names = runs.methods(everything)
    found: dict[str, dict[str, Estimate]] = {}
    for kind, problems in kinds.items():
        tasks = [task for name in problems for task in _main_tasks(runs, name)]
        scores = {name: runs.normalised(tasks, name, bounds) for name in names}
        found[kind] = {name: it for name, it in scores.items() if it is not None}
        if found[kind]:
            path = folder / f"{kind.replace(' ', '-')}.png"
            figures.ranking(f"{kind}: normalised score", found[kind], 0.0, path)
    heads = ["method", *kinds, "beats random search", "beats PBT"]
    rows = [
        [
            name,
            *(shown(found[kind].get(name), 2) for kind in kinds),
            shown(runs.wins(everything, name, RANDOM_SEARCH), 2),
            shown(runs.wins(everything, name, "PBT"), 2),
        ]
        for name in names
    ]
    yield from _table(heads, rows)
    yield "The last two columns are probabilities of improvement: that one run beats another, over"
    yield "all toys that both have."
    yield ""
    for kind in kinds:
        yield f"![{kind}](algorithms/{kind.replace(' ', '-')}.png)"
    yield ""


def _main_tasks(runs: Runs, name: str) -> list[Task]:
    main = PROBLEMS[name].main_interval
    return [task for task in runs.tasks(name) if task.interval == main]


def _problem(runs: Runs, name: str, bounds: dict[str, float], folder: Path) -> Iterator[str]:
    problem = PROBLEMS[name]
    text = (sys_doc(problem) or "").strip()
    yield f"## {name}: {problem.title}"
    yield ""
    yield text
    yield ""
    direction = "less" if problem.mode == "min" else "more"
    what = "the area under the best score's curve" if problem.uses_area else "the test score"
    yield f"{problem.total} steps a member. The table has {what}; {direction} is better."
    yield ""
    rows = [[key, f"{value:.4f}"] for key, value in bounds.items()]
    yield from _table(["what could be reached", ""], rows)
    for members in sorted({task.members for task in runs.tasks(name)}):
        tasks = [task for task in runs.tasks(name) if task.members == members]
        yield from _scores(runs, tasks)
    path = folder / f"{name.replace(' ', '-')}.png"
    figures.over_intervals(runs, name, problem.title, bounds, path)
    yield f"![{name}](algorithms/{path.name})"
    yield ""


def _scores(runs: Runs, tasks: Sequence[Task]) -> Iterator[str]:
    main = PROBLEMS[tasks[0].problem].main_interval
    at_main = next((task for task in tasks if task.interval == main), tasks[0])
    counts = [len(runs.rows(at_main, name)) for name in runs.methods(tasks)]
    yield f"{tasks[0].members} members, {max(counts)} seeds. *Retrained*: one member from nothing"
    yield f"under the exported schedule of interval {at_main.interval}, with other random numbers."
    yield ""
    digits = 1 if PROBLEMS[tasks[0].problem].name.startswith(("B3", "B4", "B6")) else 4
    heads = ["method", *(f"interval {task.interval}" for task in tasks), "retrained"]
    rows = [
        [
            name,
            *(shown(runs.reached(task, name), digits) for task in tasks),
            shown(runs.reached(at_main, name, "retrained"), digits),
        ]
        for name in runs.methods(tasks)
    ]
    yield from _table(heads, rows)


def sys_doc(problem: type) -> str | None:
    """What the problem's module says about it."""
    from sys import modules  # noqa: PLC0415  one name for one use

    text = modules[problem.__module__].__doc__ or ""
    return text.split(", ", 1)[1] if text.startswith("B") and ", " in text else text


def _ray(folder: Path) -> Iterator[str]:
    scores = ray_scores(folder)
    if not scores:
        return
    yield "## Against Ray Tune's PBT"
    yield ""
    yield "On B3, by `benchmarks/workloads/ray_triangle.py` in Ray's own environment: its scheduler"
    yield "object, unchanged, in the same virtual time, with the same first configs and draws, and"
    yield "checkpoints that are always there. Compared is what decides, not processes and files."
    yield ""
    rows = [
        [
            str(interval),
            "yes" if synch else "no",
            str(len(values)),
            shown(interquartile([list(values.values())]), 1),
        ]
        for (interval, synch), values in sorted(scores.items())
    ]
    yield from _table(["interval", "synch", "seeds", "Ray's best accuracy, IQM [95 %]"], rows)
