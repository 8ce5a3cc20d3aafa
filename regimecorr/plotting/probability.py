"""The panel of the probability: one bar, made from plain numbers."""

from __future__ import annotations

import math
import textwrap

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from regimecorr.formatting import percent
from regimecorr.plotting.style import SKY, VERMILLION, drawing, spread

__all__ = ["plot_probability"]


def plot_probability(
    p_structural: float,
    p_unchanged: float,
    interval: tuple[float, float],
    *,
    label: str = "",
    thresholds: tuple[float, float] | None = (1 / 3, 2 / 3),
    calibrated: bool = False,
    reason: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the probability as one bar: structural, then transient, of which unchanged.

    Parameters
    ----------
    p_structural, p_unchanged : float
        Probabilities; with ``p_structural`` NaN the panel says ``reason``. ``p_unchanged`` may be
        NaN.
    interval : tuple of float
        5 % and 95 % quantiles of ``p_structural``, drawn as a whisker.
    label : str, default ""
        Stands in the title.
    thresholds : tuple of float or None, default (1/3, 2/3)
        Where the label changes: the ticks of the axis; None: plain ticks.
    calibrated : bool, default False
        Whether the probability was calibrated; said under the bar.
    reason : str, default ""
        Why there is no probability.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from regimecorr.plotting import plot_probability
    >>> ax = plot_probability(0.42, 0.2, (0.29, 0.57), label="undecided")
    >>> ax.texts[0].get_text().split()
    ['structural', '42%,', '29%', 'to', '57%']
    """
    with drawing(ax, 3.2, 3.5) as ax:
        ax.set_title(f"Probability: {label}" if label and not reason else "Probability")
        if math.isnan(p_structural):
            _say_why(ax, reason)
            return ax
        ax.set_xlim(0.0, 1.0)
        ax.set_ylim(0.0, 1.0)
        ax.grid(visible=False)
        p_unchanged = 0.0 if math.isnan(p_unchanged) else p_unchanged
        moved = max(1.0 - p_structural - p_unchanged, 0.0)
        left, width = 0.06, 0.3
        for bottom, height, color, hatch, name in (
            (0.0, p_structural, VERMILLION, "", "structural"),
            (p_structural, moved, SKY, "", "transient"),
            (p_structural + moved, p_unchanged, SKY, "///", "unchanged"),
        ):
            ax.bar(
                left,
                height,
                width,
                bottom,
                align="edge",
                color=color,
                hatch=hatch,
                edgecolor="white",
                linewidth=1.0,
                label=name,
            )
        _whisker(ax, left + width / 2, interval)
        transient = f"transient {percent(1.0 - p_structural)}"
        if p_unchanged >= 0.005:
            transient += f",\nunchanged (hatched)\n{percent(p_unchanged)}, model-based"
        texts = (
            f"structural {percent(p_structural)},\n"
            f"{percent(interval[0])} to {percent(interval[1])}",
            transient,
        )
        places = spread([p_structural / 2, (1.0 + p_structural) / 2], 0.22)
        for text, place in zip(texts, _inside(places, 0.1), strict=True):
            ax.text(left + width + 0.06, place, text, va="center", ha="left")
        ax.set_yticks([0.0, *(thresholds or (0.25, 0.5, 0.75)), 1.0])
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        ax.set_ylabel("probability (ticks: limits of the label)" if thresholds else "probability")
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        ax.set_xlabel("calibrated" if calibrated else "raw pool, not calibrated", loc="left")
        return ax


def _whisker(ax: Axes, x: float, interval: tuple[float, float]) -> None:
    for xs, ys in (
        ((x, x), interval),
        ((x - 0.035, x + 0.035), (interval[0], interval[0])),
        ((x - 0.035, x + 0.035), (interval[1], interval[1])),
    ):
        ax.plot(xs, ys, color="black", linewidth=1.8, solid_capstyle="butt", clip_on=False)


def _say_why(ax: Axes, reason: str) -> None:
    ax.set_axis_off()
    text = "\n".join(["None.", "", *textwrap.wrap(reason, 34)])
    ax.text(0.0, 0.95, text, transform=ax.transAxes, va="top", ha="left", linespacing=1.4)


def _inside(places: list[float], margin: float) -> list[float]:
    """Shift all places together so that none leaves the axis."""
    shift = max(0.0, margin - min(places)) - max(0.0, max(places) - (1.0 - margin))
    return [place + shift for place in places]
