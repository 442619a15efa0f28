"""What all pictures have in common: colours that everybody can tell apart, axes, writing a file.

Okabe and Ito's colours for members that are few, viridis for scores and for members that are many:
both can be told apart with any colour vision, and in print.
"""

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from pbtune.errors import SettingsError
from pbtune.reporting.plots.data import Data, Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OKABE_ITO: Final = (
    *("#E69F00", "#56B4E9", "#009E73", "#0072B2"),
    *("#D55E00", "#CC79A7", "#999999", "#B8A800"),
)
"""The seventh, black, is the winner's; the yellow is darkened, which white paper needs."""
WINNER: Final = "#111111"
COMPARED: Final = "#D55E00"
LINK: Final = "#8c8c8c"
QUIET: Final = "#bdbdbd"
DPI: Final = 130
_MARGIN_SHARE: Final = 0.05
_WIDE_DECADES: Final = 2.5
_NARROW_DECADES: Final = 0.5
_LIGHTEST: Final = 0.93
"""Of viridis: the share of it that is used."""


def library() -> Any:  # noqa: ANN401  matplotlib's module
    """matplotlib, imported when a picture is asked for.

    Raises:
        SettingsError: Without it; says how to install it.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415  optional and heavy
        import matplotlib.collections  # noqa: PLC0415  optional and heavy
        import matplotlib.colors  # noqa: PLC0415  optional and heavy
        import matplotlib.figure  # noqa: PLC0415  optional and heavy
        import matplotlib.ticker  # noqa: PLC0415  optional and heavy
        from matplotlib.backends import backend_agg  # noqa: PLC0415, F401  optional and heavy
    except ImportError as error:
        message = "pictures need matplotlib: pip install 'pbtune[plot]'"
        raise SettingsError(message) from error
    return mpl


def figure(width: float, height: float) -> "Figure":
    """An empty figure that no window and no global list knows; sizes in inches."""
    mpl = library()
    made = mpl.figure.Figure(figsize=(width, height), layout="constrained")
    mpl.backends.backend_agg.FigureCanvasAgg(made)
    return made


def axes_or_new(axes: "Axes | None", width: float = 9.0, height: float = 5.0) -> "Axes":
    """The caller's axes, or those of a new figure."""
    if axes is not None:
        return axes
    return figure(width, height).add_subplot()


def panels(axes: "Axes", count: int) -> "list[Axes]":
    """Divide axes into panels one below the other, which share their x-axis."""
    axes.set_axis_off()
    gap = 0.045
    each = (1 - gap * (count - 1)) / count
    made: list[Axes] = []
    for index in range(count):
        bottom = 1 - each - index * (each + gap)
        shared: dict[str, Any] = {"sharex": made[0]} if made else {}
        panel = axes.inset_axes((0.0, bottom, 1.0, each), **shared)
        panel.tick_params(labelbottom=index == count - 1)
        panel.grid(alpha=0.25)
        made.append(panel)
    return made


def save(made: "Figure", path: str | os.PathLike[str]) -> None:
    """Write a picture; the ending chooses the format.

    Raises:
        SettingsError: If it can't be written.
    """
    try:
        made.savefig(os.fspath(path), dpi=DPI)
    except (OSError, ValueError) as error:
        message = f"the picture can't be written to {path}: {error}"
        raise SettingsError(message) from error


def member_colors(data: Data) -> dict[str, Any]:
    """A colour for each member."""
    trials = data.view.trials
    if len(trials) <= len(OKABE_ITO):
        return {trial.id: OKABE_ITO[at] for at, trial in enumerate(trials)}
    viridis = library().colormaps["viridis"]
    return {trial.id: viridis(at / (len(trials) - 1)) for at, trial in enumerate(trials)}


def score_norm(scores: Sequence[float], *, is_falling: bool) -> tuple[Any, Any]:
    """(norm, colours) of scores: the lightest is the best, whether a score rises or falls.

    The worst twentieth is cut off at each end: one diverged member would leave one colour for all.
    """
    mpl = library()
    finite = sorted(it for it in scores if math.isfinite(it)) or [0.0]
    cut = int(len(finite) * _MARGIN_SHARE)
    low, high = finite[cut], finite[len(finite) - 1 - cut]
    if low == high:
        low, high = low - 0.5, high + 0.5
    viridis = mpl.colormaps["viridis"]
    # Its last yellows can't be seen on white paper.
    shades = [viridis(_LIGHTEST * at / 255) for at in range(256)]
    colors = mpl.colors.ListedColormap(shades[::-1] if is_falling else shades, "scores")
    return mpl.colors.Normalize(low, high, clip=True), colors.with_extremes(bad=QUIET)


def faded(colors: Any) -> Any:  # noqa: ANN401  matplotlib's
    """The same colours half-way to white."""
    mpl = library()
    shades = [[0.5 + 0.5 * part for part in colors(at)[:3]] for at in range(colors.N)]
    return mpl.colors.ListedColormap(shades, "faded scores").with_extremes(bad=QUIET)


def draw_lines(
    axes: "Axes",
    lines: Sequence[Sequence[tuple[float, float]]],
    *,
    colors: Any,  # noqa: ANN401  matplotlib's
    width: float,
    alpha: float | None = None,
    **look: Any,  # noqa: ANN401  matplotlib's
) -> Any:  # noqa: ANN401  matplotlib's
    """Draw many lines at once, each as its (x, y) points: a hundred times as fast as one by one."""
    made = library().collections.LineCollection(
        lines, colors=colors, linewidths=width, alpha=alpha, **look
    )
    axes.add_collection(made)
    axes.autoscale_view()
    return made


def color_bar(axes: "Axes", norm: Any, colors: Any, label: str) -> None:  # noqa: ANN401
    """Say what the colours mean, beside the axes."""
    mpl = library()
    mappable = mpl.cm.ScalarMappable(norm, colors)
    root = cast("Any", axes.get_figure(root=True))
    bar = root.colorbar(mappable, ax=axes, pad=0.015, shrink=0.7, aspect=30)
    bar.set_label(label)


def apply_scale(axes: "Axes", how: Scale, values: Sequence[float]) -> None:
    """Give the y-axis a hyperparameter's scale and name; ``values`` are those that are drawn."""
    if how.levels:
        axes.set_yticks(range(len(how.levels)), [plain(short(level)) for level in how.levels])
        axes.set_ylim(-0.5, len(how.levels) - 0.5)
    elif how.is_log:
        _apply_log(axes, [it for it in values if it > 0])
    axes.set_ylabel(plain(how.name))


def _apply_log(axes: "Axes", values: Sequence[float]) -> None:
    """A logarithmic y-axis whose ticks neither crowd nor lack, whatever it spans."""
    ticker = library().ticker
    axes.set_yscale("log")
    decades = math.log10(max(values) / min(values)) if values else 0.0
    subs = (1.0,) if decades > _WIDE_DECADES else (1.0, 2.0, 5.0)
    if decades < _NARROW_DECADES:
        subs = tuple(float(it) for it in range(1, 10))
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=subs, numticks=7))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _at: f"{value:.6g}"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def legend_above(axes: "Axes", title: str) -> None:
    """The title to the left, and the legend in the same line to the right: over no data."""
    axes.set_title(plain(title), fontsize="medium", loc="left")
    legend(axes, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1)


def legend(axes: "Axes", **where: Any) -> None:  # noqa: ANN401  matplotlib's
    """A legend, if there is anything to name."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**{"loc": "best", "fontsize": "small", "frameon": False, **where})


def short(value: object, width: int = 14) -> str:
    """A value as a label."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def plain(text: str) -> str:
    """Text that matplotlib shows as it is: a dollar would begin a formula."""
    return text.replace("$", r"\$")
