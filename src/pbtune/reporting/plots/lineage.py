"""The picture of descent: a tree over training steps, whose colours are scores."""

from typing import TYPE_CHECKING, Any, Final

from pbtune.reporting.plots import style
from pbtune.reporting.plots.data import Data, Run, read
from pbtune.reporting.plots.style import plain
from pbtune.reporting.plots.tree import Branch, Key, grown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED_MAX: Final = 40
"""With more living branches than this only the winner's has its name."""
_HEIGHT_INCHES_MIN, _HEIGHT_INCHES_MAX, _ROW_INCHES = 4.0, 10.0, 0.13


def plot_lineage(run: Run, axes: "Axes | None" = None) -> "Axes":
    """Draw who descends from whom: each line trained, and each link up or down is a copy.

    Yellow is the best score. The winner's path is black beneath its colours; a line that ends
    before the right edge was replaced. Of more than 300 branches the shortest dead ones are left
    out, and the title says how many.

    Args:
        run: The run's folder, or its results; it may still be training.
        axes: Where to draw; a new figure's if it is left out.

    Raises:
        NoResult: If nothing was reported yet.
        SettingsError: Without matplotlib.
    """
    mpl = style.library()
    data = read(run)
    branches, left_out = grown(data)
    height = _ROW_INCHES * len(branches) + 1.2
    axes = style.axes_or_new(axes, 9.0, min(max(height, _HEIGHT_INCHES_MIN), _HEIGHT_INCHES_MAX))
    scores = [score for key in branches for score in data.series[key].values[data.metric]]
    norm, colors = style.score_norm(scores, is_falling=data.is_falling)
    # Thin where there are many rows; 1 point is 1/72 inch.
    width = min(3.0, max(0.8, 72 * min(height, _HEIGHT_INCHES_MAX) * 0.3 / len(branches)))
    _draw_links(axes, branches, mpl)
    _draw_path(axes, data, branches, width)
    for branch in branches.values():
        _draw_branch(axes, data, branch, (norm, colors, width, mpl))
    _draw_names(axes, data, branches)
    style.color_bar(axes, norm, colors, plain(data.metric))
    axes.set_xlabel("training steps, counted along the lineage")
    axes.set_yticks([])
    axes.set_ylim(len(branches) - 0.2, -0.8)
    axes.spines[["left", "top", "right"]].set_visible(False)
    view = data.view
    title = f"{view.header.name}: {len(view.trials)} members, {len(view.exploits)} exploits"
    title += f"; {left_out} short branches left out" if left_out else ""
    style.legend_above(axes, title)
    return axes


def _draw_links(axes: "Axes", branches: dict[Key, Branch], mpl: Any) -> None:  # noqa: ANN401
    links = [
        [(branch.start, branches[branch.parent].row), (branch.start, branch.row)]
        for branch in branches.values()
        if branch.parent is not None
    ]
    made = mpl.collections.LineCollection(links, colors=style.LINK, linewidths=0.6, zorder=1)
    axes.add_collection(made)


def _draw_branch(
    axes: "Axes", data: Data, branch: Branch, look: tuple[Any, Any, float, Any]
) -> None:
    norm, colors, width, mpl = look
    series = data.series[branch.key]
    edges = [branch.start, *series.steps]
    parts = [[(edges[at], branch.row), (edges[at + 1], branch.row)] for at in range(len(edges) - 1)]
    made = mpl.collections.LineCollection(
        parts,
        colors=[colors(norm(score)) for score in series.values[data.metric]],
        linewidths=width,
        capstyle="butt",
        alpha=1.0 if branch.is_alive or branch.children else 0.6,
        zorder=3,
    )
    axes.add_collection(made)


def _draw_path(axes: "Axes", data: Data, branches: dict[Key, Branch], width: float) -> None:
    xs: list[float] = []
    ys: list[float] = []
    for piece in data.pieces:
        branch = branches.get((piece.trial, piece.segment))
        if branch is not None:
            xs += [piece.start_step, data.last_step(piece)]
            ys += [branch.row, branch.row]
    label = f"the lineage of {data.winner}, the winner"
    if xs:
        axes.plot(xs, ys, color=style.WINNER, lw=width + 2.4, zorder=2, label=label)


def _draw_names(axes: "Axes", data: Data, branches: dict[Key, Branch]) -> None:
    living = [it for it in branches.values() if it.is_alive]
    for branch in living:
        won = data.pieces and branch.key == (data.pieces[-1].trial, data.pieces[-1].segment)
        if won or len(living) <= NAMED_MAX:
            axes.annotate(
                branch.key[0],
                (branch.end, branch.row),
                (4, 0),
                textcoords="offset points",
                fontsize="small" if won else "x-small",
                weight="bold" if won else "normal",
                va="center",
                annotation_clip=False,
            )
