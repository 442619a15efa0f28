"""The picture of descent: a tree over training steps, whose colours are scores."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from pbtune.reporting.plots import style
from pbtune.reporting.plots.data import Data, Run, read
from pbtune.reporting.plots.style import plain
from pbtune.reporting.plots.tree import Branch, Key, grown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAME_POINTS: Final = 8
"""The height of a name, in 1/72 inch."""
_HEIGHT_INCHES_MIN, _HEIGHT_INCHES_MAX, _ROW_INCHES = 4.0, 10.0, 0.13


def plot_lineage(run: Run, axes: "Axes | None" = None) -> "Axes":
    """Draw who descends from whom: each line trained, and each link up or down is a copy.

    The lightest is the best score. The winner's path is black beneath its colours; a line that ends
    before the right edge was replaced. Of more than 300 branches the shortest dead ones are left
    out, and the title says how many.

    Args:
        run: The run's folder, or its results; it may still be training.
        axes: Where to draw; a new figure's if it is left out.

    Raises:
        NoResult: If nothing was reported yet.
        SettingsError: Without matplotlib.
    """
    style.library()
    data = read(run)
    branches, left_out = grown(data)
    height = _ROW_INCHES * len(branches) + 1.2
    axes = style.axes_or_new(axes, 9.0, min(max(height, _HEIGHT_INCHES_MIN), _HEIGHT_INCHES_MAX))
    scores = [score for key in branches for score in data.series[key].values[data.metric]]
    norm, colors = style.score_norm(scores, is_falling=data.is_falling)
    row_points = 72 * min(height, _HEIGHT_INCHES_MAX) / len(branches)
    # Thin where there are many rows.
    width = min(3.0, max(1.0, 0.4 * row_points))
    _draw_links(axes, branches)
    _draw_path(axes, data, branches, width)
    _draw_branches(axes, data, branches, {"norm": norm, "cmap": colors, "linewidths": width})
    _draw_names(axes, data, branches, row_points)
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


def _draw_links(axes: "Axes", branches: dict[Key, Branch]) -> None:
    links = [
        [(branch.start, branches[branch.parent].row), (branch.start, branch.row)]
        for branch in branches.values()
        if branch.parent is not None
    ]
    style.draw_lines(axes, links, colors=style.LINK, width=0.6, zorder=1)


def _draw_branches(
    axes: "Axes", data: Data, branches: dict[Key, Branch], look: dict[str, Any]
) -> None:
    """All branches as two collections: those that led somewhere, and the dead ends."""
    for led in (True, False):
        parts: list[list[tuple[int, float]]] = []
        scores: list[float] = []
        for branch in branches.values():
            if led is (branch.is_alive or bool(branch.children)):
                series = data.series[branch.key]
                edges = [branch.start, *series.steps]
                parts += [[(a, branch.row), (b, branch.row)] for a, b in pairwise(edges)]
                scores += series.values[data.metric]
        shades = look["cmap"] if led else style.faded(look["cmap"])
        # Smoothed edges, or transparency, would leave a seam between two parts of one line.
        made = style.library().collections.LineCollection(
            parts,
            array=scores,
            capstyle="butt",
            antialiaseds=False,
            zorder=3,
            **{**look, "cmap": shades},
        )
        axes.add_collection(made)
    axes.autoscale_view()


def _draw_path(axes: "Axes", data: Data, branches: dict[Key, Branch], width: float) -> None:
    spans = [
        ((piece.start_step, data.last_step(piece)), branches[key].row)
        for piece in data.pieces
        if (key := (piece.trial, piece.segment)) in branches
    ]
    label = f"the lineage of {data.winner}, the winner"
    lines = [[(start, row), (end, row)] for (start, end), row in spans]
    black = {"colors": style.WINNER, "zorder": 2, "capstyle": "butt"}
    style.draw_lines(axes, lines, width=width + 3.0, label=label, **black)
    steps = [[(b[0][0], a[1]), (b[0][0], b[1])] for a, b in pairwise(spans)]
    style.draw_lines(axes, steps, width=1.2, **black)


def _draw_names(axes: "Axes", data: Data, branches: dict[Key, Branch], row_points: float) -> None:
    """The winner's name, and of the other living members as many as there is room for."""
    living = sorted((it for it in branches.values() if it.is_alive), key=lambda it: it.row)
    won = data.pieces[-1] if data.pieces else None
    first = [it for it in living if won is not None and it.key == (won.trial, won.segment)]
    named: list[float] = []
    for branch in [*first, *living]:
        if any(abs(branch.row - row) * row_points < _NAME_POINTS for row in named):
            continue
        named.append(branch.row)
        axes.annotate(
            branch.key[0],
            (branch.end, branch.row),
            (4, 0),
            textcoords="offset points",
            fontsize="small" if branch in first else "x-small",
            weight="bold" if branch in first else "normal",
            va="center",
            annotation_clip=False,
        )
