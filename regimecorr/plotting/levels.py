"""The level audit: correlations of prices beside those of returns."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from regimecorr.formatting import percent
from regimecorr.plotting.style import (
    BLUE,
    INK,
    PALE,
    SKY,
    VERMILLION,
    drawing,
    legend_above,
)

__all__ = ["plot_levels"]

_ROSE = "#E9A87C"  # a pale vermillion: the short window of the same correlation


def plot_levels(
    correlation: pd.DataFrame,
    table: pd.DataFrame,
    *,
    band: tuple[float, float] = (0.6, 0.9),
    windows: tuple[int | str, int | str] = (90, 252),
    ax: Axes | None = None,
) -> Axes:
    """Draw the correlation of price levels against that of returns, by date.

    Levels wander, so their correlation swings between the extremes whether or not anything ties the
    legs together; under the picture stands how much of what it shows independent legs show too.

    Parameters
    ----------
    correlation : DataFrame
        By date ``levels_short``, ``levels_long``, ``returns_short`` and ``returns_long``, as the
        ``correlation`` of `audit_levels`.
    table : DataFrame
        Rows ``observed`` and ``independent`` with ``share_in_band``, ``episodes_per_year`` and
        ``share_resolved``, as the ``table`` of `audit_levels`.
    band : tuple of float, default (0.6, 0.9)
        Where the long correlation of levels is said to lie; shaded.
    windows : tuple of int or str, default (90, 252)
        Short and long window, for the legend.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_levels
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> paths = {"levels_short": [0.8, 0.1, -0.5], "levels_long": [0.9, 0.7, 0.3]}
    >>> paths |= {"returns_short": [0.5, 0.4, 0.5], "returns_long": 0.5}
    >>> figures = {"share_in_band": [0.36, 0.2], "episodes_per_year": [1.0, 0.96]}
    >>> figures |= {"share_resolved": [1.0, 0.99]}
    >>> table = pd.DataFrame(figures, index=["observed", "independent"])
    >>> ax = plot_levels(pd.DataFrame(paths, index=days), table)
    >>> ax.get_xlabel().splitlines()[0]
    'in [0.6, 0.9] on 36% of days (independent legs: 20%)'
    """
    short, long = (f"{w} rows" if isinstance(w, int) else str(w) for w in windows)
    with drawing(ax, 5.4, 4.0) as ax:
        ax.axhspan(*band, color=PALE, alpha=0.9, linewidth=0)
        ax.axhline(0.0, color=INK, linewidth=0.9)
        for column, label, color, dash, width in (
            ("levels_short", f"prices, {short}", _ROSE, "-", 0.9),
            ("levels_long", f"prices, {long}", VERMILLION, "-", 1.7),
            ("returns_short", f"returns, {short}", SKY, "-", 0.9),
            ("returns_long", f"returns, {long}", BLUE, "-", 1.7),
        ):
            if correlation[column].notna().any():
                ax.plot(correlation.index, correlation[column], color=color, linestyle=dash,
                        linewidth=width, label=label)  # fmt: skip
        ax.set_ylim(-1.02, 1.02)
        ax.yaxis.set_major_locator(MultipleLocator(0.5))
        if len(correlation):
            ax.set_xlim(correlation.index[0], correlation.index[-1])
        ax.set_ylabel("correlation")
        ax.set_xlabel(_shares(table, band), fontsize=8.5, loc="left", linespacing=1.4)
        ax.set_title("Correlation of prices, and of returns")
        legend_above(ax, 2)
        return ax


def _shares(table: pd.DataFrame, band: tuple[float, float]) -> str:
    """What the chart of levels shows here, and with nothing tying the legs together."""
    here, apart = (dict(table.loc[name]) for name in ("observed", "independent"))
    text = [
        f"in [{band[0]:g}, {band[1]:g}] on {percent(here['share_in_band'])} of days "
        f"(independent legs: {percent(apart['share_in_band'])})",
        f"negative spells a year {here['episodes_per_year']:.2f} "
        f"({apart['episodes_per_year']:.2f})",
    ]
    if np.isfinite([here["share_resolved"], apart["share_resolved"]]).all():
        text[1] += (
            f", resolved in time {percent(here['share_resolved'])} "
            f"({percent(apart['share_resolved'])})"
        )
    return "\n".join(line for part in text for line in textwrap.wrap(part, 66))
