"""Colours, type sizes and canvases of all pictures; nothing global is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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

FORMATS = ("pdf", "png", "svg")
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
    # Locators ask for the size of the labels when the figure is drawn, outside this style.
    ax.tick_params(labelsize=9.0)
    return ax


def literal(text: str, limit: int = 28) -> str:
    """Return a name that matplotlib neither reads as mathematics nor hides from a legend."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    shown = short.replace("$", r"\$")
    return " " + shown if shown.startswith("_") else shown


def percent(value: float) -> str:
    """Write a probability in whole percent; what is not certain is never written as 0 or 100."""
    if 0.0 < value < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= value < 1.0 else f"{value:.0%}"


def signed(value: float) -> str:
    """Write a correlation with its sign, as the ticks of an axis do."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}")


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


def save(figure: Figure, path: Path) -> None:
    """Write a picture without clock or random identifiers: the same figure gives the same file.

    Parameters
    ----------
    figure : Figure
        What to write.
    path : Path
        File whose extension is one of `FORMATS`.
    """
    kind = path.suffix.lower().removeprefix(".")
    nothing = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
    with mpl.rc_context({"svg.hashsalt": "regimecorr"}):
        figure.savefig(path, format=kind, dpi=150, metadata=nothing.get(kind))
