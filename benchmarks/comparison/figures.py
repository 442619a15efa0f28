"""Figures of the report: scores over intervals, and methods over all toys."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.comparison.analysis import Runs, Task
from benchmarks.comparison.methods import CONTROLS
from benchmarks.comparison.statistics import Estimate

mpl.use("Agg")
DPI = 110
COLOURS = mpl.colormaps["tab10"].colors
DRAWN = (
    "random search",
    "random search, cosine",
    "exploit only",
    "PBT",
    "PBT, asynchronous",
    "PBT, growing interval",
    "MF-PBT",
    "PB2",
    "IPBT",
    "IPBT, shrink and perturb",
)


def over_intervals(
    runs: Runs, problem: str, title: str, bounds: dict[str, float], path: Path
) -> None:
    """One panel a population: a line a method, with its 95 % interval, and the bounds dashed."""
    tasks = runs.tasks(problem)
    sizes = sorted({task.members for task in tasks})
    figure, panels = plt.subplots(
        1, len(sizes), figsize=(2 + 4.5 * len(sizes), 4.2), squeeze=False, layout="constrained"
    )
    for panel, members in zip(panels[0], sizes, strict=True):
        _panel(panel, runs, [task for task in tasks if task.members == members])
        panel.set_title(f"{problem}: {title}\n{members} members", fontsize=9)
        for at, (name, value) in enumerate(bounds.items()):
            if not name.startswith(("greedy", "best for each")):
                panel.axhline(value, color="black", lw=0.8, ls=(0, (4, 2 + 2 * at)), zorder=0)
                panel.annotate(
                    name, (1, value), xycoords=("axes fraction", "data"), fontsize=7, ha="right"
                )
    panels[0][-1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def _panel(panel: Axes, runs: Runs, tasks: Sequence[Task]) -> None:
    intervals = [task.interval for task in tasks]
    for at, method in enumerate(DRAWN):
        found = [(task.interval, runs.reached(task, method)) for task in tasks]
        points = [(interval, it) for interval, it in found if it is not None]
        if not points:
            continue
        x, estimates = [it[0] for it in points], [it[1] for it in points]
        style = {"ls": ":" if method in CONTROLS else "-", "marker": "o", "ms": 3, "lw": 1.2}
        colour = COLOURS[at % len(COLOURS)]
        panel.plot(x, [it.value for it in estimates], label=method, color=colour, **style)
        low, high = [it.low for it in estimates], [it.high for it in estimates]
        panel.fill_between(x, low, high, color=colour, alpha=0.12, lw=0)
    panel.set_xscale("log")
    panel.set_xticks(intervals, [str(it) for it in intervals])
    panel.minorticks_off()
    panel.set_xlabel("perturbation interval")
    panel.grid(alpha=0.25)


def ranking(title: str, found: dict[str, Estimate], middle: float, path: Path) -> None:
    """One line a method: a value with its 95 % interval, the best on top."""
    names = sorted(found, key=lambda name: found[name].value)
    figure, panel = plt.subplots(figsize=(7, 0.8 + 0.3 * len(names)), layout="constrained")
    for at, name in enumerate(names):
        it = found[name]
        colour = "tab:grey" if name in CONTROLS else "tab:blue"
        panel.plot([it.low, it.high], [at, at], color=colour, lw=2, alpha=0.6)
        panel.plot([it.value], [at], "o", color=colour, ms=5)
    panel.axvline(middle, color="black", lw=0.8, ls="--")
    panel.set_yticks(range(len(names)), names, fontsize=8)
    panel.set_title(title, fontsize=9)
    panel.grid(axis="x", alpha=0.25)
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
