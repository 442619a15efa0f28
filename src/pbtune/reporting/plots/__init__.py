"""Pictures of a run, each from its folder alone; they need matplotlib, imported when one is drawn.

population.py  the whole run in one figure: scores, hyperparameters, copies, the winner's path
lineage.py     a tree over training steps; tree.py says where its branches stand
schedule.py    what the winner trained with
scores.py      every member's score
parallel.py    where the members ended, a column a hyperparameter
diversity.py   whether the population still searches
data.py        what they are drawn from
style.py       what they look like
"""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, cast

from pbtune.errors import SettingsError
from pbtune.reporting.plots import style
from pbtune.reporting.plots.data import Run as Run
from pbtune.reporting.plots.diversity import plot_diversity as plot_diversity
from pbtune.reporting.plots.lineage import plot_lineage as plot_lineage
from pbtune.reporting.plots.parallel import plot_parallel as plot_parallel
from pbtune.reporting.plots.population import plot_run as plot_run
from pbtune.reporting.plots.schedule import plot_schedule as plot_schedule
from pbtune.reporting.plots.scores import plot_scores as plot_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN: Final["Mapping[str, Callable[..., Axes]]"] = {
    "lineage": plot_lineage,
    "scores": plot_scores,
    "schedule": plot_schedule,
    "parallel": plot_parallel,
    "diversity": plot_diversity,
}
KINDS: Final = ("population", *DRAWN)


def plot(
    run: Run,
    path: str | os.PathLike[str] | None = None,
    *,
    kind: str = "population",
    compare: Mapping[str, str] | None = None,
) -> "Figure":
    """Draw one kind of picture of a run, in a figure of its own.

    Args:
        run: The run's folder, or its results; it may still be training.
        path: Where to write the picture; its ending chooses the format. None writes nothing.
        kind: One of ``KINDS``.
        compare: {hyperparameter: metric}, for the population's picture.

    Raises:
        NoResult: If there is nothing to draw.
        SettingsError: For an unknown kind, for what the run doesn't have, if the picture can't be
            written, or without matplotlib.
    """
    if kind == "population":
        return plot_run(run, path, compare)
    if kind not in DRAWN:
        message = f"there is no picture of kind {kind!r}; there are {', '.join(KINDS)}"
        raise SettingsError(message)
    if compare:
        message = f"compare is for the picture of kind 'population', not {kind!r}"
        raise SettingsError(message)
    figure = cast("Figure", DRAWN[kind](run).get_figure(root=True))
    if path is not None:
        style.save(figure, path)
    return figure
