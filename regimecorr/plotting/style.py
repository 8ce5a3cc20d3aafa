"""Colours, type sizes and canvases of all pictures; nothing global is changed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from regimecorr.files import replace_file
from regimecorr.formatting import signed

#: Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
SKY = "#56B4E9"
ORANGE = "#E69F00"
INK = "#222222"
GREY = "#666666"
SILVER = "#999999"
PALE = "#E8E8E8"
#: Points that a letter of a legend and of a title takes, and the mark before an entry.
_LETTER, _CAPITAL, _ENTRY = 4.9, 6.4, 21.0
#: Asset and benchmark.
LEGS = (BLUE, ORANGE)

_RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.3,
    "lines.solid_capstyle": "round",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style, whatever the caller's settings, and restore them afterwards."""
    with matplotlib.style.context(["default", _RC]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return a figure that pyplot does not know, so that nobody has to close it."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the caller's axes or those of a new figure."""
    ax = new_figure(width, height).subplots() if ax is None else ax
    # Ticks are made when the figure is drawn, outside this style.
    ax.tick_params(
        labelsize=9.0, color=GREY, labelcolor=INK, grid_color=PALE, grid_linewidth=0.7, grid_alpha=1
    )
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(visible=True)
    ax.set_axisbelow(True)
    return ax


@contextmanager
def drawing(ax: Axes | None, width: float, height: float) -> Iterator[Axes]:
    """Open a picture: the house style, on the caller's axes or those of a new figure (inches)."""
    with style():
        yield axes_or_new(ax, width, height)


def literal(text: str, limit: int = 28) -> str:
    """Return a name that matplotlib neither reads as mathematics nor hides from a legend."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    shown = short.replace("$", r"\$")
    return " " + shown if shown.startswith("_") else shown


def number(value: float) -> str:
    """Write a correlation with its sign, as the ticks of an axis do."""
    return signed(value, minus="\N{MINUS SIGN}")


def spread(values: list[float], distance: float) -> list[float]:
    """Move numbers apart until neighbours keep a distance; their order stays."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    placed = [values[i] for i in order]
    for _ in range(50):
        for i in range(len(placed) - 1):
            lack = distance - (placed[i + 1] - placed[i])
            if lack > 1e-9:
                placed[i] -= lack / 2
                placed[i + 1] += lack / 2
    out = [0.0] * len(values)
    for place, i in zip(placed, order, strict=True):
        out[i] = place
    return out


def legend_above(
    ax: Axes, columns: int, handles: list[Any] | None = None, labels: list[str] | None = None
) -> None:
    """Draw a legend above the data, where it hides none; call it after the title is set.

    It stands in the line of the title, or, where that is too short, in lines of its own between
    title and data, of at most ``columns`` entries each.
    """
    known, names = ax.get_legend_handles_labels()
    handles, labels = known if handles is None else handles, names if labels is None else labels
    if not handles:
        return
    title = ax.get_title(loc="left")
    width = 72.0 * ax.get_window_extent().width / ax.figure.dpi
    entries = [_ENTRY + _LETTER * len(label) for label in labels]
    beside = len(entries) <= columns and _CAPITAL * len(title) + sum(entries) <= width
    fitting = len(entries) if beside else _columns_that_fit(entries, min(columns, 6), width)
    ax.legend(
        handles,
        labels,
        loc="lower right" if beside else "lower left",
        bbox_to_anchor=(1.0 if beside else 0.0, 1.0),
        borderaxespad=0.2,
        borderpad=0.4 if beside else 0.2,
        ncols=fitting,
        columnspacing=0.8,
        handlelength=1.2,
        handletextpad=0.4,
        labelspacing=0.25,
    )
    if not beside:
        lines = -(-len(entries) // fitting)
        ax.set_title(title, pad=6.0 + 12.0 * lines)


def _columns_that_fit(entries: list[float], most: int, width: float) -> int:
    """The most columns, filled from top to bottom, that are no wider than ``width`` together."""
    for columns in range(min(most, len(entries)), 1, -1):
        lines = -(-len(entries) // columns)
        if sum(max(entries[i : i + lines]) for i in range(0, len(entries), lines)) <= width:
            return columns
    return 1


def draw_legs(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw the series of asset and benchmark, in this order, each in its colour."""
    for name, color in zip(frame.columns, LEGS, strict=False):
        ax.plot(frame.index, frame[name], color=color, label=literal(str(name)))


def name_rows(ax: Axes, names: Iterable[Any]) -> None:
    """Make the vertical axis a list of names, the first on top."""
    shown = [literal(str(name)) for name in names]
    ax.set_yticks(range(len(shown)), shown)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")


def note_right(ax: Axes, y: float, text: str, *, color: str = INK, size: float = 8.5) -> None:
    """Write beside the right edge, at a height of the data."""
    ax.annotate(
        text,
        (1.01, y),
        xycoords=ax.get_yaxis_transform(),
        va="center",
        ha="left",
        color=color,
        fontsize=size,
        annotation_clip=False,
    )


def spells_of(flag: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of True as (first, stop) rows."""
    edges = np.flatnonzero(np.diff(np.r_[0, flag.astype(int), 0]))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def place_of(day: pd.Timestamp) -> float:
    """Where a day lies on an axis of dates."""
    return float(date2num(day))  # type: ignore[no-untyped-call]


def correlation_limits(values: npt.NDArray[np.float64], share: float = 0.04) -> tuple[float, float]:
    """Return limits around values and zero, with room for a share of the span, in [-1, 1]."""
    known = values[np.isfinite(values)]
    if not known.size:
        return -1.0, 1.0
    low, high = min(float(known.min()), 0.0), max(float(known.max()), 0.0)
    room = max(share * (high - low), 0.02)
    return max(low - room, -1.0), min(high + room, 1.0)


def save(figure: Figure, path: Path) -> None:
    """Write a picture without clock or random identifiers: the same figure gives the same file.

    Parameters
    ----------
    figure : Figure
        What to write.
    path : Path
        File whose extension is "svg", "pdf" or "png"; it appears whole or not at all.

    Examples
    --------
    >>> from pathlib import Path
    >>> from regimecorr.plotting import plot_probability, save
    >>> save(plot_probability(0.42, 0.2, (0.29, 0.57)).figure, Path("probability.svg"))
    """
    kind = path.suffix.lower().removeprefix(".")
    nothing = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
    target = io.BytesIO()
    # A third of a point is less than any line is wide; long series then take far fewer bytes.
    with mpl.rc_context({"svg.hashsalt": "regimecorr", "path.simplify_threshold": 1 / 3}):
        figure.savefig(target, format=kind, dpi=150, metadata=nothing.get(kind))
    replace_file(path, target.getvalue())
